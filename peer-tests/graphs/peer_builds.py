"""Run by the peer's interpreter: nodes and edges that anemoi-graphs builds, each case in an `.npz` file.

python peer_builds.py FOLDER

FOLDER has CASE-nodes.npz with `latitudes` and `longitudes` (degrees) and the mask `inner` of the grid, and gets
CASE.npz with the nodes of grid and mesh (radians) and, for each edge builder, the numbers of sources and targets.
"""

import logging
import sys
from pathlib import Path

import numpy as np
import torch
from anemoi.graphs.edges import CutOffEdges, HEALPixMultiScaleEdges, KNNEdges, MultiScaleEdges, ReversedKNNEdges
from anemoi.graphs.nodes import HEALPixNodes, LatLonNodes, LimitedAreaTriNodes, StretchedTriNodes, TriNodes
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


def build(case: str, folder: Path) -> None:
    """Build one case and write it."""
    given = np.load(folder / f"{case}-nodes.npz")
    graph = LatLonNodes(given["latitudes"], given["longitudes"], "grid").update_graph(HeteroData(), {})
    graph["grid"]["inner"] = torch.from_numpy(given["inner"])[:, None]
    mesh, joined = CASES[case]
    graph = mesh.update_graph(graph, {})
    encoder = CutOffEdges("grid", "mesh", cutoff_factor=0.6, max_num_neighbours=64)
    builders = (encoder, *joined, KNNEdges("mesh", "grid", 3), ReversedKNNEdges("grid", "mesh", 2))
    found = {type(edges).__name__: np.asarray(edges.get_edge_index(graph)) for edges in builders}
    np.savez(folder / f"{case}.npz", **{name: np.asarray(graph[name].x) for name in ("grid", "mesh")}, **found)


if __name__ == "__main__":
    logging.disable(logging.WARNING)
    for name in CASES:
        build(name, Path(sys.argv[1]))
