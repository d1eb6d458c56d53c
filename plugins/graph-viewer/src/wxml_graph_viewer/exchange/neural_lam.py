"""Graphs of limited areas in the storage of neural-lam and weather-model-graphs: a folder of tensors.

The files and their contents are those of the graph storage specification of neural-lam, version 0.1.0
(https://github.com/mllam/neural-lam/blob/main/docs/graph_storage_spec.md).
"""

__all__ = ["EARTH_RADIUS", "VERSION", "write_neural_lam"]

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import Graph
from wxml.errors import ArtefactError, DataError
from wxml.files.staging import staged

from wxml_graph_viewer.drawing.projection import Azimuthal
from wxml_graph_viewer.drawing.view import View, seen_from

GRID, MESH = "grid", "mesh"

VERSION: Final = "0.1.0"
EARTH_RADIUS: Final = 6_371_008.8
"""Metres: the mean radius of the Earth."""
Places = Mapping[str, NDArray[np.float64]]
Tensors = dict[str, Any]


def write_neural_lam(graph: Graph, target: Path, *, overwrite: bool = False) -> None:
    """Write a graph as neural-lam stores it, into a folder beside the target that is then renamed.

    Places are metres east and north in Lambert's azimuthal equal-area projection of the sphere around the middle of all
    nodes (Snyder 1987, page 185); `metainfo.yaml` has it as `projection`. Edges have their length in that plane and the
    way from the source to the target. Nodes keep their numbers, and edges their order.

    Args:
        graph: node sets `grid` and `mesh`, and `mesh:1` and so on if it has levels. Others are left out, and so are
            the attributes of nodes.
        target: the folder, which neural-lam looks for as `graph/<name>` beside its datastore.
        overwrite: replace a folder that is there.

    Raises:
        DataError: the graph has several grids, spans more than half of the globe, or lacks edges that are needed.
        ArtefactError: the folder is there and `overwrite` is not set, it cannot be written, or torch is not
            installed.
    """
    torch = _torch()
    view = _plane(graph)
    contents = _contents(graph, view)
    with staged(target, overwrite=overwrite) as folder:
        folder.mkdir()
        for name, tensors in contents.items():
            torch.save(tensors, folder / f"{name}.pt")
        (folder / "metainfo.yaml").write_text(_about(view), encoding="utf-8")


def _torch() -> Any:
    try:
        import torch  # an extra
    except ImportError as error:
        raise ArtefactError(
            "neural-lam stores tensors, which are written with torch, and that is not installed",
            fix="install the extra `neural-lam` of wxml-graph-viewer",
        ) from error
    return torch


def _plane(graph: Graph) -> View:
    if graph.data != (GRID,):
        raise DataError(
            f"a graph of neural-lam has one grid, got node sets {', '.join(graph.data) or 'without data'}",
            fix="choose a graph with the node set `grid`, of a source without `names`",
        )
    view = seen_from(graph)
    if view.width > np.pi / 2:
        raise DataError(
            "a graph of neural-lam lies on a plane, got one that spans more than half of the globe",
            fix="choose a graph of a limited area",
        )
    return view


def _about(view: View) -> str:
    plane = f"+proj=laea +lat_0={view.north!r} +lon_0={view.east!r} +R={EARTH_RADIUS} +units=m"
    return f'spec_version: "{VERSION}"\nprojection: "{plane}"\n'


def _contents(graph: Graph, view: View) -> Tensors:
    """What the files hold, by their names without the suffix."""
    torch = _torch()
    plane = Azimuthal(view.north, view.east, "area")
    places = {name: EARTH_RADIUS * plane.plane(graph.nodes[name].points)[0] for name in (GRID, *graph.levels)}
    found = {"mesh_features": [torch.from_numpy(places[name].astype(np.float32)) for name in graph.levels]}
    for name, pairs in _components(graph).items():
        each = [_edges(graph, places, pair) for pair in pairs]
        is_single = name in ("g2m", "m2g")
        for number, kind in enumerate(("edge_index", "features")):
            parts = [one[number] for one in each]
            found[f"{name}_{kind}"] = parts[0] if is_single else parts
    return found


def _components(graph: Graph) -> dict[str, list[tuple[str, str]]]:
    """The edge sets of each component; those of levels from the finest one on."""
    steps = list(pairwise(graph.levels))
    found = {"g2m": [(GRID, MESH)], "m2g": [(MESH, GRID)], "m2m": [(name, name) for name in graph.levels]}
    if steps:
        found |= {"mesh_up": steps, "mesh_down": [(coarser, finer) for finer, coarser in steps]}
    return found


def _edges(graph: Graph, places: Places, pair: tuple[str, str]) -> tuple[Any, Any]:
    """Sources and targets, int64 of shape `[2, edge]`; length and way in metres, float32 of shape `[edge, 3]`."""
    torch = _torch()
    edges = graph.route(*pair).edges
    if not len(edges):
        raise DataError(
            f"neural-lam needs edges {' → '.join(pair)}, got none", fix="choose a graph builder that builds these edges"
        )
    way = places[pair[1]][edges.target] - places[pair[0]][edges.source]
    features = np.column_stack([np.linalg.norm(way, axis=1), way]).astype(np.float32)
    return torch.from_numpy(np.stack([edges.source, edges.target])), torch.from_numpy(features)
