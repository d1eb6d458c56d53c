"""A forecast in GRIB 2 from the command line: verified, inspected, and read as data, like one in any other format."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from wxml import Fields, Grid, Variable, open_forecast
from wxml.forecasting.layout import ForecastHeader
from wxml_dataset_sources.xarray_source import XarraySource
from wxml_grib_writer.writer import Grib2Writer

CHECKPOINT = "run/checkpoint.safetensors"


@pytest.fixture(scope="module")
def in_grib(trained: Path, quick_wxml: Callable[..., object], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The forecasts of the trained model, in GRIB 2."""
    path = tmp_path_factory.mktemp("grib") / "forecast.grib2"
    quick_wxml("forecast", CHECKPOINT, "-o", path, "forecast.writer={plugin: grib2, bits: 24}", folder=trained)
    return path


def test_it_holds_what_the_other_formats_hold(in_grib: Path, forecast_file: Path) -> None:
    with open_forecast(in_grib) as ours, open_forecast(forecast_file) as theirs:
        told, given = ([(one.name, one.units) for one in each.header.variables] for each in (ours, theirs))
        assert told == given
        for name in ("initial_times", "lead_times"):
            np.testing.assert_array_equal(getattr(ours.header, name), getattr(theirs.header, name))
        for variable in ours.header.variables:
            np.testing.assert_allclose(ours.read(0, variable.name), theirs.read(0, variable.name), rtol=1e-5, atol=1e-3)


def test_it_is_verified_and_inspected(in_grib: Path, quick_wxml: Callable[..., object], trained: Path) -> None:
    quick_wxml("verify", in_grib, "verification.maps=0", "--output", in_grib.parent / "scores", folder=trained)
    assert (in_grib.parent / "scores" / "scores.nc").is_file()
    shown = quick_wxml("inspect", in_grib, "--json", folder=trained)
    assert json.loads(shown.stdout)["artefact"] == "forecast"  # type: ignore[attr-defined]


def test_the_source_xarray_reads_it(tmp_path: Path) -> None:
    variables = (
        Variable("t_850", "t", 850.0, "K", "instant", level_units="hPa", level_type="isobaric", grib="paramId=130"),
        Variable("t2m", units="K", step_type="instant", height="2 m"),
        Variable("tp", units="m", step_type="accum", period="6h"),
    )
    starts, leads = np.array(["2020-01-01T00", "2020-01-01T12"], "M8[s]"), np.array([6, 12]) * np.timedelta64(3600, "s")
    grid = Grid.regular([50, 45], [350, 355, 0, 5])
    values = np.random.default_rng(0).normal(280, 9, (2, 2, 1, 3, len(grid))).astype("f4")
    values[0, 0, 0, 0, :2] = 9999.0, np.nan
    writer = Grib2Writer(str(tmp_path / "forecast.grib2"), packing="ieee")
    writer.open(ForecastHeader(grid, variables, starts, leads, 1, {"checkpoint": "abc"}))
    for start, lead in np.ndindex(2, 2):
        fields = Fields(starts[start] + leads[lead], ("t_850", "t2m", "tp"), values[start, lead])
        writer.write(fields, leads[lead])
    writer.close()
    source = XarraySource(path=writer.target, lead_time="6h")
    np.testing.assert_allclose(source.header.grid.latitudes, grid.latitudes)
    read = source.read(source.header.times, ["t_850", "t2m", "tp"])
    np.testing.assert_allclose(read, values[:, 0] * np.array([1, 1, 1000])[:, None], rtol=1e-6)
