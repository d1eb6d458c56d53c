"""A trained model at New York's airports, as docs/stations.md has it: real data from the training to the stations."""

import csv
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

PAGE = (Path(__file__).parents[1] / "docs" / "stations.md").read_text("utf-8")
FIRST, LAST, HOURS = "2013-01-05", "2013-01-13", (6, 24, 48)


def block(kind: str, holds: str) -> str:
    """The block of the page that holds some text."""
    blocks: list[str] = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return next(one for one in blocks if holds in one)


@pytest.fixture
def folder(shared_data: Path, tmp_path: Path) -> Path:
    """A folder with the files of the page."""
    if not (shared_data / "stations-nyc-2013").is_dir():
        pytest.skip(f"the real data of {shared_data} are not here")
    (tmp_path / "data").symlink_to(shared_data)
    (tmp_path / "new-york.yaml").write_text(block("yaml", "# new-york.yaml"), "utf-8")
    (tmp_path / "airports.csv").write_text(block("text", "station,latitude"), "utf-8")
    return tmp_path


@pytest.mark.long("test_a_reanalysis_at_new_yorks_airports_has_the_rmse_that_a_loop_gives")
def test_a_trained_model_has_the_rmse_at_airports_that_a_loop_over_them_gives(
    folder: Path, quick_wxml: Callable[..., Any]
) -> None:
    """A few steps of training and three forecasts; degrees Fahrenheit and values between nodes by hand."""
    less = {"train": ["training.max_steps=2"], "forecast": ["--end", LAST], "verify": ["verification.maps=0"]}
    for line in block("sh", "wxml train").splitlines():
        _, *words = shlex.split(line)
        done = quick_wxml(*words, *less[words[0]], folder=folder)
    assert "against the truth 'airports':" in done.stdout
    with (folder / "data" / "stations-nyc-2013" / "weather.csv").open(encoding="utf-8") as file:
        reports = {(row["origin"], row["time_hour"][:13]): row["temp"] for row in csv.DictReader(file)}
    with xr.open_zarr(folder / "model.zarr", decode_timedelta=True) as stored:
        air = stored.air.load()
    assert air.time.values.astype("datetime64[D]").astype(str).tolist() == [FIRST, "2013-01-09", LAST]
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = parquet.read_table(folder / "scores-model" / "truths" / "airports" / "stations.parquet").to_pandas()
    rows = rows.set_index(["station", "metric", rows.lead_time.dt.total_seconds() // 3600])
    for place in csv.DictReader((folder / "airports.csv").read_text("utf-8").splitlines()):
        own = air.interp(latitude=float(place["latitude"]), longitude=float(place["longitude"]) % 360)
        for hours in HOURS:
            lead = np.timedelta64(hours, "h")
            valid = (air.time.values + lead).astype("datetime64[s]")
            observed = [float(reports[place["station"], str(time)[:13]]) for time in valid]
            error = own.sel(prediction_timedelta=lead).values - ((np.array(observed) - 32) / 1.8 + 273.15)
            found = rows.loc[(place["station"], "rmse", hours)]
            assert found.cases == 3
            assert found.value == pytest.approx(np.sqrt(np.mean(error**2)), abs=1e-3)
