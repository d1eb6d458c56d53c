"""The storage of neural-lam, by its specification; places against the formula of the projection."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import Result
from wxml import EdgeSet, Graph, Grid, NodeSet, create
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import ArtefactError, DataError
from wxml.graphs.files import save_graph
from wxml_graph_viewer.exchange.neural_lam import write_neural_lam

torch = pytest.importorskip("torch")
carries_out = pytest.mark.carries_out
RADIUS = 6_371_008.8
FLAT = {f"{name}_{kind}" for name in ("g2m", "m2m", "m2g") for kind in ("edge_index", "features")} | {"mesh_features"}
LEVELS = FLAT | {f"mesh_{way}_{kind}" for way in ("up", "down") for kind in ("edge_index", "features")}
EUROPE = Grid.regular(np.arange(70, 40, -3.0), np.arange(-10, 35, 3.0))


def stored(folder: Path) -> dict[str, Any]:
    """The tensors of a folder, read as neural-lam does."""
    return {path.stem: torch.load(path, map_location="cpu", weights_only=True) for path in folder.glob("*.pt")}


@pytest.fixture(scope="module")
def flat() -> Graph:
    graph: Graph = create("graph-builder", "limited-area", {"mesh": "regular", "stride": 2}).build(EUROPE)
    return graph


@pytest.fixture(scope="module")
def hierarchy(flat: Graph) -> Graph:
    """The same, with one coarser level: every fourth node of the mesh, each joined to the four after it."""
    mesh = flat.nodes["mesh"]
    up = NodeSet(mesh.latitudes[::4].copy(), mesh.longitudes[::4].copy())
    lower = np.arange(len(mesh))
    ring = np.arange(len(up))
    edges = {
        ("mesh:1", "mesh:1"): EdgeSet.between(up, up, ring, np.roll(ring, 1)),
        ("mesh", "mesh:1"): EdgeSet.between(mesh, up, lower, lower // 4),
        ("mesh:1", "mesh"): EdgeSet.between(up, mesh, lower // 4, lower),
    }
    return Graph({**flat.nodes, "mesh:1": up}, {**flat.edges, **edges})


def test_the_folder_has_the_files_of_the_specification(flat: Graph, hierarchy: Graph, tmp_path: Path) -> None:
    for name, graph, files in (("flat", flat, FLAT), ("levels", hierarchy, LEVELS)):
        write_neural_lam(graph, tmp_path / name)
        found = stored(tmp_path / name)
        assert set(found) == files
        assert yaml.safe_load((tmp_path / name / "metainfo.yaml").read_text())["spec_version"] == "0.1.0"
        assert [one.shape[0] for one in found["mesh_features"]] == [len(graph.nodes[level]) for level in graph.levels]
        assert {one.dtype for one in found["mesh_features"]} == {torch.float32}
        assert {one.dtype for key in files if "index" in key for one in found[key]} == {torch.int64}


def test_edges_and_numbers_are_those_of_the_graph(hierarchy: Graph, tmp_path: Path) -> None:
    write_neural_lam(hierarchy, tmp_path / "graph")
    found = stored(tmp_path / "graph")
    for index, pair in (
        (found["g2m_edge_index"], ("grid", "mesh")),
        (found["m2g_edge_index"], ("mesh", "grid")),
        (found["m2m_edge_index"][0], ("mesh", "mesh")),
        (found["m2m_edge_index"][1], ("mesh:1", "mesh:1")),
        (found["mesh_up_edge_index"][0], ("mesh", "mesh:1")),
        (found["mesh_down_edge_index"][0], ("mesh:1", "mesh")),
    ):
        edges = hierarchy.edges[pair]
        assert index.tolist() == [edges.source.tolist(), edges.target.tolist()], pair


def test_edges_lead_from_the_source_to_the_target(hierarchy: Graph, tmp_path: Path) -> None:
    write_neural_lam(hierarchy, tmp_path / "graph")
    found = stored(tmp_path / "graph")
    lower, upper = found["mesh_features"]
    for name, number, source, target in (
        ("m2m", 0, lower, lower),
        ("m2m", 1, upper, upper),
        ("mesh_up", 0, lower, upper),
        ("mesh_down", 0, upper, lower),
    ):
        index, features = (found[f"{name}_{kind}"][number] for kind in ("edge_index", "features"))
        way = target[index[1]] - source[index[0]]
        assert features[:, 1:].numpy() == pytest.approx(way.numpy(), abs=2)  # metres, of float32
        assert features[:, 0].numpy() == pytest.approx(np.hypot(*way.numpy().T), abs=2)


def test_places_are_those_of_the_projection_that_is_told(flat: Graph, tmp_path: Path) -> None:
    """An equal-area plane around a place has a node at the angle c at 2 R sin(c / 2), towards its azimuth."""
    write_neural_lam(flat, tmp_path / "graph")
    found = stored(tmp_path / "graph")
    told = yaml.safe_load((tmp_path / "graph" / "metainfo.yaml").read_text())["projection"]
    values = dict(part.lstrip("+").split("=") for part in told.split())
    assert (values["proj"], values["units"], float(values["R"])) == ("laea", "m", RADIUS)
    north, east = np.radians([float(values["lat_0"]), float(values["lon_0"])])
    (sources, targets), ways = found["m2g_edge_index"].numpy(), found["m2g_features"].numpy()[:, 1:]
    grid = flat.nodes["grid"]
    places = {
        "mesh": (flat.nodes["mesh"], found["mesh_features"][0].numpy()),
        "grid": (grid.take(targets), found["mesh_features"][0].numpy()[sources] + ways),
    }
    centre = unit_vectors(np.degrees(north), np.degrees(east))
    for nodes, plane in places.values():
        phi, lam = np.radians(nodes.latitudes), np.radians(nodes.longitudes) - east
        towards = np.arctan2(
            np.cos(phi) * np.sin(lam), np.cos(north) * np.sin(phi) - np.sin(north) * np.cos(phi) * np.cos(lam)
        )
        away = 2 * RADIUS * np.sin(angular_distance(nodes.points, centre) / 2)
        assert plane[:, 0] == pytest.approx(away * np.sin(towards), abs=2)
        assert plane[:, 1] == pytest.approx(away * np.cos(towards), abs=2)


@carries_out("choose a graph of a limited area")
def test_a_global_graph_is_refused(flat: Graph, lab: Any, tmp_path: Path) -> None:
    nodes, pairs = lab.lattice(4, 24)
    with pytest.raises(DataError, match="more than half of the globe"):
        write_neural_lam(lab.joined(nodes, nodes, pairs), tmp_path / "graph")
    assert list(tmp_path.iterdir()) == []
    write_neural_lam(flat, tmp_path / "graph")


@carries_out("choose a graph with the node set `grid`, of a source without `names`")
def test_several_grids_are_refused(flat: Graph, tmp_path: Path) -> None:
    names = {"grid": "data:a"}
    nodes = {names.get(name, name): one for name, one in flat.nodes.items()}
    edges = {(names.get(a, a), names.get(b, b)): one for (a, b), one in flat.edges.items()}
    with pytest.raises(DataError, match="has one grid, got node sets data:a"):
        write_neural_lam(Graph(nodes, edges), tmp_path / "graph")
    write_neural_lam(flat, tmp_path / "graph")


@carries_out("choose a graph builder that builds these edges")
def test_a_mesh_without_edges_is_refused(flat: Graph, tmp_path: Path) -> None:
    mesh = flat.nodes["mesh"]
    empty = EdgeSet.between(mesh, mesh, np.zeros(0, np.int64), np.zeros(0, np.int64))
    with pytest.raises(DataError, match="neural-lam needs edges mesh → mesh, got none"):
        write_neural_lam(Graph(flat.nodes, {**flat.edges, ("mesh", "mesh"): empty}), tmp_path / "graph")
    write_neural_lam(flat, tmp_path / "graph")


def test_the_command_writes_the_folder_of_a_file(run: Callable[..., Result], flat: Graph, tmp_path: Path) -> None:
    save_graph(tmp_path / "a.safetensors", flat, {})
    run("convert", tmp_path / "a.safetensors", tmp_path / "graph")
    assert {path.name for path in (tmp_path / "graph").iterdir()} == {*(f"{name}.pt" for name in FLAT), "metainfo.yaml"}
    with pytest.raises(ArtefactError, match="exists already"):
        run("convert", tmp_path / "a.safetensors", tmp_path / "graph")
    run("convert", tmp_path / "a.safetensors", tmp_path / "graph", "--overwrite")
    with pytest.raises(ArtefactError, match="cannot be read"):
        run("convert", tmp_path / "graph.safetensors", tmp_path / "other")


@carries_out("install the extra `neural-lam` of wxml-graph-viewer")
def test_without_torch_it_is_asked_for(flat: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        context.setitem(sys.modules, "torch", None)
        with pytest.raises(ArtefactError, match="torch, and that is not installed"):
            write_neural_lam(flat, tmp_path / "graph")
    write_neural_lam(flat, tmp_path / "graph")
