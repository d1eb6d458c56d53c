"""Computes forcings from the time and the place, so that no file is needed."""

__all__ = ["COMPUTED_FORCINGS", "Field", "compute_forcings", "cosine_zenith_angle"]

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.grid import Grid
from wxml.data.sphere import zenith_cosine
from wxml.errors import DataError, nearest

Array = NDArray[np.float64]
Field = Callable[[Grid, np.datetime64], NDArray[np.floating]]
"""Computes the values of one forcing at an instant, shape `[node]`."""

DAYS_PER_YEAR = 365.25


def _day_of_year(time: np.datetime64) -> float:
    """Return the days since the year began, with the fraction of the day."""
    return float((time - time.astype("datetime64[Y]")) / np.timedelta64(1, "D"))


def _year_angle(time: np.datetime64) -> float:
    return 2 * np.pi * _day_of_year(time) / DAYS_PER_YEAR


def _local_angle(grid: Grid, time: np.datetime64) -> Array:
    """Return the local mean solar time as an angle: 0 at midnight, π at noon."""
    return 2 * np.pi * np.mod(_day_of_year(time) % 1.0 + grid.longitudes / 360.0, 1.0)


def cosine_zenith_angle(grid: Grid, time: np.datetime64) -> Array:
    """Compute the cosine of the sun's zenith angle, negative at night, shape `[node]`.

    The declination δ and the equation of time, which is part of the hour angle h, are the Fourier series of Spencer
    (1971), *Search* 2, 172.
    """
    g = 2 * np.pi * (int(_day_of_year(time)) / 365.0)
    declination = (
        0.006918
        - 0.399912 * np.cos(g)
        + 0.070257 * np.sin(g)
        - 0.006758 * np.cos(2 * g)
        + 0.000907 * np.sin(2 * g)
        - 0.002697 * np.cos(3 * g)
        + 0.00148 * np.sin(3 * g)
    )
    equation_of_time = (
        0.0000075 + 0.001868 * np.cos(g) - 0.032077 * np.sin(g) - 0.014615 * np.cos(2 * g) - 0.040849 * np.sin(2 * g)
    )
    hour_angle = _local_angle(grid, time) + equation_of_time - np.pi
    return zenith_cosine(np.radians(grid.latitudes), declination, hour_angle)


COMPUTED_FORCINGS: dict[str, Callable[[Grid, np.datetime64], Array]] = {
    "cos_julian_day": lambda grid, time: np.full(len(grid), np.cos(_year_angle(time))),
    "cos_latitude": lambda grid, time: np.cos(np.radians(grid.latitudes)),
    "cos_local_time": lambda grid, time: np.cos(_local_angle(grid, time)),
    "cos_longitude": lambda grid, time: np.cos(np.radians(grid.longitudes)),
    "insolation": lambda grid, time: np.maximum(cosine_zenith_angle(grid, time), 0.0),
    "sin_julian_day": lambda grid, time: np.full(len(grid), np.sin(_year_angle(time))),
    "sin_latitude": lambda grid, time: np.sin(np.radians(grid.latitudes)),
    "sin_local_time": lambda grid, time: np.sin(_local_angle(grid, time)),
    "sin_longitude": lambda grid, time: np.sin(np.radians(grid.longitudes)),
}
"""Name → function of a grid and an instant (UTC), which gives a dimensionless value within -1 and 1 for each node."""


def compute_forcings(
    names: Sequence[str], grid: Grid, times: ArrayLike, further: Mapping[str, Field] | None = None
) -> NDArray[np.float32]:
    """Compute the forcings `names` at `times`, shape `[time, variable, node]`.

    Args:
        names: those of `COMPUTED_FORCINGS` or `further`.
        grid: the places.
        times: `datetime64[s]`, UTC.
        further: functions of plugins, by the names of their fields.

    Raises:
        ContractError: a plugin computed something else than a field.
        DataError: one of `names` is not known.
    """
    known: dict[str, Field] = {**COMPUTED_FORCINGS, **(further or {})}
    for name in names:
        if name not in known:
            raise DataError(f"unknown computed forcing {name!r}", fix=nearest(name, known))
    instants = np.asarray(times, "datetime64[s]").reshape(-1)
    out = np.empty((len(instants), len(names), len(grid)), np.float32)
    for i, time in enumerate(instants):
        for j, name in enumerate(names):
            out[i, j] = known[name](grid, time)
    return out
