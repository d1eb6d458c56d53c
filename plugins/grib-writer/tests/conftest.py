"""Small forecasts, and how they are written."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
from wxml import Fields, ForecastHeader, Grid, Variable
from wxml_grib_writer.writer import Grib2Writer

T850 = Variable("t_850", param="t", level=850, units="K", level_type="isobaric", level_units="hPa")


def _header(grid: Grid, *variables: Variable, hours: tuple[float, ...] = (6, 12), **changes: Any) -> ForecastHeader:
    """A forecast from two initial times, unless something else is said."""
    parts: dict[str, Any] = {
        "grid": grid,
        "variables": variables or (T850,),
        "initial_times": np.array(["2000-01-01T00", "2000-01-01T12"], "datetime64[s]"),
        "lead_times": np.array([round(3600 * hour) for hour in hours], "timedelta64[s]"),
        "members": 1,
        "provenance": {"artefact": "forecast"},
    }
    return ForecastHeader(**(parts | changes))


def _write(path: Path, head: ForecastHeader, values: np.ndarray, **options: Any) -> str:
    """Write `values`, which broadcast to [time, lead, member, variable, node]."""
    shape = (len(head.initial_times), len(head.lead_times), head.members, len(head.variables), len(head.grid))
    values = np.broadcast_to(np.asarray(values, np.float32), shape)
    names = tuple(variable.name for variable in head.variables)
    writer = Grib2Writer(str(path), **options)
    writer.open(head)
    try:
        for time, initial in enumerate(head.initial_times):
            for number, lead in enumerate(head.lead_times):
                writer.write(Fields(initial + lead, names, np.ascontiguousarray(values[time, number])), lead)
    finally:
        writer.close()
    return str(path)


@pytest.fixture(scope="session")
def header() -> Callable[..., ForecastHeader]:
    return _header


@pytest.fixture(scope="session")
def write() -> Callable[..., str]:
    return _write


@pytest.fixture(scope="session")
def rotated() -> tuple[Grid, dict[str, Any]]:
    """A rotated grid of 3 by 4 nodes, as ecCodes computes them, and its keys."""
    keys: dict[str, Any] = {
        "gridType": "rotated_ll",
        "latitudeOfSouthernPoleInDegrees": -40.0,
        "longitudeOfSouthernPoleInDegrees": 10.0,
        "latitudeOfFirstGridPointInDegrees": -1.0,
        "longitudeOfFirstGridPointInDegrees": 0.0,
        "latitudeOfLastGridPointInDegrees": 1.0,
        "longitudeOfLastGridPointInDegrees": 3.0,
        "iDirectionIncrementInDegrees": 1.0,
        "jDirectionIncrementInDegrees": 1.0,
        "jScansPositively": 1,
    }
    handle = eccodes.codes_grib_new_from_samples("GRIB2")
    for key, value in {"shapeOfTheEarth": 6, "gridType": keys["gridType"], "Ni": 4, "Nj": 3, **keys}.items():
        eccodes.codes_set(handle, key, value)
    eccodes.codes_set_values(handle, np.zeros(12))
    places = [eccodes.codes_get_array(handle, key).reshape(3, 4) for key in ("latitudes", "longitudes")]
    eccodes.codes_release(handle)
    return Grid.curvilinear(*places), keys
