"""The same edges as anemoi-graphs, up to the order of nodes.

`WXML_PEERS_GRAPHS` names the environment of the peer, which `nox -s peer_graphs` makes. Its icosahedron stands on a
corner and ours on a face: the grid that it gets is turned back, so that both meshes lie in the same way over the nodes.
These lie at random, since among equally near nodes each program takes others; the peer reckons in single precision, so
that edges whose length is that of the radius to a hundred-thousandth may be missing from either.
"""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from wxml import Grid, NodeSet
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


def turn() -> np.ndarray:
    """The matrix that brings the peer's icosahedron, whose corners are (0, ±1, ±g) and the like, onto ours."""
    golden = (1 + np.sqrt(5)) / 2
    theirs = np.array([[-1, golden, 0], [1, golden, 0]]) / np.hypot(1, golden)
    ours = icosphere(0)
    first, second = ours.points[ours.triangles[0][0, :2]]
    frames = [np.stack([a, b, np.cross(a, b)], axis=1) for a, b in (theirs, (first, second))]
    return frames[1] @ np.linalg.inv(frames[0])


def grid_nodes() -> tuple[Grid, np.ndarray]:
    """A thousand nodes at random around the globe, and twice as many in a region, which the mask names."""
    random = np.random.default_rng(0)
    globe = random.normal(size=(1000, 3))
    globe /= np.linalg.norm(globe, axis=1, keepdims=True)
    latitudes, longitudes = from_unit_vectors(globe)
    latitudes = np.append(latitudes, random.uniform(35, 65, 2000))
    longitudes = np.append(longitudes, random.uniform(-10, 40, 2000))
    return Grid.unstructured(latitudes, longitudes), np.arange(3000) >= 1000


@pytest.fixture(scope="module")
def peer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what the peer builds of each case, all of them in one process."""
    environment = os.environ.get("WXML_PEERS_GRAPHS")
    if not environment:
        pytest.skip("WXML_PEERS_GRAPHS names no environment with anemoi-graphs")
    folder = tmp_path_factory.mktemp("peer")
    grid, inner = grid_nodes()
    for case in CASES:
        latitudes, longitudes = from_unit_vectors(unit_vectors(grid.latitudes, grid.longitudes) @ turn_of(case))
        np.savez(folder / f"{case}-nodes.npz", latitudes=latitudes, longitudes=longitudes, inner=inner)
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
