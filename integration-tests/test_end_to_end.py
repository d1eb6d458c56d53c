"""The main job through the command line: train, forecast, verify, inspect; on the globe and in a region."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml.artefacts.checkpoint import load_checkpoint, read_header

CHECKPOINT = "run/checkpoint.safetensors"
HOUR = np.timedelta64(1, "h")
LIMIT = 600  # seconds: ends what hangs, and judges nobody's speed


def opened(path: Path) -> xr.Dataset:
    """The whole file, closed again."""
    options = {"engine": "zarr", "consolidated": False} if path.suffix == ".zarr" else {}
    with xr.open_dataset(path, decode_timedelta=True, **options) as dataset:
        return dataset.load()


@pytest.fixture(scope="session")
def regional(tmp_path_factory, make_world, quick_wxml) -> Path:
    """A region in a zarr store, and everything that is made of it."""
    folder = make_world(tmp_path_factory.mktemp("regional") / "world", regional=True)
    with xr.open_dataset(folder / "world.nc") as world:
        world.load().to_zarr(folder / "world.zarr", zarr_format=2)
    (folder / "world.nc").unlink()
    config = (folder / "experiment.yaml").read_text()
    (folder / "experiment.yaml").write_text(config.replace("world.nc", "world.zarr"))
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    quick_wxml("forecast", CHECKPOINT, "-o", "forecast.zarr", folder=folder)
    return folder


@pytest.fixture(scope="module", params=["global", "regional"])
def forecast_path(request, forecast_file: Path) -> Path:
    """A forecast on the globe in NetCDF, and one in a region in zarr."""
    return forecast_file if request.param == "global" else request.getfixturevalue("regional") / "forecast.zarr"


@pytest.fixture(scope="session")  # like the forecast, which it lies beside: a worker may come back to this module
def scores(forecast_file: Path, wxml) -> "subprocess.CompletedProcess[str]":
    """What `wxml verify` printed; its files are in `scores/` beside the forecast."""
    return wxml("verify", forecast_file.name, "-o", "scores", folder=forecast_file.parent)


# Forecasts


def test_a_forecast_file_says_what_it_holds(forecast_path: Path) -> None:
    data = opened(forecast_path)
    world = opened(next(path for path in forecast_path.parent.glob("world.*")))
    assert dict(data.sizes) == {
        "time": 8,
        "prediction_timedelta": 2,
        **{k: world.sizes[k] for k in ("latitude", "longitude")},
    }
    assert data["time"].values[[0, -1]].astype("datetime64[h]").astype(str).tolist() == [
        "2000-01-08T00",
        "2000-01-09T18",
    ]
    assert (data["prediction_timedelta"].values / HOUR).tolist() == [6, 12]
    assert {name: data[name].attrs["units"] for name in data.data_vars} == {"t": "K", "z": "m2 s-2"}
    np.testing.assert_allclose(data["latitude"], world["latitude"])
    np.testing.assert_allclose(data["longitude"], world["longitude"])
    assert bool(np.isfinite(data["t"]).all() & np.isfinite(data["z"]).all())
    assert 250 < float(data["t"].mean()) < 310


def test_the_first_step_is_the_forward_pass_done_by_hand(trained: Path, forecast_file: Path) -> None:
    """Statistics, normalisation, order of channels and the way back from their definitions; one call of the model."""
    import torch
    from wxml.data.forcings import compute_forcings
    from wxml.experiment.restoring import restore

    world, number = opened(trained / "world.nc"), 5
    initial = opened(forecast_file)["time"].values[number]
    names, forcings = ("t", "z"), ("cos_latitude", "insolation")
    weights = np.cos(np.radians(world["latitude"]))  # rows of equal width: the exact areas, but for a factor
    training = world.sel(time=slice("2000-01-01", "2000-01-06")).astype("f8")
    mean = training.weighted(weights).mean()
    deviation = np.sqrt(((training - mean) ** 2).weighted(weights).mean())
    inputs = world.sel(time=[initial - 6 * HOUR, initial])
    states = np.stack(
        [((inputs[name] - mean[name]) / deviation[name]).values.reshape(2, -1) for name in names], axis=-1
    )

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(trained)
        experiment, model = restore(Path(CHECKPOINT))
    sun = compute_forcings(forcings, experiment.source.header.grid, inputs["time"].values.astype("datetime64[s]"))
    np.testing.assert_allclose(sun[0, 0], np.cos(np.radians(experiment.source.header.grid.latitudes)), atol=1e-6)
    with torch.inference_mode():
        given = [torch.from_numpy(np.float32(values[None])) for values in (states, np.swapaxes(sun, 1, 2))]
        ((output,),) = model(*given).numpy()
    made = opened(forecast_file).isel(time=number, prediction_timedelta=0)
    for column, name in enumerate(names):
        expected = output[:, column] * float(deviation[name]) + float(mean[name])
        np.testing.assert_allclose(made[name].values.ravel(), expected, rtol=2e-6)
        assert np.abs(made[name] - inputs[name][-1]).max() > 0.1, "the forecast is no persistence"


def test_a_data_set_that_was_moved_gives_the_same_forecast(trained, forecast_file, tmp_path, quick_wxml) -> None:
    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(trained / "world.nc", tmp_path / "elsewhere" / "moved.nc")
    quick_wxml("forecast", CHECKPOINT, "data.source.path=elsewhere/moved.nc", "-o", "new.nc", folder=tmp_path)
    xr.testing.assert_identical(opened(tmp_path / "new.nc").drop_attrs(), opened(forecast_file).drop_attrs())
    assert "elsewhere/moved.nc" in quick_wxml("inspect", "new.nc", folder=tmp_path).stdout


def test_times_can_be_chosen_also_beyond_the_end_of_the_data(trained: Path, tmp_path: Path, quick_wxml) -> None:
    """The last initial time is the last time of the data: what is forecast need not be there yet."""
    period = ("--start", "2000-01-09T06", "--end", "2000-01-10T18", "--every", "12h", "--lead-time", "18h")
    quick_wxml("forecast", CHECKPOINT, "-o", tmp_path / "new.zarr", *period, folder=trained)
    data = opened(tmp_path / "new.zarr")
    starts = ["2000-01-09T06", "2000-01-09T18", "2000-01-10T06", "2000-01-10T18"]
    assert data["time"].values.astype("datetime64[h]").astype(str).tolist() == starts
    assert (data["prediction_timedelta"].values / HOUR).tolist() == [6, 12, 18]
    assert bool(np.isfinite(data["t"]).all())


OPTIONS = (
    "data.output_steps=2",
    "model.noise={channels: 4, how: inject}",
    "model.residual=truncated",
    "model.latent_skip=false",
    "model.trainable_features={grid: 1, mesh: 1}",
    "model.bounding={t: {minimum: 279, maximum: 281}}",
    "forecast.members=2",
)


def test_an_ensemble_of_a_model_with_every_option_of_core(trained: Path, tmp_path: Path, quick_wxml) -> None:
    """Three steps are one and a half calls of this model; t is kept within narrow limits, and no members are alike."""
    for name in ("world.nc", "experiment.yaml"):
        shutil.copy(trained / name, tmp_path)
    quick_wxml(
        "train",
        "experiment.yaml",
        *OPTIONS,
        "training={max_steps: 8, learning_rate: 0.02, loss: {plugin: crps}, members: 3, members_at_once: 2}",
        "--run-dir",
        "run",
        folder=tmp_path,
    )
    for number, members in ((1, ()), (2, ()), (3, ("--members", "3"))):
        arguments = ("--start", "2000-01-08T06", "--lead-time", "18h", *members)
        quick_wxml("forecast", CHECKPOINT, "-o", f"{number}.nc", *arguments, folder=tmp_path)
    one, again, three = (opened(tmp_path / f"{number}.nc") for number in (1, 2, 3))
    xr.testing.assert_equal(one, again)
    assert (one.sizes["prediction_timedelta"], one.sizes["number"], three.sizes["number"]) == (3, 2, 3)
    np.testing.assert_allclose(three["z"].isel(number=slice(2)), one["z"], rtol=1e-5)
    assert 278.99 < float(one["t"].min()) < float(one["t"].max()) < 281.01
    assert float(np.ptp(three["z"].values, axis=three["z"].get_axis_num("number")).max()) > 1e-3


def test_normal_distributions_from_the_training_to_the_scores(trained: Path, tmp_path: Path, quick_wxml) -> None:
    """The loss falls, the file has the spread of each variable beside it, and its scores are those of the means."""
    for name in ("world.nc", "experiment.yaml"):
        shutil.copy(trained / name, tmp_path)
    loss = "training.loss=[{plugin: gaussian-nll}, {plugin: squared, share: 0.5}]"
    options = ("model.spread={floor: 0.02}", loss, "training.max_steps=8", "training.learning_rate=0.02")
    quick_wxml("train", "experiment.yaml", *options, "--run-dir", "run", folder=tmp_path)
    start = ("--start", "2000-01-08T06", "--lead-time", "12h")
    quick_wxml("forecast", CHECKPOINT, "-o", "plain.nc", *start, folder=tmp_path)
    quick_wxml("forecast", CHECKPOINT, "-o", "f.nc", *start, "--spread", folder=tmp_path)
    plain, found = (opened(tmp_path / name) for name in ("plain.nc", "f.nc"))
    assert set(found.data_vars) == {*plain.data_vars, *(f"{name}_spread" for name in plain.data_vars)}
    xr.testing.assert_equal(found[list(plain.data_vars)].drop_attrs(), plain.drop_attrs())
    for name in plain.data_vars:
        assert (found[f"{name}_spread"] > 0).all()
        assert found[f"{name}_spread"].attrs["units"] == plain[name].attrs["units"]
    quick_wxml("verify", "f.nc", "verification.maps=0", "-o", "scores", folder=tmp_path)
    scored = xr.open_dataset(tmp_path / "scores" / "scores.nc")
    assert set(scored["variable"].values) == set(plain.data_vars)


def test_members_need_noise(trained: Path, tmp_path: Path, quickly) -> None:
    done = quickly("forecast", str(trained / CHECKPOINT), "-o", "f.nc", "--members", "2", folder=trained)
    assert done.returncode == 2
    assert "`members` must be 1 for a model without noise, whose members would be equal, got 2" in done.stderr
    assert not (trained / "f.nc").exists()


# Verification


def test_the_scores_are_those_of_the_definition(scores, forecast_file: Path) -> None:
    forecast, world = opened(forecast_file), opened(forecast_file.parent / "world.nc")
    weights, table = np.cos(np.radians(world["latitude"])), opened(forecast_file.parent / "scores" / "scores.nc")
    initial = world.sel(time=forecast["time"])
    for hours in (6, 12):
        lead = np.timedelta64(hours, "h")
        truth = world.sel(time=forecast["time"] + lead).assign_coords(time=forecast["time"])
        for name, guess in (("forecast", forecast.sel(prediction_timedelta=lead)), ("persistence", initial)):
            expected = np.sqrt(((guess.astype("f8") - truth) ** 2).weighted(weights).mean())
            for variable in ("t", "z"):
                where = {"metric": "rmse", "forecast": name, "variable": variable, "prediction_timedelta": lead}
                found = float(table["scores"].sel(where))
                assert found == pytest.approx(float(expected[variable]), rel=1e-5)
                assert f"{found:.4g}" in scores.stdout


def test_verification_prints_a_table_and_writes_a_report(scores, forecast_file: Path) -> None:
    lines = scores.stdout.splitlines()
    assert lines[0] == "RMSE, 8 initial times"
    assert lines[1].split() == ["variable", "units", "forecast", "6h", "12h"]
    assert [line.split()[-3] for line in lines[2:8]] == ["forecast", "persistence", "climatology"] * 2
    assert lines[-1] == "report: scores/report.html"
    page = (forecast_file.parent / "scores" / "report.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "persistence" in page
    assert 'src="http' not in page
    assert 'href="http' not in page


def test_scores_for_programs(forecast_file: Path, tmp_path: Path, quick_wxml) -> None:
    words = ("verify", forecast_file, "verification.maps=0", "-o", tmp_path / "scores", "--json")
    done = quick_wxml(*words, folder=forecast_file.parent)
    made = json.loads(done.stdout)
    assert (made["schema"], made["cases"]) == (1, 8)
    assert {row["variable"] for row in made["scores"]} == {"t", "z"}


def test_a_region_is_verified_too(regional: Path, quick_wxml) -> None:
    done = quick_wxml("verify", "forecast.zarr", "verification.maps=1", "-o", "scores", folder=regional)
    assert "RMSE, 8 initial times" in done.stdout
    assert (regional / "scores" / "report.html").stat().st_size > 10_000


# Where things came from


@pytest.mark.parametrize("artefact", [CHECKPOINT, "forecast.nc", "scores"])
def test_inspect_shows_the_chain(artefact: str, scores, forecast_file: Path, quick_wxml) -> None:
    shown = quick_wxml("inspect", artefact, folder=forecast_file.parent).stdout
    chain = ["scores", "forecast", "checkpoint"]
    kind = {"scores": "scores", "forecast.nc": "forecast"}.get(artefact, "checkpoint")
    first_words = [line.split()[0] for line in shown.splitlines() if "scores    of the validation" not in line]
    assert [word for word in first_words if word in chain] == chain[chain.index(kind) :]
    for plugin in ("wxml-processor-gnn:gnn", "wxml-dataset-sources:xarray", "wxml-trainer-lightning:lightning"):
        assert any(plugin in line and "0.2.0" in line for line in shown.splitlines()), plugin
    assert "world.nc" in shown
    assert "experiment.yaml" in shown
    assert "model.processor.num_layers = 1" in shown


def test_inspect_for_programs(forecast_file: Path, quick_wxml) -> None:
    record = json.loads(quick_wxml("inspect", "forecast.nc", "--json", folder=forecast_file.parent).stdout)
    (parent,) = record["parents"]
    assert (record["artefact"], parent["artefact"]) == ("forecast", "checkpoint")
    assert parent["config"]["seed"] == 3
    assert parent == read_header(forecast_file.parent / CHECKPOINT)["provenance"]


# The same again


def copied(trained: Path, folder: Path) -> Path:
    """The world and the experiment without the run."""
    folder.mkdir()
    for name in ("world.nc", "experiment.yaml"):
        shutil.copy(trained / name, folder)
    return folder


def test_the_same_config_and_seed_give_the_same_bytes(trained: Path, tmp_path: Path, wxml, quick_wxml) -> None:
    folder = copied(trained, tmp_path / "again")
    wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    assert (folder / CHECKPOINT).read_bytes() == (trained / CHECKPOINT).read_bytes()
    quick_wxml("train", "experiment.yaml", "seed=4", "--run-dir", "other", folder=folder)
    one, other = (load_checkpoint(folder / name / "checkpoint.safetensors").weights for name in ("run", "other"))
    assert any(not one[name].equal(other[name]) for name in one)


LONG = ("training.max_steps=200", "training.checkpoint_every=10", "training.validation_every=50")


def killed(folder: Path) -> int:
    """Train until the first state is there, kill the process, and say at which step that state was."""
    command = [Path(sys.executable).with_name("wxml"), "train", "experiment.yaml", *LONG, "--run-dir", "killed"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + LIMIT
        while not (folder / "killed" / "state.safetensors").exists() and process.poll() is None:
            assert time.monotonic() < end, "no state was written"
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "the training was over before it could be killed"
    assert not (folder / "killed" / "checkpoint.safetensors").exists()
    with (folder / "killed" / "history.csv").open() as rows:
        return max(int(row["step"]) for row in csv.DictReader(rows))


@pytest.mark.long("test_a_kill_at_any_moment_loses_nothing")
def test_a_killed_training_goes_on_to_the_same_end(trained: Path, tmp_path: Path, quick_wxml) -> None:
    folder = copied(trained, tmp_path / "world")
    assert 10 <= killed(folder) < 200
    resumed = quick_wxml("train", "experiment.yaml", *LONG, "--run-dir", "killed", "--resume", folder=folder)
    assert "step 0" not in resumed.stderr
    quick_wxml("train", "experiment.yaml", *LONG, "--run-dir", "unbroken", folder=folder)
    one, other = (folder / name / "checkpoint.safetensors" for name in ("killed", "unbroken"))
    assert read_header(one)["training"]["steps"] == 200
    assert one.read_bytes() == other.read_bytes()
    histories = [(folder / name / "history.csv").read_text() for name in ("killed", "unbroken")]
    assert histories[0] == histories[1]
    assert len(histories[0].splitlines()) == 201
    left = {path.name for path in (folder / "killed").iterdir()} - {path.name for path in other.parent.iterdir()}
    assert left == set()
