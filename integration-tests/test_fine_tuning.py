"""Beginning with the weights of another model beats fresh weights at equal steps, with one variable more and one less.

`nox -s fine-tuning` shows it on real data: `WXML_FINE_TUNING` is the number of steps of the parent.
"""

import json
import os
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import assemble, create, load_config
from wxml.experiment.restoring import restore
from wxml.forecasting.rollout import rollout

ROOT = Path(__file__).resolve().parents[1]
PARENT_STEPS = os.environ.get("WXML_FINE_TUNING")
SEEDS = (0, 1, 2)
EXPERIMENT = """
data:
  source: {{plugin: xarray, path: waves.nc}}
  variables: {variables}
  split: {{training: {training}, test: [2000-01-09, 2000-01-10]}}
graph: {{plugin: icosahedral, refinement: 1}}
model:
  channels: 24
  encoder: {{plugin: gnn, hidden_layers: 1}}
  processor: {{plugin: gnn, num_layers: 1, hidden_layers: 1}}
  decoder: {{plugin: gnn, hidden_layers: 1}}
training: {{plugin: lightning, batch_size: 4, learning_rate: 5.0e-3, tracker: none, accelerator: cpu, threads: 1}}
forecast: {{lead_time: 12h}}
"""
PARENT = {
    "variables": "{prognostic: [t, q], forcing: [cos_latitude, insolation]}",
    "training": "[2000-01-01, 2000-01-06]",
}
CHILD = {"variables": "{prognostic: [q, z, t], forcing: [cos_latitude]}", "training": "[2000-01-03, 2000-01-08]"}
TIMES = np.array(["2000-01-09T00", "2000-01-09T12"], "datetime64[s]")


def trained(run_dir: Path, config: str, *changes: str) -> Path:
    """Train in this process, and return the checkpoint."""
    path = run_dir.with_suffix(".yaml")
    path.write_text(config)
    run_dir.mkdir()
    loaded = load_config(path, changes)
    trainer: Any = create("trainer", loaded.config.training.plugin, loaded.config.training.options)
    checkpoint: Path = trainer.fit(assemble(loaded), run_dir)
    return checkpoint


def shares_of_persistence(checkpoint: Path, truth: xr.Dataset) -> dict[tuple[str, int], float]:
    """The RMSE over that of persistence, by variable and hours."""
    sums: dict[tuple[str, int], list[float]] = {}
    for lead, fields in rollout(*restore(checkpoint), TIMES, 2):
        for name, values in truth.data_vars.items():
            right, last = (
                values.sel(time=when).values.ravel() for when in (fields.valid_time, fields.valid_time - lead)
            )
            total = sums.setdefault((str(name), int(lead / np.timedelta64(1, "h"))), [0.0, 0.0])
            total[0] += float(np.square(fields[str(name)][0] - right).sum())
            total[1] += float(np.square(last - right).sum())
    return {key: float(np.sqrt(error / still)) for key, (error, still) in sums.items()}


@pytest.mark.parametrize("seeds", [SEEDS[:1], pytest.param(SEEDS[1:], marks=pytest.mark.long())])
def test_fifteen_steps_from_another_model_beat_fifteen_from_fresh_weights(
    seeds: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, growing_waves: xr.Dataset
) -> None:
    """With each of three seeds, by far.

    When this was written, the error of the two variables that the parent knows was 0.08 to 0.18 of that of persistence
    with its weights, and 0.62 to 0.96 with fresh ones, at least four times as much in each of the twelve cases; half is
    asked for. The mean over the three variables was 0.46 to 0.49, and 0.69 to 0.90; 0.8 of it is asked for.
    """
    monkeypatch.chdir(tmp_path)
    truth = growing_waves
    truth.to_netcdf(tmp_path / "waves.nc")
    trained(tmp_path / "parent", EXPERIMENT.format(**PARENT), "training.max_steps=120")
    fork = ("training.from.checkpoint=parent", "training.from.match=by-name")
    for seed in seeds:
        found = {}
        for name, more in (("fresh", ()), ("fork", fork)):
            changes = (f"seed={seed}", "training.max_steps=15", *more)
            checkpoint = trained(tmp_path / f"{name}-{seed}", EXPERIMENT.format(**CHILD), *changes)
            found[name] = shares_of_persistence(checkpoint, truth)
        assert len(found["fork"]) == 6
        for key, share in found["fork"].items():
            if key[0] != "z":
                assert share < 0.5 * found["fresh"][key], (seed, key)
        assert np.mean(list(found["fork"].values())) < 0.8 * np.mean(list(found["fresh"].values())), seed


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of `benchmarks/fine_tuning.py`."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return import_module("fine_tuning")


@pytest.mark.slow
@pytest.mark.skipif(not PARENT_STEPS, reason="nox -s fine-tuning")
def test_a_storm_is_learned_faster_from_a_year_of_north_america(
    benchmark: Any, shared_data: Path, tmp_path: Path
) -> None:
    """Sea-level pressure is new, insolation is not there, temperature has another name, grid and statistics.

    With every seed, and at 6, 12 and 24 h, temperature has an error at least 5 % below that of fresh weights.
    """
    air, storms = shared_data / "ncep-air-namerica" / "air_temperature.zarr", shared_data / "ncep-storm-1996"
    if not (air.exists() and storms.exists()):
        pytest.skip("there are no real data beside this repository")
    config = ROOT / "docs" / "experiments" / "ncep-north-america.yaml"
    changes = (f"data.source.path={air}", f"training.max_steps={PARENT_STEPS}", "training.tracker=none")
    command = [str(benchmark.WXML), "train", str(config), *changes, "--run-dir", str(tmp_path / "parent")]
    subprocess.run(command, check=True)
    benchmark.write_storm(storms, tmp_path / "storm.nc")
    fork = ("--from", str(tmp_path / "parent"), *benchmark.FORK)
    found = {}
    for seed in SEEDS:
        for name, more in (("fresh", ()), ("fork", fork)):
            checkpoint = benchmark.trained(tmp_path / "storm.nc", tmp_path / f"{name}-{seed}", 60, seed, more)
            found[f"{name}, seed {seed}"] = benchmark.errors(checkpoint, "test", benchmark.LEADS)
    print(json.dumps(found, indent=1))
    for seed in SEEDS:
        ours, theirs = found[f"fork, seed {seed}"], found[f"fresh, seed {seed}"]
        for hours in benchmark.LEADS:
            assert ours[f"t {hours} h"] < 0.95 * theirs[f"t {hours} h"], (seed, hours)
