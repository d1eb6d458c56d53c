"""One small graph, built by anemoi-graphs, and the same one in wxml's form."""

__all__ = ["ATTRIBUTES", "EDGES", "build_graph", "converted", "edges_of"]

from typing import Any

import numpy as np
import torch
from anemoi.graphs.create import GraphCreator
from anemoi.utils.config import DotDict
from torch_geometric.data import HeteroData
from wxml.graphs.graph import Graph
from wxml_anemoi.graph import AnemoiEdges, graph_from_anemoi

ATTRIBUTES = ["edge_length", "edge_dirs"]
NAMES = {"grid": "data", "mesh": "hidden"}
EDGES = (("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid"))
Config = dict[str, Any]


def octahedral(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes in degrees of the octahedral grid with 2 · size Gaussian latitudes."""
    latitudes = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(2 * size)[0]))[::-1]
    counts = [4 * min(row, 2 * size - 1 - row) + 20 for row in range(2 * size)]
    longitudes = np.concatenate([360 * np.arange(count) / count for count in counts])
    return np.repeat(latitudes, counts), longitudes


def build_graph(size: int = 5, refinement: int = 2) -> HeteroData:
    """280 nodes of an octahedral grid, 162 of an icosphere with the edges of all its levels."""
    latitudes, longitudes = octahedral(size)
    nodes = {
        "data": {
            "node_builder": {
                "_target_": "anemoi.graphs.nodes.LatLonNodes",
                "latitudes": latitudes,
                "longitudes": longitudes,
            }
        },
        "hidden": {"node_builder": {"_target_": "anemoi.graphs.nodes.TriNodes", "resolution": refinement}},
    }
    edges = [
        _edges("data", "hidden", {"_target_": "anemoi.graphs.edges.CutOffEdges", "cutoff_factor": 0.6}),
        _edges(
            "hidden",
            "hidden",
            {"_target_": "anemoi.graphs.edges.MultiScaleEdges", "x_hops": 1, "scale_resolutions": refinement},
        ),
        _edges("hidden", "data", {"_target_": "anemoi.graphs.edges.KNNEdges", "num_nearest_neighbours": 3}),
    ]
    config = {"nodes": nodes, "edges": edges, "post_processors": []}
    return GraphCreator(DotDict(config)).create()


def _edges(source: str, target: str, builder: Config) -> Config:
    attributes = {"edge_length": "EdgeLength", "edge_dirs": "EdgeDirection"}
    return {
        "source_name": source,
        "target_name": target,
        "edge_builders": [builder],
        "attributes": {
            name: {"_target_": f"anemoi.graphs.edges.attributes.{kind}", "norm": "unit-std"}
            for name, kind in attributes.items()
        },
    }


def edges_of(graph: HeteroData) -> dict[tuple[str, str], AnemoiEdges]:
    """Its edges by our names."""
    found = {}
    for source, target in EDGES:
        edges = graph[NAMES[source], "to", NAMES[target]]
        if "edge_index" not in edges:
            continue
        features = torch.cat([edges[name] for name in ATTRIBUTES], dim=1)
        found[source, target] = AnemoiEdges(edges.edge_index.numpy(), features.numpy())
    return found


def converted(graph: HeteroData) -> Graph:
    """The same graph for wxml."""
    nodes = {ours: graph[theirs].x.numpy() for ours, theirs in NAMES.items()}
    return graph_from_anemoi(nodes, edges_of(graph))
