"""How much memory a graph takes while it is built: NumPy tells `tracemalloc` of every array."""

import tracemalloc
from typing import Any

import numpy as np
import pytest
from wxml import Graph, Grid, create

EUROPE = {"refinement": 8, "area": {"box": [65, 0, 35, 40]}}
COMPOSED = {
    "nodes": {"mesh": {"plugin": "stretched", "refinement": 4, "finer": [EUROPE]}},
    "edges": [
        {"from": "grid", "to": "mesh", "plugin": "radius"},
        {"from": "grid", "to": "mesh", "plugin": "nearest"},
        {"from": "mesh", "to": "mesh", "plugin": "multi-scale"},
        {"from": "mesh", "to": "grid", "plugin": "nearest"},
    ],
}
GRIDS = {
    "global": Grid.octahedral(160),
    "regional": Grid.regular(np.linspace(65, 35, 300), np.linspace(0, 40, 300)),
}


def bytes_of(graph: Graph) -> int:
    """What the graph itself takes."""
    edges = [
        getattr(each, part).nbytes
        for each in graph.edges.values()
        for part in ("source", "target", "features", "pointers", "transpose", "source_pointers")
    ]
    return sum(edges) + sum(each.latitudes.nbytes + each.longitudes.nbytes for each in graph.nodes.values())


@pytest.mark.parametrize(
    ("plugin", "options", "grid"),
    [
        ("icosahedral", {"refinement": 6}, "global"),
        ("icosahedral", {"refinement": 4}, "global"),
        ("limited-area", {}, "regional"),
        ("composed", COMPOSED, "global"),
    ],
)
def test_building_takes_little_more_than_the_graph(plugin: str, options: dict[str, Any], grid: str) -> None:
    builder = create("graph-builder", plugin, options)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        size = bytes_of(builder.build(GRIDS[grid]))  # with what edges make when they are first asked for it
        peak = tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * size, f"{peak / size:.2f} times the graph"
