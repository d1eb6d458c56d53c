"""What looks wrong in a graph: each warning says how many nodes or edges it is about, and where the first one is."""

__all__ = ["Suspect", "warnings_of"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import Graph, NodeSet
from wxml.data.sphere import spans_globe

from wxml_graph_viewer.inspecting.measures import crossings, degrees, pieces, same_places

TOO_COARSE: Final = 8.0
"""A mesh of so many times the spacing of the data cannot show most of what they hold."""
OUTLYING: Final = 8
"""A degree of so many times the median, and more than this number, stands out."""
GAP: Final = 0.5
"""A meridian that is crossed by this share of the edges that cross others is a gap."""
MERIDIANS: Final = np.arange(0, 360, 15.0)


@dataclass(frozen=True, slots=True, eq=False)
class Suspect:
    """A graph, and what was measured of it."""

    graph: Graph
    distances: Mapping[str, NDArray[np.float64]]
    """By node set: from each node to the nearest other one, km."""
    lengths: Mapping[tuple[str, str], NDArray[np.float64]]
    """By pair: of each edge, km."""

    @property
    def data(self) -> list[str]:
        """The node sets that the data are on."""
        return [name for name in self.graph.nodes if name == "grid" or name.startswith("data:")]


def warnings_of(suspect: Suspect) -> list[str]:
    """The warnings about a graph."""
    return [text for check in CHECKS for text in check(suspect)]


def _isolated(suspect: Suspect) -> Iterator[str]:
    graph = suspect.graph
    for name, nodes in graph.nodes.items():
        joined = np.zeros(len(nodes), bool)
        for (source, target), edges in graph.edges.items():
            out, into = degrees(edges)
            joined |= (out > 0) if source == name else False
            joined |= (into > 0) if target == name else False
        yield from _nodes(name, nodes, np.flatnonzero(~joined), "have no edge at all")


def _unread(suspect: Suspect) -> Iterator[str]:
    graph = suspect.graph
    for name in suspect.data:
        for pair, side, what in (((name, "mesh"), 0, "no edge to the mesh"), (("mesh", name), 1, "no edge from it")):
            if pair in graph.edges:
                lacking = np.flatnonzero(degrees(graph.edges[pair])[side] == 0)
                yield from _nodes(name, graph.nodes[name], lacking, f"have {what}")


def _unfed(suspect: Suspect) -> Iterator[str]:
    """Mesh nodes that no data node reaches: they hold nothing but what other mesh nodes send them."""
    graph = suspect.graph
    readers = [graph.edges[name, "mesh"] for name in suspect.data if (name, "mesh") in graph.edges]
    if readers:
        reached = np.any([degrees(edges)[1] > 0 for edges in readers], axis=0)
        yield from _nodes("mesh", graph.nodes["mesh"], np.flatnonzero(~reached), "get no edge from the data")


def _same_place(suspect: Suspect) -> Iterator[str]:
    for name, distances in suspect.distances.items():
        yield from _nodes(name, suspect.graph.nodes[name], same_places(distances), "share their place with another")


def _coarse(suspect: Suspect) -> Iterator[str]:
    mesh = suspect.distances.get("mesh", np.zeros(0))
    for name in suspect.data:
        spacing = suspect.distances[name]
        if mesh.size and spacing.size and np.median(mesh) > TOO_COARSE * max(float(np.median(spacing)), 1e-9):
            yield (
                f"`mesh` is much coarser than `{name}`: {np.median(mesh):.4g} km from node to node, "
                f"and {np.median(spacing):.4g} km"
            )


def _outlying(suspect: Suspect) -> Iterator[str]:
    for (source, target), edges in suspect.graph.edges.items():
        for name, count, what in zip((source, target), degrees(edges), ("leave", "reach"), strict=True):
            usual = float(np.median(count)) if count.size else 0.0
            most = np.flatnonzero(count > OUTLYING * max(usual, 1.0))
            first = f"; {usual:g} is usual, {count.max()} the most" if count.size else ""
            told = f"have far more edges {source} → {target} that {what} them than others{first}"
            yield from _nodes(name, suspect.graph.nodes[name], most, told)


def _gaps(suspect: Suspect) -> Iterator[str]:
    """A mesh that was not closed at the date line or at Greenwich."""
    for (source, target), edges in suspect.graph.edges.items():
        nodes = suspect.graph.nodes[source]
        if source != target or not len(edges) or not spans_globe(nodes.latitudes, nodes.longitudes):
            continue
        counts = crossings(suspect.graph, source, target, MERIDIANS)
        usual = float(np.median(counts))
        for meridian, count in zip(MERIDIANS, counts, strict=True):
            if count < GAP * usual:
                yield (
                    f"edges {source} → {target} have a gap at {_longitude(meridian)}: {count} cross it, {usual:g} "
                    "cross another meridian"
                )


def _apart(suspect: Suspect) -> Iterator[str]:
    for (source, target), edges in suspect.graph.edges.items():
        if source == target and (count := pieces(edges)) > 1:
            yield f"edges {source} → {target} leave `{source}` in {count} pieces that nothing joins"


def _nodes(name: str, nodes: NodeSet, numbers: NDArray[np.int64], what: str) -> Iterator[str]:
    """One warning about some nodes of a set, if there are any."""
    if len(numbers):
        first = int(numbers[0])
        place = f"{_latitude(nodes.latitudes[first])} {_longitude(nodes.longitudes[first])}"
        yield f"{len(numbers)} of {len(nodes)} nodes of `{name}` {what}; the first is node {first} at {place}"


def _latitude(degrees: float) -> str:
    return f"{abs(degrees):.6g}°{'N' if degrees >= 0 else 'S'}"


def _longitude(degrees: float) -> str:
    east = (degrees + 180) % 360 - 180
    return f"{abs(east):.6g}°{'E' if east >= 0 else 'W'}"


CHECKS: tuple[Callable[[Suspect], Iterator[str]], ...] = (
    _unread,
    _unfed,
    _isolated,
    _same_place,
    _coarse,
    _outlying,
    _gaps,
    _apart,
)
