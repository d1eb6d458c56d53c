"""A forecast has the same bits alone and among others, for each family of models: dates, members and batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from click.testing import CliRunner
from wxml import Experiment, assemble, load_config
from wxml.cli import group
from wxml.forecasting.ensemble import Ensemble
from wxml.forecasting.execution import Execution
from wxml.forecasting.rollout import rollout

EXPERIMENT = """
data:
  source: {{plugin: simulated-atmosphere, truncation: 15, end: 2000-01-08}}
  variables: {{prognostic: [t, u, v], forcing: [insolation, cos_latitude]}}
  timestep: 6h
  split: {{training: [2000-01-01, 2000-01-03]}}
graph: {{plugin: icosahedral, refinement: 2, hierarchy: {levels}}}
model:
  channels: 64
  encoder: {encoder}
  processor: {processor}
  decoder: {encoder}
  noise: {{channels: 3, how: inject}}
training: {{plugin: lightning, max_steps: 1, batch_size: 1, tracker: none}}
"""
GNN, GRAPH = "{plugin: gnn, hidden_layers: 1}", "{plugin: graph-transformer, num_heads: 2}"
LAYERS = "{plugin: gnn, num_layers: 1, hidden_layers: 1}"
LEVELS = f"{{plugin: hierarchical, processors: [{LAYERS}], down: [{GNN}], up: [{GNN}]}}"
FAMILIES = {
    "gnn": (0, GNN, "{plugin: gnn, num_layers: 1, hidden_layers: 1}"),
    "graph-transformer": (0, GRAPH, "{plugin: graph-transformer, num_layers: 1, num_heads: 2}"),
    "transformer": (0, GNN, "{plugin: transformer, num_layers: 1, num_heads: 2, window: 64}"),
    "point-wise": (0, GNN, "{plugin: point-wise}"),
    "hierarchical": (2, GNN, LEVELS),
}
TIMES = np.array(["2000-01-04T00", "2000-01-04T06"], "datetime64[s]")


def experiment_of(folder: Path, family: str) -> tuple[Experiment, torch.nn.Module]:
    levels, encoder, processor = FAMILIES[family]
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT.format(levels=levels, encoder=encoder, processor=processor))
    experiment = assemble(load_config(path, ()))
    model = experiment.new_model()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in model.parameters():
            weights.copy_(0.1 * torch.randn(weights.shape, generator=generator))
    return experiment, model


@pytest.mark.parametrize("family", FAMILIES)
def test_a_forecast_is_the_same_alone_and_among_others(tmp_path: Path, family: str) -> None:
    experiment, model = experiment_of(tmp_path, family)

    def made(
        batch_size: int, numbers: tuple[int, ...], times: np.ndarray = TIMES, copies: int = 1
    ) -> dict[tuple[str, int], np.ndarray]:
        ensemble, execution = Ensemble(8, chosen=numbers), Execution(threads=1, others=("cpu",) * (copies - 1))
        fields = rollout(experiment, model, times, 1, batch_size=batch_size, ensemble=ensemble, execution=execution)
        return {
            (str(field.valid_time), number): values
            for _, field in fields
            for number, values in zip(numbers, field.values, strict=True)
        }

    whole = made(8, (0, 3, 7))
    assert len(whole) == 6
    first, second = (whole[f"{TIMES[0] + np.timedelta64(6, 'h')}", number] for number in (0, 3))
    assert not np.array_equal(first, second)
    for parts in (made(1, (0, 3)), made(3, (3,)), made(8, (7,), TIMES[1:]), made(8, (0, 3, 7), copies=4)):
        for key, values in parts.items():
            np.testing.assert_array_equal(values, whole[key])


def test_forecasts_that_are_made_together_are_the_same_but_for_rounding(tmp_path: Path) -> None:
    experiment, model = experiment_of(tmp_path, "gnn")
    alone, together = (
        np.stack(
            [field.values for _, field in rollout(experiment, model, TIMES, 1, ensemble=Ensemble(3), execution=how)]
        )
        for how in (Execution(), Execution(together=True))
    )
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-3)
    assert np.ptp(alone, axis=1).max() > 0


ENSEMBLE = """
data:
  source: {plugin: simulated-atmosphere, truncation: 5, end: 2000-01-26, spin_up_days: 0}
  variables: {prognostic: [t, u, v], forcing: [insolation, cos_latitude]}
  timestep: 6h
  split: {training: [2000-01-01, 2000-01-08], validation: [2000-01-09, 2000-01-10], test: [2000-01-11, 2000-01-26]}
graph: {plugin: icosahedral, refinement: 1}
model:
  channels: 8
  encoder: {plugin: gnn, hidden_layers: 1}
  processor: {plugin: gnn, num_layers: 1, hidden_layers: 1}
  decoder: {plugin: gnn, hidden_layers: 1}
  noise: {channels: 3, how: inject, correlation: 0.8}
training:
  plugin: lightning
  max_steps: 5
  batch_size: 2
  members: 2
  loss: {plugin: crps}
  learning_rate: 1.0e-2
  tracker: none
  accelerator: cpu
forecast:
  lead_time: 6h
  control: true
  perturbations: [{plugin: spherical, length: 3000}, {plugin: lagged, lags: [0h, 6h]}]
"""


def run(*arguments: object) -> None:
    done = CliRunner().invoke(group, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_twenty_members_of_fourteen_dates_and_one_of_them_again(tmp_path: Path) -> None:
    """An ensemble that was trained with the CRPS: one command makes all, another one member 17, with the same bits."""
    config, run_dir = tmp_path / "ensemble.yaml", tmp_path / "run"
    config.write_text(ENSEMBLE)
    run("train", config, "--run-dir", run_dir)
    dates = ("--start", "2000-01-12", "--end", "2000-01-25", "--every", "24h", "--members", 20)
    run("forecast", run_dir, *dates, "-o", tmp_path / "all.zarr")
    run("forecast", run_dir, *dates, "--member", "17", "-o", tmp_path / "one.zarr")
    with xr.open_zarr(tmp_path / "all.zarr") as whole, xr.open_zarr(tmp_path / "one.zarr") as one:
        assert (whole.sizes["number"], whole.sizes["time"]) == (20, 14)
        assert one["number"].values.tolist() == [17]
        for name in ("t", "u", "v"):
            values = whole[name].transpose("number", ...).values
            np.testing.assert_array_equal(one[name].transpose("number", ...).values[0], values[17])
            assert len({member.tobytes() for member in values}) == 20
