"""The mesh with edges of several lengths, and the graph that joins it with the grid."""

__all__ = ["DECODER", "ENCODER", "mesh_graph", "multi_scale_mesh", "refuse_coarsest"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, Grid, Mesh, NodeSet
from wxml.errors import DataError

from wxml_graph_builders.edges import NearestEdges, RadiusEdges

ENCODER = RadiusEdges()
DECODER = NearestEdges()


def mesh_graph(grid: Grid, mesh: Mesh, encoder: RadiusEdges, decoder: NearestEdges) -> Graph:
    """Node sets `grid` and `mesh`, and the edges grid → mesh, mesh → mesh and mesh → grid."""
    nodes = NodeSet.of_grid(grid)
    edges = {
        ("grid", "mesh"): encoder.between(nodes, mesh.nodes),
        ("mesh", "mesh"): mesh.edges,
        ("mesh", "grid"): decoder.between(mesh.nodes, nodes),
    }
    return Graph({"grid": nodes, "mesh": mesh.nodes}, edges)


def multi_scale_mesh(nodes: NodeSet, levels: Sequence[NDArray[np.int64]]) -> Mesh:
    """The mesh whose edges are the union of the levels' directed edges, each of shape `[edge, 2]`."""
    pairs = np.concatenate(levels)
    return Mesh(nodes, EdgeSet.between(nodes, nodes, pairs[:, 0], pairs[:, 1]))


def refuse_coarsest(coarsest: int, finest: int) -> None:
    """Refuse `coarsest` if the mesh would have no edges.

    Raises:
        DataError: `coarsest` is greater than `finest`, the finest level.
    """
    if coarsest > finest:
        raise DataError(
            f"`coarsest` must not be above the finest level of the mesh, {finest}, got {coarsest}",
            fix=f"choose `coarsest` from 0 to {finest}, or a finer mesh",
        )
