"""Turns a graph of Anemoi into one of wxml: the same nodes, edges and features, with the edges in our order."""

__all__ = ["AnemoiEdges", "graph_from_anemoi"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, NodeSet
from wxml.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class AnemoiEdges:
    """One set of edges, in the order of the `HeteroData` of anemoi-graphs."""

    index: NDArray[np.int64]
    """Source and target of each edge, shape `[2, edge]`: `graph["data", "to", "hidden"].edge_index`."""
    features: NDArray[np.float32]
    """Shape `[edge, feature]`: the attributes that the model reads, in the order of its config."""

    def __post_init__(self) -> None:
        if self.index.shape != (2, len(self.features)):
            raise DataError(
                f"`index` of the edges must have shape [2, {len(self.features)}] like the features, got "
                f"{list(self.index.shape)}",
                fix="take `edge_index` and the attributes from the same edges of the graph",
            )

    def edge_set(self, source_count: int, target_count: int) -> EdgeSet:
        """The edges sorted by target and then by source, with their features as they are."""
        source, target = self.index[:, self.order]
        return EdgeSet(source, target, source_count, target_count, self.features[self.order])

    @property
    def rows(self) -> NDArray[np.int64]:
        """For each edge of `edge_set`, the row of its learned features at Anemoi; shape `[edge]`.

        Anemoi sorts the edges of a model by target alone, and keeps the order of the graph among those of one target.
        """
        rows: NDArray[np.int64] = np.argsort(np.argsort(self.index[1], kind="stable"))[self.order]
        return rows

    @property
    def order(self) -> NDArray[np.int64]:
        """For each edge of `edge_set`, its number here; shape `[edge]`."""
        source, target = self.index
        return np.lexsort((source, target))


def graph_from_anemoi(nodes: Mapping[str, NDArray[np.floating]], edges: Mapping[tuple[str, str], AnemoiEdges]) -> Graph:
    """The graph that a model of Anemoi was trained on.

    Args:
        nodes: latitudes and longitudes in radians by our name of the node set (`grid`, `mesh`), shape `[node, 2]`:
            `graph["data"].x`.
        edges: by our names, such as `("grid", "mesh")`.
    """
    sets = {name: NodeSet(*np.degrees(np.asarray(places, np.float64)).T) for name, places in nodes.items()}
    found = {
        (source, target): each.edge_set(len(sets[source]), len(sets[target]))
        for (source, target), each in edges.items()
    }
    return Graph(sets, found)
