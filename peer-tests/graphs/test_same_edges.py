"""The same edges as anemoi-graphs, up to the order of nodes.

`WXML_PEERS_GRAPHS` names the environment of the peer, which `nox -s peer_graphs` makes. Its icosahedron stands on a
corner and ours on a face: the grid that it gets is turned back, so that both meshes lie in the same way over the nodes.
These lie at random, since among equally near nodes each program takes others; the peer reckons in single precision, so
that edges whose length is that of the radius to a hundred-thousandth may be missing from either.
"""

import os
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from scipy.spatial import cKDTree
from wxml import Graph, Grid, NodeSet, create
from wxml.data.sphere import from_unit_vectors, unit_vectors
from wxml_graph_builders import BuildContext, MeshBuilder, MeshNodes
from wxml_graph_builders.areas import AreaOptions
from wxml_graph_builders.edge_rules.multi_scale import MultiScale
from wxml_graph_builders.edge_rules.nearest import Nearest, ReversedNearest
from wxml_graph_builders.edge_rules.radius import Radius
from wxml_graph_builders.edges import greatest_gap
from wxml_graph_builders.icosphere import icosphere
from wxml_graph_builders.meshes.healpix import Healpix
from wxml_graph_builders.meshes.stretched import FinerArea, Stretched
from wxml_graph_builders.meshes.triangles import Triangles

FOLDER = Path(__file__).parent
INNER = {"nodes": "grid", "mask": "inner"}
STRETCHED = FinerArea(refinement=5, area=AreaOptions(**INNER, margin_km=200))
CASES: dict[str, tuple[MeshBuilder, AreaOptions | None, list[MultiScale]]] = {
    "global": (Triangles(refinement=4), None, [MultiScale(coarsest=1)]),
    "coarse-and-fine-levels": (
        Triangles(refinement=4),
        None,
        [MultiScale(coarsest=2, finest=2), MultiScale(coarsest=4)],
    ),
    "two-hops": (Triangles(refinement=3), None, [MultiScale(coarsest=3, hops=2)]),
    "limited-area": (Triangles(refinement=5), AreaOptions(**INNER, margin_km=300), [MultiScale(coarsest=3)]),
    "stretched": (Stretched(refinement=3, finer=[STRETCHED]), None, [MultiScale(coarsest=1)]),
    "healpix": (Healpix(nside=8), None, [MultiScale(coarsest=1)]),
}
PRESETS: dict[str, dict[str, Any]] = {
    "multi-scale": {"refinement": 3},
    "limited-area": {
        "base": {"plugin": "triangles", "refinement": 5},
        "area": {"nodes": "grid", "margin_km": 300},
    },
    "stretched": {"refinement": 3, "finer": [{"refinement": 5, "area": {**INNER, "margin_km": 300}}]},
    "healpix": {"nside": 8},
}
"""What is changed of the mesh of each preset: it is coarser; and areas are what lies around nodes, as they are for the
peer, in place of a box or of the hull of the nodes. The limited area has edges from refinement 2 on: of 1 it has two
nodes, which wxml does not join."""
REACHES = {"multi-scale": 0.6, "limited-area": 0.9, "healpix": 0.9}
"""The factor of the radius of the encoder; the other one has the nearest nodes."""


def turn() -> np.ndarray:
    """The matrix that brings the peer's icosahedron, whose corners are (0, ±1, ±g) and the like, onto ours."""
    golden = (1 + np.sqrt(5)) / 2
    theirs = np.array([[-1, golden, 0], [1, golden, 0]]) / np.hypot(1, golden)
    ours = icosphere(0)
    first, second = ours.points[ours.triangles[0][0, :2]]
    frames = [np.stack([a, b, np.cross(a, b)], axis=1) for a, b in (theirs, (first, second))]
    return frames[1] @ np.linalg.inv(frames[0])


def grid_nodes(around: int = 1000, within: int = 2000) -> tuple[Grid, np.ndarray]:
    """So many nodes at random around the globe, and so many in a region, which the mask names."""
    random = np.random.default_rng(0)
    globe = random.normal(size=(around, 3))
    globe /= np.linalg.norm(globe, axis=1, keepdims=True)
    latitudes, longitudes = from_unit_vectors(globe)
    latitudes = np.append(latitudes, random.uniform(35, 65, within))
    longitudes = np.append(longitudes, random.uniform(-10, 40, within))
    return Grid.unstructured(latitudes, longitudes), np.arange(around + within) >= around


def preset_nodes(preset: str) -> tuple[Grid, np.ndarray]:
    """So many nodes that every mesh node on the globe reads some, and none has more than 64 within the radius."""
    return {"limited-area": grid_nodes(0, 1500), "stretched": grid_nodes(8000, 3000)}.get(preset, grid_nodes(8000, 0))


@pytest.fixture(scope="module")
def peer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the peer builds of each case, all of them in one process."""
    environment = os.environ.get("WXML_PEERS_GRAPHS")
    if not environment:
        pytest.skip("WXML_PEERS_GRAPHS names no environment with anemoi-graphs")
    folder = tmp_path_factory.mktemp("peer")
    for case in CASES:
        write_nodes(case, folder / f"{case}-nodes.npz", *grid_nodes())
    for preset in PRESETS:
        write_nodes(preset, folder / f"preset-{preset}-nodes.npz", *preset_nodes(preset))
    done = subprocess.run(
        [f"{environment}/bin/python", str(FOLDER / "peer_builds.py"), str(folder)],
        env={**os.environ, "HOME": str(folder)},  # the peer writes settings there
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def write_nodes(case: str, path: Path, grid: Grid, inner: np.ndarray) -> None:
    """The nodes for the peer, turned back."""
    latitudes, longitudes = from_unit_vectors(unit_vectors(grid.latitudes, grid.longitudes) @ turn_of(case))
    np.savez(path, latitudes=latitudes, longitudes=longitudes, inner=inner)


def turn_of(case: str) -> np.ndarray:
    """How the peer's mesh is turned against ours; HEALPix has one way to lie."""
    return np.eye(3) if case == "healpix" else turn()


def numbers(theirs: np.ndarray, ours: np.ndarray) -> np.ndarray:
    """Our number of each of the peer's nodes."""
    assert len(theirs) == len(ours)
    distance, number = cKDTree(ours).query(theirs)
    assert distance.max() < 2e-6
    assert len(np.unique(number)) == len(number)
    return np.asarray(number)


def pairs_of(edges: np.ndarray, source: np.ndarray, target: np.ndarray) -> set[tuple[int, int]]:
    """The peer's edges in our numbers; its HEALPix edges have -1 for the eighth neighbour of a cell with seven."""
    kept = edges[:, (edges >= 0).all(axis=0)].astype(int)
    return set(zip(source[kept[0]].tolist(), target[kept[1]].tolist(), strict=True))


@pytest.mark.parametrize("case", CASES)
def test_edges_are_those_of_the_peer(case: str, peer_folder: Path) -> None:
    grid, inner = grid_nodes()
    builder, area, joined = CASES[case]
    with np.load(peer_folder / f"{case}.npz") as arrays:
        theirs = dict(arrays)
    for name in ("grid", "mesh"):
        theirs[name] = unit_vectors(*np.degrees(theirs[name].astype(float)).T) @ turn_of(case).T
    data = MeshNodes(NodeSet.of_grid(grid).with_attributes(inner=inner))
    context = BuildContext(grid, {"grid": data})
    mesh = builder.build(BuildContext(grid, {"grid": data}, area.area(context) if area else None))
    data_number, mesh_number = numbers(theirs["grid"], data.points), numbers(theirs["mesh"], mesh.points)

    found = {tuple(pair) for edges in joined for pair in edges.edges(mesh, mesh).tolist()}
    among = theirs["HEALPixMultiScaleEdges" if case == "healpix" else "MultiScaleEdges"]
    assert found == pairs_of(among, mesh_number, mesh_number)

    nearest = set(map(tuple, Nearest(nearest=3).edges(mesh, data).tolist()))
    assert nearest == pairs_of(theirs["KNNEdges"], mesh_number, data_number)
    reversed_nearest = set(map(tuple, ReversedNearest(nearest=2).edges(data, mesh).tolist()))
    assert reversed_nearest == pairs_of(theirs["ReversedKNNEdges"], data_number, mesh_number)

    radius = set(map(tuple, Radius(factor=0.6, join_left_out=False).edges(data, mesh).tolist()))
    theirs_within = pairs_of(theirs["CutOffEdges"], data_number, mesh_number)
    differing = np.array(sorted(radius ^ theirs_within), int).reshape(-1, 2)
    lengths = np.linalg.norm(data.points[differing[:, 0]] - mesh.points[differing[:, 1]], axis=1)
    assert np.all(np.abs(lengths / (0.6 * greatest_gap(mesh.points)) - 1) < 1e-5)
    assert len(radius) > 100


def preset_graph(preset: str, grid: Grid) -> Graph:
    """The graph of a preset of wxml; the nodes in the region have the attribute `inner`."""
    text = files("wxml_graph_builders").joinpath(f"presets/graph/{preset}.yaml").read_text(encoding="utf-8")
    options = yaml.safe_load(text)
    options["nodes"]["mesh"] |= PRESETS[preset]
    if preset == "limited-area":
        options["edges"][1] |= {"coarsest": 2}
    if preset == "stretched":
        in_region = {"plugin": "in-area", "area": {"box": [65, -10, 35, 40]}}
        options["nodes"] = {"grid": {"plugin": "grid", "attributes": {"inner": in_region}}, **options["nodes"]}
    graph: Graph = create("graph-builder", options.pop("plugin"), options).build(grid)
    return graph


@pytest.mark.parametrize("preset", PRESETS)
def test_the_graph_of_a_preset_is_that_of_the_peer(preset: str, peer_folder: Path) -> None:
    """Up to edges whose length is that of the radius, and those by which wxml joins nodes that none would reach."""
    grid, _ = preset_nodes(preset)
    graph = preset_graph(preset, grid)
    with np.load(peer_folder / f"preset-{preset}.npz") as arrays:
        theirs = dict(arrays)
    number = {}
    for name in ("grid", "mesh"):
        places = unit_vectors(*np.degrees(theirs[name].astype(float)).T) @ turn_of(preset).T
        number[name] = numbers(places, graph.nodes[name].points)
    for (source, target), edges in graph.edges.items():
        found = set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
        expected = pairs_of(theirs[f"{source}>{target}"], number[source], number[target])
        if preset in REACHES and source == "grid":
            reach = REACHES[preset] * greatest_gap(graph.nodes[target].points)
            found = within_reach(found, graph.nodes[source], graph.nodes[target], reach)
            differing = np.array(sorted(found ^ expected), int).reshape(-1, 2)
            ends = graph.nodes[source].points[differing[:, 0]], graph.nodes[target].points[differing[:, 1]]
            assert np.all(np.abs(np.linalg.norm(ends[0] - ends[1], axis=1) / reach - 1) < 1e-5)
            assert len(found) > 1000
        else:
            assert found == expected


def within_reach(pairs: set[tuple[int, int]], source: NodeSet, target: NodeSet, reach: float) -> set[tuple[int, int]]:
    """The pairs that are no farther apart; what a longer edge joins has no other."""
    edges = np.array(sorted(pairs))
    lengths = np.linalg.norm(source.points[edges[:, 0]] - target.points[edges[:, 1]], axis=1)
    longer = edges[lengths > reach * (1 + 1e-5)]
    counts = [np.bincount(edges[:, end], minlength=len(each)) for end, each in enumerate((source, target))]
    assert np.all((counts[0][longer[:, 0]] == 1) | (counts[1][longer[:, 1]] == 1))
    return set(map(tuple, edges[lengths <= reach * (1 + 1e-5)].tolist()))
