"""A small world for verification: a source in memory, and forecast files laid out as wxml writes them."""

import json
import re
import zlib
from base64 import b64decode
from functools import partial

import numpy as np
import pytest
import xarray as xr
from wxml import DataSource, Grid, SourceHeader, Variable, VerificationTask
from wxml_verification.scorecard import Scorecard

RECORD = {"artefact": "scores", "parents": [{"artefact": "forecast"}]}


class ArraySource(DataSource):
    """Values in memory, shape `[time, member, variable, node]`."""

    def __init__(self, grid, variables, times, values, units="K"):
        values = np.asarray(values, np.float32)
        self.values = values if values.ndim == 4 else values[:, None]
        known = tuple(one if isinstance(one, Variable) else Variable(one, units=units) for one in variables)
        self.header = SourceHeader(grid, known, np.asarray(times, "datetime64[s]"), members=self.values.shape[1])

    def _read(self, time_indices, variable_indices, out):
        out[...] = self.values[time_indices][:, :, variable_indices]

    def provenance(self):
        return {"source": "array"}


def horizontal(grid):
    """Axes and coordinates as a forecast file has them."""
    latitudes, longitudes = grid.latitudes.reshape(grid.shape), grid.longitudes.reshape(grid.shape)
    if grid.is_regular:
        return ("latitude", "longitude"), {"latitude": latitudes[:, 0], "longitude": longitudes[0]}
    axes = ("y", "x") if len(grid.shape) == 2 else ("cell",)
    return axes, {"latitude": (axes, latitudes), "longitude": (axes, longitudes)}


def forecast_dataset(grid, initial_times, lead_times, values, units="K", **attributes):
    """Values by variable, shape `[time, lead_time, node]` or `[time, lead_time, number, node]`."""
    axes, places = horizontal(grid)
    data = {"area_weight": (axes, grid.area_weights.reshape(grid.shape))}
    for name, given in values.items():
        array = np.asarray(given, np.float32)
        members = ("number",) if array.ndim == 4 else ()
        shaped = array.reshape(*array.shape[:-1], *grid.shape)
        data[name] = (("time", "prediction_timedelta", *members, *axes), shaped, {"units": units, **attributes})
    times = np.asarray(initial_times).astype("datetime64[ns]")
    leads = np.asarray(lead_times).astype("timedelta64[ns]")
    coordinates = {"time": times, "prediction_timedelta": leads, **places}
    return xr.Dataset(data, coordinates, {"wxml_provenance": json.dumps({"artefact": "forecast"})})


def save(dataset, path):
    if path.suffix == ".zarr":
        dataset.to_zarr(path, zarr_format=2, consolidated=True)
    else:
        dataset.to_netcdf(path, engine="netcdf4")
    return path


@pytest.fixture(scope="session")
def verify_in():
    """Score forecasts (a path) against a source, in a folder; gives the scores and where they are.

    To draw the report takes longest; unless it is `drawn`, there is none.
    """

    def run(place, forecast, truth, climatology_times=(), drawn=True, **options):
        folder = place / "verification"
        folder.mkdir(exist_ok=True)
        task = VerificationTask(forecast, truth, np.asarray(climatology_times, "datetime64[s]"), folder, RECORD)
        if drawn:
            return Scorecard(**options).verify(task), folder
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("wxml_verification.report.render_report", lambda *_: "")
            scores = Scorecard(**options).verify(task)
        for page in folder.rglob("report.html"):
            page.unlink()
        return scores, folder

    return run


@pytest.fixture
def drawn():
    """The test looks at the report of `verify`."""


@pytest.fixture
def verify(verify_in, tmp_path, request):
    """The same in the folder of a test, without a report if the test does not ask for it: `drawn` or `told`."""
    return partial(verify_in, tmp_path, drawn=not {"drawn", "told"}.isdisjoint(request.fixturenames))


@pytest.fixture(scope="session")
def source():
    """A DataSource of an array: `source(grid, names, times, values, units)`."""
    return ArraySource


@pytest.fixture(scope="session")
def dataset():
    """The dataset of a forecast: `dataset(grid, initial_times, lead_times, {name: values}, units)`."""
    return forecast_dataset


@pytest.fixture(scope="session")
def write_in():
    """Write a forecast: `write_in(folder, grid, initial_times, lead_times, {name: values}, units)`; gives its path."""

    def run(place, *args, name="forecast.nc", **kwargs):
        return save(forecast_dataset(*args, **kwargs), place / name)

    return run


@pytest.fixture
def write(write_in, tmp_path):
    """The same in the folder of a test."""
    return partial(write_in, tmp_path)


@pytest.fixture
def grid():
    """Two by two nodes."""
    return Grid.regular([30.0, -30.0], [0.0, 180.0])


def inflated(page, name):
    """What a report keeps for its script."""
    return zlib.decompress(b64decode(re.search(f'id="{name}">([^<]*)<', page)[1]))


@pytest.fixture(scope="session")
def told():
    """The scores in the text of a report: `told(page)`."""
    return lambda page: json.loads(inflated(page, "scores-data"))


@pytest.fixture(scope="session")
def fields(told):
    """Each field of each case of a report, by case, lead time, variable, and truth, forecast and difference."""

    def run(page):
        raster, planes = told(page)["viewer"]["raster"], inflated(page, "fields-data")
        shape = raster["height"], raster["width"]

        def field(start, lower, upper, **_):
            steps = np.frombuffer(planes, np.uint8, shape[0] * shape[1], start).reshape(shape)
            level = np.cumsum(steps, axis=1, dtype=np.uint8)
            return np.where(level == 255, np.nan, lower + (upper - lower) * (level / 254))

        cases = told(page)["viewer"]["cases"]
        return [[[[field(**one) for one in each["planes"]] for each in lead] for lead in case] for case in cases]

    return run
