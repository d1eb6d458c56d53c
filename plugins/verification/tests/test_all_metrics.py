"""Metrics with options in one verification, as a user chooses them: an ensemble with gaps, regions, baselines."""

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, NameOrChoice, Variable

TIMES = np.arange(np.datetime64("2001-01-01", "s"), np.datetime64("2001-01-16", "s"), np.timedelta64(6, "h"))
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
UNITS = {"tp": "mm", "t_850": "K", "sp": "Pa", "tcwv": "kg m-2"}
EVENT = {"thresholds": {"t_850": [0.5]}}
TABLES = ("csi", "ets", "hss", "sedi", "f1", "pod", "far", "pofd", "frequency-bias", "economic-value")
OPTIONS = {
    **dict.fromkeys(TABLES, EVENT),
    "fss": {**EVENT, "windows_km": [0.0, 3000.0], "windows_pixels": [3]},
    "seeps": {"variables": ["tp"]},
    "spectra": {},
    "quantiles": {"bins": 20},
    "conservation": {},
}


@pytest.fixture
def verified(source, dataset, verify, tmp_path):
    """Scores and the folder of the verification of forecasts of three members, or of one, without some values."""

    def run(members):
        grid, random = Grid.regular(75.0 - 30 * np.arange(6), 45.0 * np.arange(8)), np.random.default_rng(4)
        known = [Variable(name, units=units) for name, units in UNITS.items()]
        truth = source(grid, known, TIMES, random.normal(size=(len(TIMES), len(UNITS), 48)))
        shape = (4, 2, members, 48) if members > 1 else (4, 2, 48)
        values = {name: random.normal(size=shape).astype(np.float32) for name in UNITS}
        values["t_850"][1, ..., 40:] = np.nan
        forecast = dataset(grid, TIMES[-8:-4], LEADS, values)
        for name, units in UNITS.items():
            forecast[name].attrs["units"] = units
        path = tmp_path / "forecast.nc"
        forecast.to_netcdf(path, engine="netcdf4")
        choices = tuple(NameOrChoice(plugin=name, **OPTIONS[name]) for name in OPTIONS)
        return verify(path, truth, TIMES[:40], metrics=choices, latitude_bands=90.0, maps=0)

    return run


@pytest.mark.usefixtures("drawn")
def test_the_metrics_have_numbers_of_the_forecast_and_of_its_baselines(verified) -> None:
    scores, folder = verified(3)
    values = {name: scores.values[scores.metrics.index(name)] for name in OPTIONS}
    assert all(np.isfinite(one[0]).any() for one in values.values())
    assert all(np.isfinite(one[1]).any() for one in values.values())
    with xr.open_dataset(folder / "scores.nc", group="curves/spectra-ratio") as curve:
        known = np.isfinite(curve["values"]).any(["position", "prediction_timedelta"])
        assert known.sel(region="all").all()
        assert known.sum() == 4  # spherical harmonics are of the whole globe
    text = (folder / "scores.csv").read_text("utf-8")
    assert all(name in text for name in ("seeps", "fss-useful", "spectra-effective", "quantiles-tail-99"))
