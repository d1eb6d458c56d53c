"""A fork of each real model forecasts as its parent does before any step; then it trains, freezes, adapts, resumes."""

import signal
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr
from wxml import Experiment, assemble, create, load_config
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.artefacts.formats import read_provenance
from wxml.config.load import LoadedConfig
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout

EXPERIMENT = """
data:
  source: {{plugin: xarray, path: {path}}}
  variables: {variables}
  split: {{training: {training}, test: [2000-01-09, 2000-01-10]}}
graph: {graph}
model:
  channels: 24
  encoder: {encoder}
  processor: {processor}
  decoder: {decoder}
  trainable_features: {{grid: 2, mesh: 2}}
training: {{plugin: lightning, max_steps: 6, batch_size: 2, tracker: none, accelerator: cpu, checkpoint_every: 2}}
forecast: {{lead_time: 6h}}
"""
ICOSAHEDRAL = "{plugin: icosahedral, refinement: 1}"
GNN, POINTS = "{plugin: gnn, hidden_layers: 1}", "{plugin: point-wise}"
GRAPH, WINDOW = "{plugin: graph-transformer, num_heads: 2}", "{plugin: transformer, num_heads: 2, window: 64}"
ONE_LAYER = "{plugin: gnn, num_layers: 1, hidden_layers: 1}"
TIMES = np.array(["2000-01-09T00", "2000-01-09T12"], "datetime64[s]")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory, growing_waves: xr.Dataset) -> Path:
    """A folder with `all.nc`: three waves that grow, at 6 × 8 places."""
    folder = tmp_path_factory.mktemp("worlds")
    growing_waves.to_netcdf(folder / "all.nc")
    return folder


def write(folder: Path, world: Path, **changes: str) -> Path:
    values = {
        "path": str(world / "all.nc"),
        "variables": "{prognostic: [t, q], forcing: [cos_latitude, insolation]}",
        "training": "[2000-01-01, 2000-01-06]",
        "graph": ICOSAHEDRAL,
        "encoder": GNN,
        "processor": ONE_LAYER,
        "decoder": GNN,
    }
    path = folder / f"{len(list(folder.glob('*.yaml')))}.yaml"
    path.write_text(EXPERIMENT.format(**{**values, **changes}))
    return path


def forecast(experiment: Any, model: Any) -> dict[str, Any]:
    with torch.no_grad():
        fields = [fields for _, fields in rollout(experiment, model, TIMES, 2)]
    return {name: np.stack([one[name] for one in fields]) for name in experiment.roles.output}


@pytest.mark.parametrize(
    ("encoder", "decoder"),
    [(GNN, GNN), (GRAPH, GRAPH), (WINDOW, WINDOW), (POINTS, POINTS), (GRAPH, GNN), (GNN, WINDOW), (WINDOW, GRAPH)],
)
def test_every_mapper_carries_its_weights_over(worlds: Path, tmp_path: Path, encoder: str, decoder: str) -> None:
    """The new model reads three variables in another order, one of them new, with statistics of another period."""
    mappers = {"encoder": encoder, "decoder": decoder}
    parent = assemble(load_config(write(tmp_path, worlds, **mappers)))
    generator = torch.Generator().manual_seed(3)
    weights = {
        name: tensor + 0.2 * torch.randn(tensor.shape, generator=generator)
        for name, tensor in parent.new_model().state_dict().items()
    }
    parent.save(tmp_path / "parent.safetensors", weights, {"steps": 1})
    wanted = forecast(*restore(tmp_path / "parent.safetensors"))
    other = "{prognostic: [z, q, t], forcing: [insolation, cos_latitude]}"
    config = write(tmp_path, worlds, **mappers, variables=other, training="[2000-01-03, 2000-01-08]")
    fork = [f"training.from.checkpoint={tmp_path}/parent.safetensors", "training.from.match=by-name"]
    child = assemble(load_config(config, fork))
    assert child.initial is not None
    assert child.initial.report.fresh == {}
    found = forecast(child, child.new_model())
    for name in ("t", "q"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-5 * 10)


class Interrupted(Experiment):
    """Presses Ctrl-C in the forward pass of the fourth step."""

    def new_model(self) -> Any:
        """The model, which counts its forward passes."""
        model, calls = super().new_model(), iter(range(1, 100))

        def count(_module: Any, _inputs: Any) -> None:
            if next(calls) == 4:
                signal.raise_signal(signal.SIGINT)

        model.register_forward_pre_hook(count)
        return model


def test_a_fork_trains_and_resumes(worlds: Path, tmp_path: Path) -> None:
    """The frozen part stays, the adapters move their weights, and a resumed fork has the bytes of an unbroken one."""
    parent = train_in(tmp_path / "parent", load_config(write(tmp_path, worlds)))
    variables = "{prognostic: [q, z], forcing: [cos_latitude, insolation]}"
    fork = [
        f"training.from.checkpoint={tmp_path}/parent",
        "training.from.match=by-name",
        "training.ema=0.9",
        "training.from.freeze=[encoder,processor]",
        "training.from.lora={rank: 2, targets: ['processor.*']}",
    ]
    loaded = load_config(write(tmp_path, worlds, variables=variables), fork)
    whole = train_in(tmp_path / "whole", loaded)
    old, new = load_checkpoint(parent).weights, load_checkpoint(whole).weights
    processor = {name for name in new if name.startswith("processor.") and "norm" not in name}
    moved = {name for name in processor if not torch.equal(old[name], new[name])}
    assert moved == {name for name in processor if new[name].ndim == 2}
    inside = [name for name in new if name.startswith("encoder.interaction.")]
    assert inside
    assert all(torch.equal(old[name], new[name]) for name in inside)
    record = read_provenance(whole)
    assert record.fork["checkpoint"] == "checkpoint.safetensors"
    assert record.config["training"]["from"]["match"] == "by-name"

    experiment = assemble(loaded)
    interrupted = Interrupted(*(getattr(experiment, field.name) for field in fields(Experiment)))
    with pytest.raises(KeyboardInterrupt):
        train_in(tmp_path / "broken", loaded, interrupted)
    resumed = train_in(tmp_path / "broken", loaded, resume=True)
    assert resumed.read_bytes() == whole.read_bytes()


def train_in(run_dir: Path, loaded: LoadedConfig, experiment: Any = None, *, resume: bool = False) -> Path:
    run_dir.mkdir(exist_ok=True)
    choice = loaded.config.training
    trainer: Any = create("trainer", choice.plugin, choice.options)
    path: Path = trainer.fit(experiment or assemble(loaded), run_dir, resume=resume)
    return path


def test_a_state_belongs_to_the_weights_that_its_training_began_with(
    worlds: Path, tmp_path: Path, quickly: Any
) -> None:
    config = write(tmp_path, worlds).name
    for name, seed in (("one", 1), ("two", 2)):
        done = quickly("train", config, "training.max_steps=2", f"seed={seed}", "--run-dir", name, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    begun = quickly("train", config, "--from", "one", "--run-dir", "fork", folder=tmp_path)
    assert begun.returncode == 0, begun.stderr
    assert "the training begins with the weights of `checkpoint.safetensors`" in begun.stderr
    refused = quickly("train", config, "--from", "two", "--run-dir", "fork", "--resume", folder=tmp_path)
    assert "belongs to another training" in refused.stderr
    assert "forked_from" in refused.stderr
    again = quickly("train", config, "--from", "one", "--run-dir", "fork", "--resume", folder=tmp_path)
    assert again.returncode == 0, again.stderr
    told = quickly("inspect", "fork/checkpoint.safetensors", folder=tmp_path)
    assert "forked from the weights of checkpoint.safetensors" in told.stdout
