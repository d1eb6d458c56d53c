"""Observations as the shared sets have them: METAR reports of twelve stations, and New York's airports."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, create
from wxml_verification.stations.options import Stations

DATA = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
METAR = DATA / "stations-metar-2020" / "2020-01.parquet"
NEW_YORK = DATA / "stations-nyc-2013" / "weather.csv"
REANALYSIS = DATA / "ncep-air-namerica" / "air_temperature.zarr"
AIRPORTS = """station,latitude,longitude,elevation
EWR,40.6925,-74.168667,5.5
JFK,40.639751,-73.778925,4.0
LGA,40.777245,-73.872608,6.7
"""
WITHIN = np.timedelta64(10, "m")


@pytest.mark.skipif(not METAR.exists(), reason=f"{METAR} is not here")
def test_metar_reports_give_the_rmse_that_a_loop_over_them_gives(verify, write):
    parquet = pytest.importorskip("pyarrow.parquet")
    options = {
        "path": str(METAR),
        "columns": {"station": "stationName", "time": "timeObs"},
        "variables": ["temperature", "elevation"],
        "units": {"temperature": "K"},
        "quality": ["C", "S", "V", "G"],
        "quality_columns": {"temperature": "temperatureDD"},
        "every": "1h",
        "within": "10min",
    }
    named = {"source": {"plugin": "stations", **options}, "names": {"temperature": "t2m"}}
    truth = create("data-source", "rename", named)
    grid = Grid.regular(np.arange(90.0, -91.0, -15.0), np.arange(0.0, 360.0, 15.0))
    starts = np.datetime64("2020-01-05", "s") + np.arange(3) * np.timedelta64(24, "h")
    leads = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
    usual = 300 - 0.5 * np.abs(grid.latitudes)
    path = write(grid, starts, leads, {"t2m": np.broadcast_to(usual, (3, 2, len(grid)))})
    scores, folder = verify(path, truth, variables=["t2m"], stations=Stations(density=None), maps=0)

    rows = parquet.read_table(METAR).to_pandas()
    rows = rows[rows.temperatureDD.isin(["C", "S", "V", "G"]) & rows.temperature.notna()]
    for place, lead in enumerate(leads):
        errors = []
        for valid in starts + lead:
            near = rows.assign(off=np.abs(rows.timeObs.values - valid))
            near = near[near.off <= WITHIN].sort_values(["off", "timeObs"], kind="stable")
            found = near.drop_duplicates("stationName")
            errors += (300 - 0.5 * np.abs(found.latitude.astype(float)) - found.temperature).tolist()
        assert len(errors) > 20
        assert scores.get("rmse", "forecast", "t2m")[place] == pytest.approx(
            np.sqrt(np.mean(np.square(errors))), abs=1e-3
        )
    with (folder / "stations.csv").open(encoding="utf-8") as file:
        assert {row["station"] for row in csv.DictReader(file)} >= {"KMSP", "EBCI", "LERL"}
    assert any("observations far from the times" in note for note in scores.notes)


@pytest.mark.skipif(not (NEW_YORK.exists() and REANALYSIS.exists()), reason=f"{NEW_YORK} or {REANALYSIS} is not here")
def test_a_reanalysis_at_new_yorks_airports_has_the_rmse_that_a_loop_gives(verify, write, tmp_path):
    """The analysis itself as a forecast: degrees Fahrenheit become kelvin, and local names ours."""
    (tmp_path / "airports.csv").write_text(AIRPORTS, encoding="utf-8")
    named = {
        "plugin": "stations",
        "path": str(NEW_YORK),
        "columns": {"station": "origin", "time": "time_hour"},
        "places": str(tmp_path / "airports.csv"),
        "variables": ["temp", "elevation"],
        "units": {"temp": "degF"},
        "limits": {"temp": [-60, 130]},
    }
    truth = create("data-source", "rename", {"source": named, "names": {"temp": "air"}})
    with xr.open_zarr(REANALYSIS) as stored:
        air = stored.air.sel(time=slice("2013-07-01", "2013-07-10"), lat=slice(45, 35), lon=slice(280, 295)).load()
    grid = Grid.regular(air.lat.values, air.lon.values)
    values = air.values.reshape(len(air.time), 1, -1)
    six = np.array([6], "timedelta64[h]").astype("timedelta64[s]")
    path = write(grid, air.time.values.astype("datetime64[s]") - six, six, {"air": values})
    scores, _ = verify(path, truth, variables=["air"], stations=Stations(density=None), maps=0)
    with NEW_YORK.open(encoding="utf-8") as file:
        reports = {(row["origin"], row["time_hour"][:13]): row["temp"] for row in csv.DictReader(file)}
    errors = []
    for row in csv.DictReader(AIRPORTS.splitlines()):
        own = air.interp(lat=float(row["latitude"]), lon=float(row["longitude"]) + 360)
        observed = [reports[row["station"], str(time)[:13]] for time in air.time.values.astype("datetime64[s]")]
        errors.append(own.values - (np.array(observed, float) - 32) / 1.8 - 273.15)
    assert scores.get("rmse", "forecast", "air")[0] == pytest.approx(np.sqrt(np.mean(np.square(errors))), abs=1e-3)
    assert 1 < scores.get("rmse", "forecast", "air")[0] < 5
