"""Graphs of experiments, files and checkpoints; mistakes and what the errors propose."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from wxml.errors import ArtefactError, ConfigError
from wxml.graphs.files import open_graph, save_graph
from wxml.testing import tiny_graph, tiny_grid

Run = Callable[..., Result]
carries_out = pytest.mark.carries_out


def test_a_file_holds_the_graph_of_the_experiment(run: Run, experiment: Path, tmp_path: Path) -> None:
    out = tmp_path / "graph.safetensors"
    assert run("build", experiment, "graph.refinement=2", "--out", out).stdout.strip() == str(out)
    found = open_graph(out)
    assert len(found.graph.nodes["mesh"]) == 10 * 4**2 + 2
    assert found.record["graph"] == {"plugin": "icosahedral", "refinement": 2}
    assert "wxml-graph-builders" in str(found.record["plugins"])
    assert found.graph.identity in run("build", experiment, "graph.refinement=2").stdout
    assert found.graph.identity in run("inspect", out).stdout


def test_the_graph_of_a_checkpoint_is_read(run: Run, tmp_path: Path) -> None:
    graph = tiny_graph(tiny_grid())
    tensors = {f"graph/{name}": array for name, array in graph.to_arrays().items()}
    save_file({**tensors, "weights/x": np.zeros(3), "grid/latitudes": np.zeros(4)}, tmp_path / "c.safetensors")
    assert graph.identity in run("inspect", tmp_path / "c.safetensors").stdout


@carries_out("choose another path, or pass --overwrite to replace it")
def test_a_file_is_replaced_only_on_request(run: Run, experiment: Path, tmp_path: Path) -> None:
    out = tmp_path / "graph.safetensors"
    out.write_text("mine")
    with pytest.raises(ArtefactError, match="exists already"):
        run("build", experiment, "--out", out)
    assert out.read_text() == "mine"
    run("build", experiment, "--out", out, "--overwrite")
    assert len(open_graph(out).graph.nodes["mesh"]) == 42


@carries_out("name the file like {}{}")
def test_another_suffix_is_refused_before_anything_is_built(run: Run, experiment: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"`--out` must end with \.safetensors, got") as caught:
        run("build", experiment, "--out", tmp_path / "graph.pt")
    assert caught.value.fix == "name the file like graph.safetensors"
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.yaml"]
    run("build", experiment, "--out", tmp_path / "graph.safetensors")


@carries_out("name the experiment (.yaml), or leave the change out")
def test_a_file_cannot_be_changed(run: Run, experiment: Path, tmp_path: Path) -> None:
    run("build", experiment, "--out", tmp_path / "g.safetensors")
    with pytest.raises(ArtefactError, match=r"is a graph as it was built, and 'graph.refinement=2' changes"):
        run("inspect", tmp_path / "g.safetensors", "graph.refinement=2")
    run("inspect", tmp_path / "g.safetensors")
    run("inspect", experiment, "graph.refinement=2")


def test_a_wrong_option_is_named(run: Run, experiment: Path) -> None:
    with pytest.raises(ConfigError, match=r"graph\.refinement"):
        run("build", experiment, "graph.refinement=-1")


@pytest.mark.parametrize("content", [None, b"", b"no graph", "arrays"])
@carries_out("name a file of `wxml graph build`, a checkpoint, or an experiment (.yaml)")
def test_what_holds_no_graph_is_named(run: Run, experiment: Path, tmp_path: Path, content: object) -> None:
    path = tmp_path / "other.safetensors"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        save_file({"x": np.zeros(3)}, path)
    with pytest.raises(ArtefactError, match=r"other\.safetensors` (cannot be read|holds no graph)"):
        run("inspect", path)
    path.unlink(missing_ok=True)
    run("build", experiment, "--out", path)
    run("inspect", path)


@pytest.mark.parametrize("seed", range(40))
def test_no_changed_byte_gives_another_graph(tmp_path: Path, seed: int) -> None:
    path, graph = tmp_path / "g.safetensors", tiny_graph(tiny_grid())
    save_graph(path, graph, {"a": 1})
    damaged = bytearray(path.read_bytes())
    damaged[int(np.random.default_rng(seed).integers(len(damaged)))] ^= 1
    path.write_bytes(damaged)
    try:
        found = open_graph(path)
    except ArtefactError:
        return
    assert found.graph.identity == graph.identity  # a byte of padding


def test_an_array_that_was_left_out_is_missed(tmp_path: Path) -> None:
    path = tmp_path / "g.safetensors"
    save_graph(path, tiny_graph(tiny_grid()), {})
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    arrays = load_file(path)
    arrays.pop("edges/mesh/grid/source")
    save_file(arrays, path, metadata)
    with pytest.raises(ArtefactError, match=r"tensor `edges/mesh/grid/source` .* is damaged: it is missing"):
        open_graph(path)
