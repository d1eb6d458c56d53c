"""`wxml import-anemoi`: from the file that is saved where Anemoi is installed to a checkpoint that forecasts."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from click.testing import CliRunner
from safetensors.torch import load_file, save_file
from torch import Tensor
from wxml.cli import group
from wxml.config.load import load_config
from wxml.experiment.assembling import assemble
from wxml.experiment.parts import Experiment
from wxml_anemoi.names import names_of_parts

OPTIONS = ("model.increment_scale=unit", "model.input_tendencies=false")
VARIABLES = {"inputs": ["insolation", "z", "cos_latitude", "t"], "outputs": ["z", "t"]}


def anemoi_state(experiment: Experiment) -> dict[str, Tensor]:
    """Random weights by the names that a model of Anemoi has for them, its coordinates, and its graph."""
    model = experiment.new_model()
    generator = torch.Generator().manual_seed(1)
    tensors = {}
    for part, names in names_of_parts(model, experiment.config.model).items():
        parameters = dict(getattr(model, part).named_parameters())
        prefix = "processor." if part == "processor" else f"{part}.data."
        for ours, weight in names.weights.items():
            tensors[prefix + weight.names[0]] = torch.randn(parameters[ours].shape, generator=generator)
    for ours, theirs in (("grid", "data"), ("mesh", "hidden")):
        nodes = experiment.graph.nodes[ours]
        places = torch.from_numpy(np.radians(np.stack([nodes.latitudes, nodes.longitudes], axis=1)))
        tensors[f"graph/{ours}"] = places
        tensors[f"node_attributes.latlons_{theirs}"] = torch.cat([places.sin(), places.cos()], dim=1).float()
    for (source, target), edges in experiment.graph.edges.items():
        tensors[f"graph/{source}-{target}/index"] = torch.from_numpy(np.stack([edges.source, edges.target]))
        tensors[f"graph/{source}-{target}/features"] = torch.from_numpy(edges.features)
    return tensors


def write(tensors: dict[str, Tensor], path: Path, **variables: list[str]) -> None:
    metadata = {role: json.dumps(names) for role, names in {**VARIABLES, **variables}.items()}
    save_file({name: value.contiguous() for name, value in tensors.items()}, path, metadata)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, make_world, cache: str) -> Path:
    """A world, an experiment on it, and the weights of an Anemoi model on the graph of that experiment."""
    folder = make_world(tmp_path_factory.mktemp("anemoi") / "global")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WXML_CACHE", cache)
        patch.chdir(folder)
        tensors = anemoi_state(assemble(load_config(Path("experiment.yaml"), OPTIONS)))
    write(tensors, folder / "anemoi.safetensors")
    return folder


@pytest.fixture
def refused(folder: Path, quickly) -> Callable[..., str]:
    """Run the command, which must refuse and leave no file behind; what it says."""

    def refused(export: str, *arguments: str) -> str:
        before = {path.name for path in folder.iterdir()}
        done = quickly("import-anemoi", export, "experiment.yaml", *arguments, "-o", "refused.st", folder=folder)
        assert done.returncode == 2, done.stdout + done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        assert {path.name for path in folder.iterdir()} == before
        return done.stderr

    return refused


def test_the_checkpoint_has_the_weights_and_forecasts(folder: Path, quick_wxml, quickly) -> None:
    arguments = ("import-anemoi", "anemoi.safetensors", "experiment.yaml", *OPTIONS, "-o", "made.safetensors")
    assert quick_wxml(*arguments, folder=folder).stdout == "made.safetensors\n"
    theirs, ours = load_file(folder / "anemoi.safetensors"), load_file(folder / "made.safetensors")
    for name, parameter in (
        ("proc.0.node_mlp.mlp.0.weight", "layers.0.node_network.0.weight"),
        ("proc.0.emb_edges.mlp.2.bias", "embed_edges.2.bias"),
    ):
        assert torch.equal(ours[f"weights/processor.{parameter}"], theirs[f"processor.{name}"])
    read = theirs["encoder.data.emb_nodes_src.mlp.0.weight"]  # columns: two times of four variables, then coordinates
    order = [VARIABLES["inputs"].index(name) for name in ("t", "z", "cos_latitude", "insolation")]
    columns = [time * 4 + place for time in range(2) for place in order] + [8, 10, 9, 11]
    assert torch.equal(ours["weights/encoder.embed_source.0.weight"], read[:, columns])
    written = theirs["decoder.data.node_data_extractor.mlp.2.bias"]
    assert torch.equal(ours["weights/decoder.read_off.2.bias"], written[[1, 0]])

    record = json.loads(quick_wxml("inspect", "made.safetensors", "--json", folder=folder).stdout)
    assert record["notes"]["wxml-anemoi"]["weights"].startswith("sha256:")
    quick_wxml("forecast", "made.safetensors", "-o", "forecast.nc", folder=folder)
    again = quickly(*arguments, folder=folder)
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    before = (folder / "made.safetensors").read_bytes()
    quick_wxml(*arguments, "--overwrite", folder=folder)
    assert (folder / "made.safetensors").read_bytes() == before, "the same inputs give the same bytes"


def test_what_does_not_fit_is_told(folder: Path, refused) -> None:
    assert "`model.increment_scale` must be `unit`" in refused("anemoi.safetensors")
    told = refused("anemoi.safetensors", *OPTIONS, "model.processor.num_layers=2")
    assert "processor.proc.1.node_mlp.mlp.0.weight is missing, which `processor.layers.1." in told
    told = refused("anemoi.safetensors", *OPTIONS, "model.channels=4")
    assert "processor.proc.0.node_mlp.mlp.0.weight has shape [8, 16]" in told
    told = refused("anemoi.safetensors", *OPTIONS, "model.processor={plugin: graph-transformer, edge_projection: once}")
    assert "names the weights of the processor" in told


def test_another_grid_or_other_variables_are_refused(folder: Path, refused) -> None:
    tensors = load_file(folder / "anemoi.safetensors")
    write(tensors | {"graph/grid": tensors["graph/grid"].roll(1, 0)}, folder / "moved.safetensors")
    assert "grid node 0 of the Anemoi model lies at" in refused("moved.safetensors", *OPTIONS)
    write(tensors | {"graph/grid": tensors["graph/grid"][1:]}, folder / "fewer.safetensors")
    assert "the Anemoi model has 47 grid nodes, the data have 48" in refused("fewer.safetensors", *OPTIONS)
    write(tensors, folder / "named.safetensors", outputs=["z", "temp"])
    assert "variable 't' is in the model's outputs only" in refused("named.safetensors", *OPTIONS)


def test_what_is_no_export_is_refused(folder: Path, refused) -> None:
    tensors = load_file(folder / "anemoi.safetensors")
    save_file(tensors, folder / "unnamed.safetensors")
    assert "lacks the variables `inputs`, the variables `outputs`" in refused("unnamed.safetensors", *OPTIONS)
    write({name: value for name, value in tensors.items() if name != "graph/mesh"}, folder / "bare.safetensors")
    assert "lacks `graph/mesh`" in refused("bare.safetensors", *OPTIONS)
    torch.save(torch.nn.Linear(2, 2), folder / "model.ckpt")
    told = refused("model.ckpt", *OPTIONS)
    assert "pickled model" in told
    assert "docs/weights-from-anemoi.md" in told
    assert "there is no file `absent.safetensors`" in refused("absent.safetensors", *OPTIONS)


def test_an_experiment_must_be_named(folder: Path, quickly) -> None:
    done = quickly("import-anemoi", "anemoi.safetensors", "seed=3", "-o", "x.safetensors", folder=folder)
    assert done.returncode == 2
    assert "name the experiment" in done.stderr


# What the errors propose, carried out in this process

carries_out = pytest.mark.carries_out
State = dict[str, Tensor]


@pytest.fixture
def run_here(folder: Path, tmp_path: Path, cache: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Import a file in a copy of the folder; the exit code."""
    for name in ("world.nc", "experiment.yaml", "anemoi.safetensors"):
        shutil.copy(folder / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXML_CACHE", cache)

    def run_here(export: str, *arguments: str) -> int:
        command = ["import-anemoi", export, "experiment.yaml", *OPTIONS, *arguments, "-o", "made.safetensors"]
        return CliRunner().invoke(group, command).exit_code

    return run_here


class Storage(dict[str, Tensor]):
    """What torch_geometric keeps of nodes or of edges: its items are attributes, too."""

    __getattr__ = dict.__getitem__


def interface_of(tensors: State) -> SimpleNamespace:
    """What `torch.load` gives where Anemoi is installed, as far as the script reads it."""
    graph: dict[Any, Storage] = {
        theirs: Storage(x=tensors[f"graph/{ours}"]) for ours, theirs in (("grid", "data"), ("mesh", "hidden"))
    }
    for (source, target), name in {
        ("data", "hidden"): "grid-mesh",
        ("hidden", "hidden"): "mesh-mesh",
        ("hidden", "data"): "mesh-grid",
    }.items():
        length, direction = tensors[f"graph/{name}/features"].split([1, 2], dim=1)
        index = tensors[f"graph/{name}/index"]
        graph[source, "to", target] = Storage(edge_index=index, edge_length=length, edge_dirs=direction)
    state = {name: value for name, value in tensors.items() if not name.startswith("graph/")}
    indices = {
        role.removesuffix("s"): SimpleNamespace(name_to_index={name: names.index(name) for name in sorted(names)})
        for role, names in VARIABLES.items()
    }
    data_indices = {"data": SimpleNamespace(model=SimpleNamespace(**indices))}
    return SimpleNamespace(model=SimpleNamespace(state_dict=state.copy), graph_data=graph, data_indices=data_indices)


@carries_out(
    "where Anemoi is installed, write the weights, the graph and the names of the variables to a .safetensors file "
    "with the script in docs/weights-from-anemoi.md of wxml"
)
def test_the_script_of_the_page_writes_what_is_imported(root: Path, run_here: Callable[..., int]) -> None:
    expected = load_file("anemoi.safetensors")
    torch.save(interface_of(expected), "inference-last.ckpt")
    Path("anemoi.safetensors").unlink()
    assert run_here("inference-last.ckpt") == 2
    page = (root / "docs" / "weights-from-anemoi.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(script, {})  # noqa: S102
    found = load_file("anemoi.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert run_here("anemoi.safetensors") == 0


@carries_out("read data on the grid of the Anemoi model, with the nodes in the same order")
def test_data_are_read_in_the_order_of_the_nodes(run_here: Callable[..., int]) -> None:
    with xr.open_dataset("world.nc") as data:
        data.isel(latitude=slice(None, None, -1)).to_netcdf("flipped.nc")
    assert run_here("anemoi.safetensors", "data.source.path=flipped.nc") == 2
    assert run_here("anemoi.safetensors", "data.source.path=world.nc") == 0
