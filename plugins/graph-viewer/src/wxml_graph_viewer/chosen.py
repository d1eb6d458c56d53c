"""The node sets and edge sets that a picture shows."""

__all__ = ["Chosen", "Pair", "choose"]

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wxml import Graph
from wxml.errors import ArtefactError

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names of node sets, and pairs of such names."""

    nodes: tuple[str, ...]
    edges: tuple[Pair, ...]


def choose(graph: Graph, nodes: Sequence[str] = (), edges: Sequence[str] = ()) -> Chosen:
    """Choose sets of a graph by name.

    Args:
        graph: the graph.
        nodes: names of node sets; none: all of them. `none` alone: no nodes.
        edges: edge sets as `SOURCE/TARGET`; none: those among the nodes of the mesh. `all` or `none` alone.

    Raises:
        ArtefactError: the graph has no such set.
    """
    pairs = {"/".join(pair): pair for pair in graph.edges}
    some = [name for name, pair in pairs.items() if pair[0] == pair[1] == "mesh"] or list(pairs)
    shown = _known("--nodes", nodes or ("all",), graph.nodes)
    return Chosen(tuple(shown), tuple(pairs[name] for name in _known("--edges", edges or some, pairs)))


def _known(option: str, asked: Sequence[str], names: Iterable[str]) -> list[str]:
    known = list(names)
    if list(asked) in (["all"], ["none"]):
        return known if asked[0] == "all" else []
    for name in asked:
        if name not in known:
            raise ArtefactError(
                f"`{option}` must be sets of the graph, got {name!r}", fix=f"choose of {', '.join(known)}, all, none"
            )
    return [name for name in known if name in asked]
