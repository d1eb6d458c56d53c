"""`wxml forecast --verify`: the scores of a running model are those of its file."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from click.testing import CliRunner
from wxml.cli import group

FORECAST = ("forecast", "run/checkpoint.safetensors", "forecast.batch_size=2", "forecast.lead_time=12h")
OPTIONS = ("verification.maps=1", "verification.latitude_bands=60")


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own beside the world and the trained model."""
    for name in ("world.nc", "run", "experiment.yaml"):
        (tmp_path / name).symlink_to(trained / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    return done.output


def refused(*arguments: str) -> str:
    done = CliRunner().invoke(group, arguments)
    assert done.exit_code != 0
    return f"{done.output}{done.exception}"


def scores(folder: str) -> xr.Dataset:
    with xr.open_dataset(f"{folder}/scores.nc", decode_timedelta=True) as found:
        return found.load()


def test_the_scores_are_those_of_the_file(here: Path) -> None:
    """Of several initial times, two under way at once; statistics, groups, maps and report, too."""
    said = run(*FORECAST, "--verify", "online", *OPTIONS, "-o", "forecast.zarr")
    assert "RMSE" in said
    assert "online/report.html" in said
    run("verify", "forecast.zarr", "-o", "stored", *OPTIONS)
    online, stored = scores("online"), scores("stored")
    xr.testing.assert_allclose(online.drop_attrs(), stored.drop_attrs(), rtol=1e-12)
    assert online.attrs["cases"] == stored.attrs["cases"] > 2
    files: tuple[Any, Any] = (zarr.open_group("online/statistics.zarr"), zarr.open_group("stored/statistics.zarr"))
    for name in files[1].array_keys():
        np.testing.assert_allclose(files[0][name][...], files[1][name][...], rtol=1e-12)
    assert {one.name for one in Path("online").iterdir()} == {one.name for one in Path("stored").iterdir()}
    (record,) = json.loads(online.attrs["wxml_provenance"])["parents"]
    assert record["artefact"] == "forecast"
    assert record["parents"][0]["artefact"] == "checkpoint"


def test_no_file_is_needed(here: Path) -> None:
    """Members by perturbations; nothing but the scores is written."""
    members = ("--members", "3", "forecast.perturbations=[{plugin: gaussian, amplitude: 0.1}]")
    before = set(here.iterdir())
    run(*FORECAST, *members, "--verify", "online", "verification.metrics=[rmse, fair-crps]", "verification.maps=0")
    assert {one.name for one in set(here.iterdir()) - before} <= {"online", "cache"}
    run(*FORECAST, *members, "-o", "forecast.nc")
    run("verify", "forecast.nc", "-o", "stored", "verification.metrics=[rmse, fair-crps]", "verification.maps=0")
    online, stored = scores("online"), scores("stored")
    assert np.isfinite(online.scores.sel(metric="fair-crps", forecast="forecast")).all()
    xr.testing.assert_allclose(online.scores, stored.scores, rtol=1e-12)


def test_what_the_verifier_refuses_ends_the_forecast(here: Path) -> None:
    """Neither the file nor the scores come to their places."""
    assert "the forecast has no variable 'nothing'" in refused(
        *FORECAST, "--verify", "online", "-o", "forecast.nc", "verification.variables=[nothing]"
    )
    assert not Path("online").exists()
    assert not Path("forecast.nc").exists()


def test_a_forecast_that_fails_leaves_no_scores(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of the forecast."""
    from wxml.forecasting.plan import ForecastPlan

    made = ForecastPlan.fields

    def failing(plan: ForecastPlan, *_: object) -> object:
        yield from (step for step, _ in zip(made(plan), range(3), strict=False))
        raise ValueError("the model broke")

    monkeypatch.setattr(ForecastPlan, "fields", failing)
    assert "the model broke" in refused(*FORECAST, "--verify", "online")
    assert not Path("online").exists()


def test_it_scores_all_forecasts(here: Path) -> None:
    Path("online").mkdir()
    assert "online" in refused(*FORECAST, "--verify", "online")
    assert "leave --append and --resume out" in refused(*FORECAST, "--verify", "other", "--resume", "-o", "f.zarr")
    assert "neither `--output`" in refused(*FORECAST)
