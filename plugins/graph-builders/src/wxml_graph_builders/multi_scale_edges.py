"""Edges of several lengths on one set of nodes: the edges of coarser meshes join its distant nodes directly."""

__all__ = ["multi_scale_mesh", "refuse_coarsest"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Mesh, NodeSet
from wxml.errors import DataError


def multi_scale_mesh(nodes: NodeSet, levels: Sequence[NDArray[np.int64]]) -> Mesh:
    """The mesh whose edges are the union of the levels' directed edges, each of shape `[edge, 2]`."""
    pairs = np.concatenate(levels)
    return Mesh(nodes, EdgeSet.between(nodes, nodes, pairs[:, 0], pairs[:, 1]))


def refuse_coarsest(coarsest: int, finest: int) -> None:
    """Refuse a mesh that would be left without edges.

    Raises:
        DataError: `coarsest` is finer than the finest level.
    """
    if coarsest > finest:
        raise DataError(
            f"`coarsest` must not be above the finest level of the mesh, {finest}, got {coarsest}",
            fix=f"choose `coarsest` from 0 to {finest}, or a finer mesh",
        )
