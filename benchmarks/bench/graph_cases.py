"""The graphs that are built, and how each side builds them. What one side alone has is imported where it is used."""

__all__ = [
    "CASES",
    "GROWTH",
    "QUICK",
    "REGIONS",
    "Case",
    "Counts",
    "grid_of",
    "peer_build",
    "wxml_build",
    "wxml_choice",
]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ENCODER_RADIUS, ENCODER_MAXIMUM, DECODER_NEAREST = 0.6, 64, 3
UNREAD = (("n320", 5), ("o8", 2))
"""Cases with grid points that no mesh node reads by these rules alone: the peer leaves them so, and wxml refuses to."""
Counts = dict[str, int]
"""Edges of each pair of node sets."""


@dataclass(frozen=True)
class Case:
    """A grid and a mesh of triangles."""

    grid: str
    """Of the globe: `o96`, `n320`."""
    refinement: int
    """Of the mesh around the globe."""
    finer: int | None = None
    """Of the mesh in a region, which the grid covers too; None: there is none."""
    box: tuple[float, float, float, float] = (0, 0, 0, 0)
    """Of the region: north, west, south, east in degrees."""
    side: int = 0
    """The region has so many rows of so many nodes."""
    margin_km: float = 0.0
    """How far the finer mesh reaches beyond the nodes of the region."""

    @property
    def name(self) -> str:
        """Such as `n320 r6`."""
        region = "" if self.finer is None else f" + {self.side}² r{self.finer}"
        return f"{self.grid} r{self.refinement}{region}"


CASES = [Case(grid, refinement) for grid in ("o32", "o96", "n320") for refinement in (5, 6, 7)]
REGIONS = [
    Case("n320", 6, 9, (62, -10, 35, 25), 1232, 50),
    Case("n320", 6, 12, (49.5, 5.5, 46, 10.5), 300, 10),
]
GROWTH = [Case("o32", 4), Case("o64", 5), Case("o128", 6), Case("o256", 7), Case("o512", 8)]
QUICK = [Case("o12", 3), Case("o24", 4)]


def grid_of(case: Case) -> Any:
    """The nodes of the data as a grid of wxml; those of a region come last."""
    import numpy as np
    from wxml.data.grid import Grid
    from wxml_graph_builders.meshes.reduced_gaussian import ReducedGaussian

    globe = Grid.reduced_gaussian(ReducedGaussian(grid=case.grid).rows)
    if case.finer is None:
        return globe
    north, west, south, east = case.box
    axes = np.meshgrid(np.linspace(north, south, case.side), np.linspace(west, east, case.side), indexing="ij")
    region = [axis.ravel() for axis in axes]
    return Grid.unstructured(*map(np.append, (globe.latitudes, globe.longitudes), region))


def wxml_choice(case: Case, areas: str) -> dict[str, Any]:
    """The section `graph` of a config, for the edges that the peer makes."""
    encoder: dict[str, Any]
    mesh: dict[str, Any]
    grid: dict[str, Any] = {"plugin": "grid"}
    if case.finer is None:
        if areas == "voronoi":
            grid["attributes"] = {"area": {"plugin": "area", "method": "spherical-voronoi", "norm": "max"}}
        mesh = {"plugin": "triangles", "refinement": case.refinement}
        join = (case.grid, case.refinement) in UNREAD
        encoder = {"plugin": "radius", "factor": ENCODER_RADIUS, "maximum": ENCODER_MAXIMUM, "join_left_out": join}
    else:
        grid["attributes"] = {"inner": {"plugin": "in-area", "area": {"box": case.box}}}
        area = {"nodes": "grid", "mask": "inner", "margin_km": case.margin_km}
        finer = [{"refinement": case.finer, "area": area}]
        mesh = {"plugin": "stretched", "refinement": case.refinement, "finer": finer}
        encoder = {"plugin": "reversed-nearest", "nearest": 1}
    edges = [
        {"from": "grid", "to": "mesh", **encoder},
        {"from": "mesh", "to": "mesh", "plugin": "multi-scale", "coarsest": 1},
        {"from": "mesh", "to": "grid", "plugin": "nearest", "nearest": DECODER_NEAREST},
    ]
    return {"plugin": "composed", "nodes": {"grid": grid, "mesh": mesh}, "edges": edges}


def wxml_build(case: Case, areas: str) -> Callable[[], Any]:
    """Builds a graph; the grid, whose area weights come with it, is part of the work where they are known."""
    from wxml import create

    options = wxml_choice(case, areas)
    builder = create("graph-builder", options.pop("plugin"), options)
    ready = None if areas == "known" else grid_of(case)
    return lambda: builder.build(ready or grid_of(case))


def peer_build(case: Case, areas: str, nodes: str) -> Callable[[], Counts]:
    """Builds with anemoi-graphs and counts the edges; `nodes` is the file with latitudes and longitudes."""
    import logging

    import numpy as np

    logging.disable(logging.WARNING)
    latitudes, longitudes = np.load(nodes)
    if case.finer is not None:
        return lambda: _counted(_peer_stretched(case, latitudes, longitudes))
    from anemoi.graphs.create import GraphCreator  # type: ignore[import-not-found]
    from anemoi.utils.config import DotDict  # type: ignore[import-not-found]

    recipe = _peer_recipe(latitudes, longitudes, case.refinement, areas != "none")
    return lambda: _counted(GraphCreator(DotDict(recipe)).create())


def _counted(graph: Any) -> Counts:
    return {f"{kind[0]}>{kind[2]}": int(graph[kind].edge_index.shape[1]) for kind in graph.edge_types}


NODES, EDGES = "anemoi.graphs.nodes", "anemoi.graphs.edges"
FEATURES = {
    "edge_length": {"_target_": f"{EDGES}.attributes.EdgeLength", "norm": "unit-std"},
    "edge_dirs": {"_target_": f"{EDGES}.attributes.EdgeDirection", "norm": "unit-std"},
}


def _peer_recipe(latitudes: Any, longitudes: Any, refinement: int, areas: bool) -> dict[str, Any]:
    """What anemoi-graphs is asked for: nodes, edges, and the same edge features as wxml's."""
    made = {"_target_": f"{NODES}.LatLonNodes", "latitudes": latitudes, "longitudes": longitudes}
    grid: dict[str, Any] = {"node_builder": made}
    if areas:
        weights = {"_target_": f"{NODES}.attributes.SphericalAreaWeights", "norm": "unit-max", "fill_value": 0}
        grid["attributes"] = {"area_weight": weights}
    radius = {"cutoff_factor": ENCODER_RADIUS, "max_num_neighbours": ENCODER_MAXIMUM}
    builders = {
        ("grid", "mesh"): {"_target_": f"{EDGES}.CutOffEdges", **radius},
        ("mesh", "mesh"): {"_target_": f"{EDGES}.MultiScaleEdges", "x_hops": 1, "scale_resolutions": refinement},
        ("mesh", "grid"): {"_target_": f"{EDGES}.KNNEdges", "num_nearest_neighbours": DECODER_NEAREST},
    }
    mesh = {"node_builder": {"_target_": f"{NODES}.TriNodes", "resolution": refinement}}
    joined = [
        {"source_name": source, "target_name": target, "edge_builders": [builder], "attributes": FEATURES}
        for (source, target), builder in builders.items()
    ]
    return {"nodes": {"grid": grid, "mesh": mesh}, "edges": joined, "post_processors": []}


def _peer_stretched(case: Case, latitudes: Any, longitudes: Any) -> Any:
    """The graph with a finer region; no recipe gives the nodes a mask, so that the builders are called themselves."""
    import torch
    from anemoi.graphs.edges import KNNEdges, MultiScaleEdges, ReversedKNNEdges  # type: ignore[import-not-found]
    from anemoi.graphs.nodes import LatLonNodes, StretchedTriNodes  # type: ignore[import-not-found]
    from anemoi.utils.config import DotDict
    from torch_geometric.data import HeteroData

    north, west, south, east = case.box
    inner = (latitudes <= north) & (latitudes >= south) & ((longitudes - west) % 360 <= east - west)
    graph = LatLonNodes(latitudes, longitudes, "grid").update_graph(HeteroData(), {})
    graph["grid"]["inner"] = torch.from_numpy(inner)[:, None]
    mesh = StretchedTriNodes(
        case.refinement,
        case.finer,
        "mesh",
        reference_node_name="grid",
        mask_attr_name="inner",
        margin_radius_km=case.margin_km,
    )
    graph = mesh.update_graph(graph, {})
    for builder in (
        ReversedKNNEdges("grid", "mesh", 1),
        MultiScaleEdges("mesh", "mesh", 1, scale_resolutions=case.finer),
        KNNEdges("mesh", "grid", DECODER_NEAREST),
    ):
        graph = builder.update_graph(graph, DotDict(FEATURES))
    return graph
