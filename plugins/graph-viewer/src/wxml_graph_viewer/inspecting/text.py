"""What a graph is, as lines for a terminal."""

__all__ = ["as_text"]

from typing import Any, Final

from wxml.memory import format_size
from wxml.terminal import columns

Facts = dict[str, Any]
NODES: Final = ("nodes", "count", "spacing (km)", "latitudes", "longitudes", "isolated", "memory", "attributes")
EDGES: Final = ("edges", "count", "out of a node", "into a node", "length (km)", "unread", "unreached", "memory")


def as_text(facts: Facts) -> str:
    """The facts of `describe` in lines: a table of the nodes, one of the edges, and the warnings."""
    graph = facts["made_of"].get("graph", {})
    head = [("graph", facts["path"]), ("identity", facts["identity"]), ("builder", str(graph.get("plugin", "")))]
    nodes = [NODES, *(_node_row(name, said) for name, said in facts["nodes"].items())]
    edges = [EDGES, *(_edge_row(name, said) for name, said in facts["edges"].items())]
    warnings = [f"warning: {text}" for text in facts["warnings"]]
    return "\n".join(
        [
            *columns([row for row in [*head, ("memory", format_size(facts["memory"]))] if row[1]]),
            "",
            *columns(nodes, right={1, 2, 5, 6}),
            "",
            *columns(edges, right=set(range(1, 8))),
            *(["", *warnings] if warnings else []),
        ]
    )


def _node_row(name: str, said: Facts) -> tuple[str, ...]:
    south, north, west, east = (said[side] for side in ("south", "north", "west", "east"))
    latitudes = f"{south:.5g} to {north:.5g}" if said["count"] else "–"
    longitudes = "–" if not said["count"] else "all" if said["is_global"] else f"{west:.5g} to {east:.5g}"
    attributes = ", ".join(said["attributes"])
    sizes = (_three(said["spacing_km"]), latitudes, longitudes, str(said["isolated"]), format_size(said["memory"]))
    return name, str(said["count"]), *sizes, attributes


def _edge_row(name: str, said: Facts) -> tuple[str, ...]:
    ranges = (_three(said[key]) for key in ("edges_out", "edges_in", "length_km"))
    return name, str(said["count"]), *ranges, str(said["unread"]), str(said["unreached"]), format_size(said["memory"])


def _three(values: dict[str, float]) -> str:
    """The least, the median and the greatest value."""
    return " / ".join(f"{value:.4g}" for value in values.values()) or "–"
