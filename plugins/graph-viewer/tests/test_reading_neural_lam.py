"""Graphs of neural-lam read again: what was written, what weather-model-graphs writes, and what is no graph."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import Result
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wxml import EdgeSet, Graph, Grid, NodeSet, create
from wxml.errors import ArtefactError, DataError
from wxml.graphs.files import open_graph, save_graph
from wxml_graph_viewer.exchange.neural_lam import write_neural_lam
from wxml_graph_viewer.exchange.neural_lam_reading import read_neural_lam

torch = pytest.importorskip("torch")
pyproj = pytest.importorskip("pyproj")
carries_out = pytest.mark.carries_out
AGAIN = carries_out("write the graph again with weather-model-graphs or `wxml graph convert`, version 0.1.0")
GIVE = carries_out("give the projection of the datastore, such as `--projection '+proj=lcc +lat_0=56 +lon_0=10 …'`")
EUROPE = Grid.regular(np.arange(70, 40, -3.0), np.arange(-10, 35, 3.0))
NEAR = 2e-7  # radians, a metre: of places in float32


def flat(grid: Grid = EUROPE) -> Graph:
    graph: Graph = create("graph-builder", "limited-area", {"mesh": "regular", "stride": 2}).build(grid)
    return graph


def hierarchy() -> Graph:
    """With one coarser level: every fourth node of the mesh, each joined to the four after it."""
    graph = flat()
    mesh = graph.nodes["mesh"]
    up = NodeSet(mesh.latitudes[::4].copy(), mesh.longitudes[::4].copy())
    lower, ring = np.arange(len(mesh)), np.arange(len(up))
    edges = {
        ("mesh:1", "mesh:1"): EdgeSet.between(up, up, ring, np.roll(ring, 1)),
        ("mesh", "mesh:1"): EdgeSet.between(mesh, up, lower, lower // 4),
        ("mesh:1", "mesh"): EdgeSet.between(up, mesh, lower // 4, lower),
    }
    return Graph({**graph.nodes, "mesh:1": up}, {**graph.edges, **edges})


def check_same(found: Graph, graph: Graph) -> None:
    assert set(found.nodes) == set(graph.nodes)
    assert set(found.edges) == set(graph.edges)
    for name, nodes in graph.nodes.items():
        apart = np.linalg.norm(found.nodes[name].points - nodes.points, axis=1)
        assert apart.max() < NEAR, name
    for pair, edges in graph.edges.items():
        np.testing.assert_array_equal(found.edges[pair].source, edges.source)
        np.testing.assert_array_equal(found.edges[pair].target, edges.target)
        np.testing.assert_allclose(found.edges[pair].features, edges.features, atol=1e-4)


@pytest.mark.parametrize("make", [flat, hierarchy])
def test_what_is_written_is_read_again(make: Callable[[], Graph], tmp_path: Path) -> None:
    graph = make()
    write_neural_lam(graph, tmp_path / "graph")
    check_same(read_neural_lam(tmp_path / "graph"), graph)


@settings(max_examples=12, deadline=None)
@given(st.floats(-85, 70), st.floats(-180, 180), st.sampled_from([0.25, 1.0, 2.5]))
@example(0.0, -0.9, 1.0)  # a node of the grid on one of the mesh
def test_regions_anywhere_come_back(
    tmp_path_factory: pytest.TempPathFactory, south: float, west: float, step: float
) -> None:
    """Near the poles, across the date line."""
    grid = Grid.regular(south + step * np.arange(6)[::-1], west + step * np.arange(7))
    graph = flat(grid)
    folder = tmp_path_factory.mktemp("graphs") / "graph"
    write_neural_lam(graph, folder)
    check_same(read_neural_lam(folder), graph)


LAMBERT = "+proj=lcc +lat_0=56 +lat_1=56 +lat_2=56 +lon_0=10 +R=6371000 +units=m"


def of_weather_model_graphs(folder: Path, width: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """A folder as weather-model-graphs writes it: places of a datastore, no projection; the grid's and the mesh's."""
    grid = np.stack(np.meshgrid(np.arange(6) * 1e5, np.arange(5) * 1e5, indexing="ij"), -1).reshape(-1, 2) - 2e5
    mesh = np.stack(np.meshgrid(np.arange(width) * 2e5, np.arange(width) * 2e5, indexing="ij"), -1).reshape(-1, 2) - 2e5
    number = np.arange(len(mesh)).reshape(width, width)
    across = np.concatenate([np.stack([number[:-1], number[1:]], -1).reshape(-1, 2)])
    m2m = np.concatenate([across, across[:, ::-1]]).T
    nearest = np.linalg.norm(grid[:, None] - mesh, axis=2).argmin(axis=1)
    g2m = np.stack([np.arange(len(grid)), nearest])
    folder.mkdir()
    parts = {"g2m": (g2m, grid, mesh), "m2g": (g2m[::-1], mesh, grid), "m2m": (m2m, mesh, mesh)}
    for name, (index, source, target) in parts.items():
        way = target[index[1]] - source[index[0]]
        features = np.column_stack([np.linalg.norm(way, axis=1), way]).astype(np.float32)
        pair = (torch.from_numpy(index.copy()), torch.from_numpy(features))
        for kind, tensor in zip(("edge_index", "features"), pair, strict=True):
            torch.save([tensor] if name == "m2m" else tensor, folder / f"{name}_{kind}.pt")
    torch.save([torch.from_numpy(mesh.astype(np.float32))], folder / "mesh_features.pt")
    (folder / "metainfo.yaml").write_text("spec_version: 0.1.0\n")
    return grid, mesh


def test_a_graph_of_another_plane_is_read_by_its_projection(tmp_path: Path) -> None:
    grid, mesh = of_weather_model_graphs(tmp_path / "graph")
    found = read_neural_lam(tmp_path / "graph", LAMBERT)
    forth = pyproj.Transformer.from_crs(pyproj.CRS(LAMBERT).geodetic_crs, LAMBERT, always_xy=True)
    for name, places in (("grid", grid), ("mesh", mesh)):
        nodes = found.nodes[name]
        np.testing.assert_allclose(np.stack(forth.transform(nodes.longitudes, nodes.latitudes), 1), places, atol=1)
    assert len(found.edges["grid", "mesh"]) == len(found.edges["mesh", "grid"]) == len(grid)


@GIVE
def test_a_plane_that_nobody_tells_is_asked_for(tmp_path: Path) -> None:
    of_weather_model_graphs(tmp_path / "graph")
    for projection, message in (
        (None, "does not say which plane"),
        ("+proj=nothing", "nobody knows the projection"),
        ("+proj=lcc +lat_0=56 +nadgrids=/etc/passwd", "must need no other file"),
        ("+proj=ortho +lat_0=56 +lon_0=10 +R=1000", "do not lie on the plane"),
    ):
        with pytest.raises(DataError, match=message):
            read_neural_lam(tmp_path / "graph", projection)
    assert read_neural_lam(tmp_path / "graph", "+proj=lcc +lat_0=56 +lat_1=56 +lon_0=10").nodes


def test_ways_from_the_target_to_the_source_are_turned(tmp_path: Path) -> None:
    """So weather-model-graphs 0.4 writes them, on all edges of a graph."""
    of_weather_model_graphs(tmp_path / "graph")
    expected = read_neural_lam(tmp_path / "graph", LAMBERT)
    turn = torch.tensor([1.0, -1.0, -1.0])
    for name in ("g2m_features", "m2g_features"):
        changed(tmp_path / "graph", name, lambda each: each * turn)
    changed(tmp_path / "graph", "m2m_features", lambda each: [one * turn for one in each])
    check_same(read_neural_lam(tmp_path / "graph", LAMBERT), expected)


def changed(folder: Path, name: str, change: Callable[[Any], Any]) -> None:
    read = torch.load(folder / f"{name}.pt", weights_only=True)
    torch.save(change(read), folder / f"{name}.pt")


CHANGES: list[tuple[str, Callable[[Any], Any], str]] = [
    ("g2m_edge_index", lambda each: each.float(), "float32 of shape"),
    ("g2m_edge_index", lambda each: each[:1], "not […, 2]"),
    ("g2m_edge_index", lambda each: each - 1, "numbers of nodes from -1"),
    ("m2g_edge_index", lambda each: each + 1, "and there are 9"),
    ("g2m_features", lambda each: each[:, :2], "not […, 3]"),
    ("g2m_features", lambda each: each[1:], "29 edges, and the index has 30"),
    ("m2g_features", lambda each: each * np.nan, "not finite"),
    ("m2m_features", lambda each: [each[0][:, [0, 2, 1]]], "do not lead from one end"),
    ("m2m_edge_index", lambda each: [*each, *each], "2 tensors and 1 of features, not 1"),
    ("mesh_features", lambda each: [1.0], "float in place of a tensor"),
    ("mesh_features", lambda each: [each[0][:0]], "not […, 2]"),
]


@pytest.mark.parametrize(("name", "change", "message"), CHANGES, ids=[f"{name}: {said}" for name, _, said in CHANGES])
@AGAIN
def test_what_the_specification_does_not_allow_is_told(
    name: str, change: Callable[[Any], Any], message: str, tmp_path: Path
) -> None:
    of_weather_model_graphs(tmp_path / "graph")
    changed(tmp_path / "graph", name, change)
    with pytest.raises(ArtefactError, match=message.replace("[", r"\[")) as caught:
        read_neural_lam(tmp_path / "graph", LAMBERT)
    assert name.partition("_")[0] in str(caught.value)
    write_neural_lam(flat(), tmp_path / "again")
    assert read_neural_lam(tmp_path / "again").nodes


@AGAIN
def test_files_that_are_missing_or_damaged_are_told(tmp_path: Path) -> None:
    for number, (name, contents, message) in enumerate(
        [
            ("metainfo.yaml", None, "from before version 0.1.0"),
            ("metainfo.yaml", b"spec_version: 2\n", "must say `spec_version: 0.1.0`, got '2'"),
            ("metainfo.yaml", b"[", "cannot be read"),
            ("metainfo.yaml", b"- 1", "got None"),
            ("m2m_features.pt", None, "has no `m2m_features.pt`"),
            ("m2m_features.pt", b"", "cannot be read as tensors"),
            ("m2m_features.pt", b"PK\x03\x04", "cannot be read as tensors"),
        ]
    ):
        folder = tmp_path / str(number)
        of_weather_model_graphs(folder)
        (folder / name).unlink()
        if contents is not None:
            (folder / name).write_bytes(contents)
        with pytest.raises(ArtefactError, match=message):
            read_neural_lam(folder, LAMBERT)
    write_neural_lam(flat(), tmp_path / "again")
    assert read_neural_lam(tmp_path / "again").nodes


class Trap:
    """What writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_no_code_in_a_file_is_run(tmp_path: Path) -> None:
    of_weather_model_graphs(tmp_path / "graph")
    torch.save(Trap(tmp_path / "sprung"), tmp_path / "graph" / "mesh_features.pt")
    with pytest.raises(ArtefactError, match="holds more than tensors: to read it is to run"):
        read_neural_lam(tmp_path / "graph", LAMBERT)
    assert not (tmp_path / "sprung").exists()


@carries_out("make a graph that joins every node of the grid with the mesh")
def test_a_node_without_an_edge_has_no_place(tmp_path: Path) -> None:
    of_weather_model_graphs(tmp_path / "graph")
    for name in ("g2m_edge_index", "g2m_features", "m2g_edge_index", "m2g_features"):
        keep = [0, *range(2, 30)]
        changed(tmp_path / "graph", name, lambda each, keep=keep: each[:, keep] if len(each) == 2 else each[keep])
    with pytest.raises(DataError, match=r"1 of 30 nodes of the grid have no edge.*first is node 1"):
        read_neural_lam(tmp_path / "graph", LAMBERT)
    of_weather_model_graphs(tmp_path / "whole")
    assert read_neural_lam(tmp_path / "whole", LAMBERT).nodes


def test_the_command_goes_there_and_back(run: Callable[..., Result], tmp_path: Path) -> None:
    graph = flat()
    save_graph(tmp_path / "a.safetensors", graph, {})
    run("convert", tmp_path / "a.safetensors", tmp_path / "graph")
    run("convert", tmp_path / "graph", tmp_path / "b.safetensors")
    found = open_graph(tmp_path / "b.safetensors")
    check_same(found.graph, graph)
    assert found.record["from"] == "neural-lam"
    of_weather_model_graphs(tmp_path / "other")
    run("convert", tmp_path / "other", tmp_path / "c.safetensors", "--projection", LAMBERT)
    run("inspect", tmp_path / "c.safetensors")
    with pytest.raises(ArtefactError, match="exists already"):
        run("convert", tmp_path / "graph", tmp_path / "b.safetensors")


@carries_out("name it `{}`")
def test_a_folder_becomes_a_file(run: Callable[..., Result], tmp_path: Path) -> None:
    write_neural_lam(flat(), tmp_path / "graph")
    with pytest.raises(ArtefactError, match=r"is written to a file `\.safetensors`"):
        run("convert", tmp_path / "graph", tmp_path / "other")
    run("convert", tmp_path / "graph", tmp_path / "other.safetensors")


@carries_out("leave `--projection` out")
def test_a_file_has_no_plane(run: Callable[..., Result], tmp_path: Path) -> None:
    save_graph(tmp_path / "a.safetensors", flat(), {})
    with pytest.raises(ArtefactError, match="`--projection` belongs to a folder"):
        run("convert", tmp_path / "a.safetensors", tmp_path / "graph", "--projection", LAMBERT)
    run("convert", tmp_path / "a.safetensors", tmp_path / "graph")


@carries_out("install the extra `neural-lam` of wxml-graph-viewer")
def test_without_torch_or_pyproj_they_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_neural_lam(flat(), tmp_path / "graph")
    for name in ("torch", "pyproj"):
        with monkeypatch.context() as context:
            context.setitem(sys.modules, name, None)
            with pytest.raises(ArtefactError, match=f"with {name}, and that is not installed"):
                read_neural_lam(tmp_path / "graph")
    assert read_neural_lam(tmp_path / "graph").nodes
    assert yaml.safe_load((tmp_path / "graph" / "metainfo.yaml").read_text())["spec_version"] == "0.1.0"
