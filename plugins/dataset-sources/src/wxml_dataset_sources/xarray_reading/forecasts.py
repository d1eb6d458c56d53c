"""Files of several forecasts: the values at one lead time of each of them, or those of one initial time."""

__all__ = ["chosen_positions", "is_own_weight", "own_height", "own_period", "own_variable"]

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml import Variable
from wxml.data.times import format_duration, format_time, parse_duration
from wxml.errors import DataError
from wxml.forecasting.layout import AREA_WEIGHT, BOUNDARY, PART, PROVENANCE

from wxml_dataset_sources.xarray_reading.block import Period, Stamp
from wxml_dataset_sources.xarray_reading.coordinates import Coordinates
from wxml_dataset_sources.xarray_reading.dates import decoded_dates
from wxml_dataset_sources.xarray_reading.forecast_choice import ForecastChoice
from wxml_dataset_sources.xarray_reading.instants import durations, start_of

LISTED: Final = 12  # so many lead times or initial times are named
STAMPS: Final[dict[str, Stamp]] = {"": "end", "around the time": "middle", "after the time": "start"}
"""The place of a time in its period by the end of `Variable.period`."""


def chosen_positions(
    dataset: xr.Dataset, found: Coordinates, called: Callable[[str], str], choice: ForecastChoice
) -> dict[str, int] | None:
    """The position along each dimension that the choice fixes; None for a file without lead times.

    Raises:
        DataError: the file does not have the lead time or the initial time.
    """
    leads = [name for name in found.leads if dataset[name].ndim < 2]
    if not leads:
        return None
    fixed: dict[str, int] = {}
    lead = dataset[leads[0]].variable
    if choice.lead_time is not None:
        there = durations(leads[0], lead)
        fixed |= _position(leads[0], there, choice.lead_time, "lead_time", format_duration)
    if choice.initial_time is not None:
        start = start_of(dataset, found, called, lead)
        if start is None and found.instants:
            raise DataError(
                "the file holds lead times and valid times, but no initial times",
                fix="leave `initial_time` out, and choose with `path`",
            )
        if start is None:
            return fixed  # the option says the start
        dates = decoded_dates(start, dataset[start].variable)
        fixed |= _position(start, dates, choice.initial_time, "initial_time", format_time)
    return fixed


def _position(name: str, axis: xr.Variable, wanted: Any, option: str, write: Callable[[Any], str]) -> dict[str, int]:
    """Where `wanted` is along the axis; nothing to fix for an axis of one value that is this one."""
    values: NDArray[Any] = np.atleast_1d(axis.values)
    where = np.flatnonzero(values == wanted)
    if not len(where):
        shown = ", ".join(write(value) for value in values[:LISTED])
        more = f" and {len(values) - LISTED} more" if len(values) > LISTED else ""
        raise DataError(
            f"`{name}` does not hold {write(wanted)} (`{option}`)", fix=f"choose one of these: {shown}{more}"
        )
    return {str(axis.dims[0]): int(where[0])} if axis.dims else {}


def is_own_weight(dataset: xr.Dataset, name: str) -> bool:
    """Whether it tells of the nodes (area, boundary, grid) in a forecast that wxml wrote, and so is no field."""
    return name in (AREA_WEIGHT, BOUNDARY, PART) and PROVENANCE in dataset.attrs


def own_variable(dataset: xr.Dataset, name: str) -> Variable | None:
    """The variable as the attributes of a forecast of wxml state it; None in other files."""
    attributes = dataset[name].attrs
    if PROVENANCE not in dataset.attrs or not isinstance(attributes.get("param"), str):
        return None
    units, level_type, grib = (str(attributes.get(key, "")) for key in ("units", "level_type", "grib"))
    variable = Variable(name, attributes["param"], units=units, level_type=level_type, grib=grib)
    if "level" not in attributes:
        return variable
    return replace(variable, level=float(attributes["level"]), level_units=str(attributes.get("level_units", "")))


def own_period(attributes: Mapping[str, Any]) -> Period:
    """The step type and the period that the attributes of a forecast of wxml state."""
    length, _, place = str(attributes.get("period", "")).partition(" ")
    step_type = str(attributes.get("step_type", ""))
    if not length or place not in STAMPS:
        return Period(step_type)
    seconds = int(parse_duration(length).astype(np.int64))
    return Period(step_type, frozenset([seconds]), stamp=STAMPS[place])


def own_height(attributes: Mapping[str, Any]) -> str:
    """The height that the attributes of a forecast of wxml state, as in `2 m`; empty if they state none."""
    return f"{attributes['height']:g} {attributes.get('height_units', 'm')}" if "height" in attributes else ""
