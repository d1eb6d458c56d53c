"""Run by the peer's interpreter: nodes and edges that anemoi-graphs builds, each case in an `.npz` file.

python peer_builds.py FOLDER

FOLDER has CASE-nodes.npz with `latitudes` and `longitudes` (degrees) and the mask `inner` of the grid, and gets
CASE.npz with the nodes of grid and mesh (radians) and, for each edge builder, the numbers of sources and targets.
A case that is named after a preset of wxml has whole graphs: what the builders of each pair of node sets give together.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import torch
from anemoi.graphs.edges import CutOffEdges, HEALPixMultiScaleEdges, KNNEdges, MultiScaleEdges, ReversedKNNEdges
from anemoi.graphs.nodes import HEALPixNodes, LatLonNodes, LimitedAreaTriNodes, StretchedTriNodes, TriNodes
from anemoi.graphs.nodes.builders.base import BaseNodeBuilder
from torch_geometric.data import HeteroData

AREA = {"reference_node_name": "grid", "mask_attr_name": "inner"}
TRIANGLES = ("mesh", "mesh", 1)
CASES = {
    "global": (TriNodes(4, "mesh"), [MultiScaleEdges(*TRIANGLES, scale_resolutions=4)]),
    "coarse-and-fine-levels": (TriNodes(4, "mesh"), [MultiScaleEdges(*TRIANGLES, scale_resolutions=[2, 4])]),
    "two-hops": (TriNodes(3, "mesh"), [MultiScaleEdges("mesh", "mesh", 2, scale_resolutions=[3])]),
    "limited-area": (
        LimitedAreaTriNodes(5, name="mesh", margin_radius_km=300.0, **AREA),
        [MultiScaleEdges(*TRIANGLES, scale_resolutions=[3, 4, 5])],
    ),
    "stretched": (
        StretchedTriNodes(3, 5, "mesh", margin_radius_km=200.0, **AREA),
        [MultiScaleEdges(*TRIANGLES, scale_resolutions=5)],
    ),
    "healpix": (HEALPixNodes(3, "mesh"), [HEALPixMultiScaleEdges("mesh", "mesh")]),
}
GRID_MESH, MESH_GRID = ("grid", "mesh"), ("mesh", "grid")
PRESETS = {
    "multi-scale": (
        TriNodes(3, "mesh"),
        [
            CutOffEdges(*GRID_MESH, cutoff_factor=0.6, max_num_neighbours=64),
            MultiScaleEdges(*TRIANGLES, scale_resolutions=3),
            KNNEdges(*MESH_GRID, 3),
        ],
    ),
    "limited-area": (
        LimitedAreaTriNodes(5, name="mesh", margin_radius_km=300.0, **AREA),
        [
            CutOffEdges(*GRID_MESH, cutoff_factor=0.9, max_num_neighbours=64),
            MultiScaleEdges(*TRIANGLES, scale_resolutions=[2, 3, 4, 5]),
            KNNEdges(*MESH_GRID, 3),
        ],
    ),
    "stretched": (
        StretchedTriNodes(3, 5, "mesh", margin_radius_km=300.0, **AREA),
        [
            KNNEdges(*GRID_MESH, 6),
            ReversedKNNEdges(*GRID_MESH, 1),
            MultiScaleEdges(*TRIANGLES, scale_resolutions=5),
            KNNEdges(*MESH_GRID, 3),
        ],
    ),
    "healpix": (
        HEALPixNodes(3, "mesh"),
        [
            CutOffEdges(*GRID_MESH, cutoff_factor=0.9, max_num_neighbours=64),
            HEALPixMultiScaleEdges("mesh", "mesh"),
            KNNEdges(*MESH_GRID, 4),
        ],
    ),
}
"""Those of wxml with coarser meshes, by their names."""


def start(name: str, folder: Path, mesh: BaseNodeBuilder) -> HeteroData:
    """The nodes of a case."""
    given = np.load(folder / f"{name}-nodes.npz")
    graph = LatLonNodes(given["latitudes"], given["longitudes"], "grid").update_graph(HeteroData(), {})
    graph["grid"]["inner"] = torch.from_numpy(given["inner"])[:, None]
    return mesh.update_graph(graph, {})


def write(name: str, folder: Path, graph: HeteroData, found: dict[str, np.ndarray]) -> None:
    """The nodes and the edges of a case."""
    np.savez(folder / f"{name}.npz", **{name: np.asarray(graph[name].x) for name in ("grid", "mesh")}, **found)


def build(case: str, folder: Path) -> None:
    """Build one case and write it."""
    mesh, joined = CASES[case]
    graph = start(case, folder, mesh)
    encoder = CutOffEdges("grid", "mesh", cutoff_factor=0.6, max_num_neighbours=64)
    builders = (encoder, *joined, KNNEdges("mesh", "grid", 3), ReversedKNNEdges("grid", "mesh", 2))
    write(case, folder, graph, {type(edges).__name__: np.asarray(edges.get_edge_index(graph)) for edges in builders})


def build_preset(preset: str, folder: Path) -> None:
    """Build the graph of a preset and write it."""
    mesh, builders = PRESETS[preset]
    graph = start(f"preset-{preset}", folder, mesh)
    found: dict[str, np.ndarray] = {}
    for edges in builders:
        pair = f"{edges.source_name}>{edges.target_name}"
        index = np.asarray(edges.get_edge_index(graph))
        found[pair] = np.concatenate([found[pair], index], axis=1) if pair in found else index
    write(f"preset-{preset}", folder, graph, found)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    for name in CASES:
        build(name, Path(sys.argv[1]))
    for name in PRESETS:
        build_preset(name, Path(sys.argv[1]))
