"""A static map of a graph, as PNG or SVG."""

__all__ = ["FORMATS", "draw_map", "write_map"]

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from numpy.typing import NDArray
from wxml import Graph
from wxml.errors import ArtefactError
from wxml.files.staging import staged
from wxml.terminal import printable

from wxml_graph_viewer.chosen import Chosen, Pair
from wxml_graph_viewer.drawing.lines import arcs, coasts
from wxml_graph_viewer.drawing.palette import PALETTE
from wxml_graph_viewer.drawing.projection import Azimuthal, Projection, World
from wxml_graph_viewer.inspecting.measures import edge_lengths
from wxml_graph_viewer.opening import Opened
from wxml_graph_viewer.values import node_values

FORMATS: Final = (".png", ".svg")
SIZE, DOTS = 8.0, 150
COLOURS: Final = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKED: Final = "#1b1f24"
"""The colour of the nodes of a mask."""
MOST_EDGES: Final = 200_000
"""Of an edge set with more edges only every k-th is drawn, and the title says so."""
VECTORS: Final = 20_000
"""Of more marks a picture of dots stands in an SVG."""
LENGTH: Final = "length"


def write_map(
    opened: Opened, chosen: Chosen, projection: Projection, target: Path, *, colour: str = "", overwrite: bool = False
) -> None:
    """Write the map of a graph, beside the target and then renamed; the same graph gives the same bytes.

    Args:
        opened: the graph.
        chosen: the sets that are drawn.
        projection: how.
        target: a file `.png` or `.svg`.
        colour: what nodes are coloured by (`node_values`), or `length` for the edges; empty: one colour for each set.
        overwrite: replace a file that is there.

    Raises:
        ArtefactError: no set has these values, or the file may not be written.
    """
    kind = target.suffix.lower().removeprefix(".")
    with staged(target, overwrite=overwrite) as temporary, rc_context({"svg.hashsalt": "wxml"}):
        figure = draw_map(opened.graph, chosen, projection, title=opened.path.stem, colour=colour)
        undated = {"Software": None} if kind == "png" else {"Date": None, "Creator": None}
        figure.savefig(temporary, format=kind, dpi=DOTS, metadata=undated)


def draw_map(graph: Graph, chosen: Chosen, projection: Projection, *, title: str = "", colour: str = "") -> Figure:
    """Draw the map of a graph; the arguments are those of `write_map`."""
    values = {name: node_values(graph, name) for name in chosen.nodes}
    known = sorted({label for found in values.values() for label in found} | ({LENGTH} if chosen.edges else set()))
    if colour and colour not in known:
        raise ArtefactError(
            f"`--colour` must be a value of the sets that are drawn, got {colour!r}",
            fix=f"choose of {', '.join(known)}",
        )
    is_round = isinstance(projection, Azimuthal)
    figure = Figure(figsize=(SIZE, SIZE) if is_round else (1.4 * SIZE, 0.72 * SIZE), layout="constrained")
    axes = figure.add_subplot()
    _ground(axes, projection)
    _limits(axes, graph, chosen, projection)
    for number, pair in enumerate(chosen.edges):
        _edges(axes, graph, pair, projection, COLOURS[(number + 3) % len(COLOURS)], colour == LENGTH)
    for number, name in enumerate(chosen.nodes):
        _nodes(axes, graph, name, projection, COLOURS[number % len(COLOURS)], values[name].get(colour), colour)
    axes.set_title(printable(title), loc="left", fontsize=11, parse_math=False)
    legend = axes.legend(loc="upper left", bbox_to_anchor=(0, 0), fontsize=9, ncols=3, frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def _ground(axes: Axes, projection: Projection) -> None:
    """The coasts, below everything, and the limb of a globe."""
    axes.add_collection(
        LineCollection(list(_seen(coasts(), projection)[0]), colors="#8b8f94", linewidths=0.7, zorder=1)
    )
    if _is_globe(projection):
        axes.add_patch(Circle((0, 0), 1, facecolor="#f4f6f8", edgecolor="#8b8f94", linewidth=0.8, zorder=0))
    axes.set_aspect("equal")
    axes.set_axis_off()


def _is_globe(projection: Projection) -> bool:
    return isinstance(projection, Azimuthal) and projection.kind == "globe"


def _limits(axes: Axes, graph: Graph, chosen: Chosen, projection: Projection) -> None:
    """The whole globe or world, or as much of a map as the nodes of the sets that are drawn take."""
    if isinstance(projection, World):
        axes.set(xlim=(-181, 181), ylim=(-91, 91))
        return
    names = {*chosen.nodes, *(name for pair in chosen.edges for name in pair)}
    places = np.concatenate([np.zeros((0, 2)), *(_places(graph, name, projection) for name in sorted(names))])
    if _is_globe(projection) or not len(places):
        axes.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02))
        return
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.05 * float((high - low).max()) or 0.05
    axes.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin))


def _places(graph: Graph, name: str, projection: Projection) -> NDArray[np.float64]:
    places, is_seen = projection.plane(graph.nodes[name].points)
    return places[is_seen]


def _seen(pieces: NDArray[np.float64], projection: Projection) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The pieces of lines that are seen, shape `[piece, 2, 2]`, and which of all they are."""
    places, is_seen = projection.plane(pieces)
    kept = is_seen.all(axis=1) & projection.is_joined(places[:, 0], places[:, 1])
    return places[kept], kept


def _edges(axes: Axes, graph: Graph, pair: Pair, projection: Projection, colour: str, by_length: bool) -> None:
    edges = graph.edges[pair]
    numbers = np.arange(0, len(edges), max(1, -(-len(edges) // MOST_EDGES)))
    start = graph.nodes[pair[0]].points[edges.source[numbers]]
    pieces, owner = arcs(start, graph.nodes[pair[1]].points[edges.target[numbers]])
    lines, kept = _seen(pieces, projection)
    label = f"{' → '.join(pair)}: {_count(len(numbers), len(edges), 'edges')}"
    width = float(np.clip(40 / np.sqrt(max(len(lines), 1)), 0.15, 0.9))
    shown = LineCollection(list(lines), linewidths=width, zorder=2, label=label, rasterized=len(lines) > VECTORS)
    if by_length:
        shown.set(array=edge_lengths(graph, *pair)[numbers][owner][kept], cmap=PALETTE)
        _bar(axes, shown, f"length of {' → '.join(pair)} (km)")
    else:
        shown.set(color=colour, alpha=0.7)
    axes.add_collection(shown)


def _nodes(
    axes: Axes,
    graph: Graph,
    name: str,
    projection: Projection,
    colour: str,
    values: NDArray[Any] | None,
    label: str,
) -> None:
    nodes = graph.nodes[name]
    places, is_seen = projection.plane(nodes.points)
    size = float(np.clip(9000 / max(int(is_seen.sum()), 1), 0.3, 26))
    x, y = places[is_seen].T
    draw = partial(axes.scatter, s=size, linewidths=0, zorder=3, rasterized=len(x) > VECTORS)
    counted = f"{name}: {len(nodes)} nodes"
    if values is None or values.dtype == bool:
        draw(x, y, color=colour, label=counted)
    else:
        _bar(axes, draw(x, y, c=values[is_seen], cmap=PALETTE, label=counted), f"{label} of {name}")
    if values is not None and values.dtype == bool:
        marked = values[is_seen]
        draw(x[marked], y[marked], color=MARKED, label=f"{label} of {name}: {int(values.sum())} nodes")


def _bar(axes: Axes, shown: Any, label: str) -> None:
    bar = axes.get_figure().colorbar(shown, ax=axes, shrink=0.6, pad=0.02)  # type: ignore[union-attr]
    bar.ax.set_ylabel(label, fontsize=9, parse_math=False)
    bar.ax.tick_params(labelsize=8)


def _count(shown: int, count: int, what: str) -> str:
    return f"{count} {what}" if shown == count else f"{shown} of {count} {what}"
