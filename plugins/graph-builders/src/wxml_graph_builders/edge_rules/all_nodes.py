"""The EdgeBuilder `all`: every target node reads every source node."""

__all__ = ["All"]

from typing import Annotated

import numpy as np
from pydantic import Field
from wxml.errors import DataError

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs


class All(EdgeBuilder):
    """Every target node reads every source node; for small meshes and the coarsest level of a hierarchy."""

    def __init__(
        self,
        *,
        self_edges: Annotated[bool, Field(description="of a node set with itself: every node reads itself too")] = (
            False
        ),
        maximum: Annotated[int, Field(gt=0, description="refuse to make more edges than this")] = 10_000_000,
    ) -> None:
        self.self_edges = self_edges
        self.maximum = maximum

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        count = len(source) * len(target)
        if count > self.maximum:
            raise DataError(
                f"all pairs of {len(source)} and {len(target)} nodes are {count} edges, more than `maximum`, "
                f"{self.maximum}",
                fix="join fewer nodes, or raise `maximum`",
            )
        into, start = np.divmod(np.arange(count), len(source))
        pairs = np.stack([start, into], axis=1)
        return pairs[start != into] if source is target and not self.self_edges else pairs
