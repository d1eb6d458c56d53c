"""The EdgeBuilder `multi-scale`: the edges of several levels of a mesh."""

__all__ = ["MultiScale", "within_hops"]

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.sparse import coo_array, eye_array
from wxml.errors import DataError

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs


class MultiScale(EdgeBuilder):
    """The union of the edges of a mesh's levels, of any mesh that says its levels.

    Level 0 is the coarsest. With `hops: n`, a node reads on each level all nodes that n steps lead to.
    """

    def __init__(
        self,
        *,
        coarsest: Annotated[int, Field(ge=0, le=20, description="the coarsest level whose edges join nodes")] = 0,
        finest: Annotated[
            int | None, Field(ge=0, le=20, description="the finest level; null: the finest that there is")
        ] = None,
        hops: Annotated[int, Field(ge=1, le=8, description="steps that one edge spans on its level")] = 1,
        self_edges: Annotated[bool, Field(description="every node reads itself too")] = False,
    ) -> None:
        self.coarsest, self.finest, self.hops, self.self_edges = coarsest, finest, hops, self_edges

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        if source is not target:
            raise DataError(
                "edges `multi-scale` join the nodes of one mesh, got two node sets",
                fix="write the same name in `from` and `to`, or join two sets by `nearest`",
            )
        if not source.levels:
            raise DataError(
                "edges `multi-scale` need a mesh that says its levels, and this one says none",
                fix="join it by `nearest` or `radius`, or choose `triangles`, `healpix` or `stretched`",
            )
        finest = len(source.levels) - 1 if self.finest is None else self.finest
        if not self.coarsest <= finest < len(source.levels):
            raise DataError(
                f"the levels of this mesh are 0 to {len(source.levels) - 1}, got `coarsest` {self.coarsest} and "
                f"`finest` {finest}",
                fix="choose both from these levels, `finest` not below `coarsest`",
            )
        wanted = source.levels[self.coarsest : finest + 1]
        pairs = [within_hops(level, len(source), self.hops) for level in wanted]
        every = np.repeat(np.arange(len(source) if self.self_edges else 0), 2).reshape(-1, 2)
        return np.concatenate([each.T for each in (*pairs, every)], axis=1).T  # each column in one piece


def within_hops(pairs: Pairs, count: int, hops: int) -> Pairs:
    """Pairs of different nodes that so many steps along some edges, or fewer, lead from one to the other."""
    if hops == 1 or not len(pairs):
        return pairs
    ones = np.ones(len(pairs), np.int32)
    step = (coo_array((ones, (pairs[:, 0], pairs[:, 1])), (count, count)) + eye_array(count, dtype=np.int32)).tocsr()
    reached = step
    for _ in range(hops - 1):
        reached = reached @ step
        reached.data[:] = 1
    start, end = reached.nonzero()
    return np.asarray(np.stack([start, end], axis=1)[start != end], np.int64)
