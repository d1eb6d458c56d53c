"""The times at which a variable is valid: from dates, or from the start of a forecast and its lead times."""

__all__ = ["ValidTimes", "durations", "start_of", "valid_times"]

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.coordinates import Coordinates
from wxml_dataset_sources.xarray_reading.dates import decoded_dates, reject_coarse
from wxml_dataset_sources.xarray_reading.time_bounds import cell_offsets

logger = logging.getLogger("wxml")

LEAD_UNITS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400}
LEAD_UNITS |= {"d": 86400, "": 3600}  # NCEP's older files state no units for what are hours


@dataclass(frozen=True, slots=True, eq=False)
class ValidTimes:
    """The times of a variable."""

    times: NDArray[np.datetime64] | None
    """Valid times, `datetime64[s]`, in the order of the file; None for a field that does not change."""
    dims: tuple[str, ...]
    """The dimensions of `times`; at most one is longer than 1."""
    names: tuple[str, ...] = ()
    """The coordinates that `times` are made of."""
    cells: NDArray[np.int64] | None = None
    """The start and the end of the period of each time, in seconds from the time, shape `[time, 2]`; None without
    bounds in the file."""


def valid_times(
    dataset: xr.Dataset,
    dims: frozenset[str],
    found: Coordinates,
    called: Callable[[str], str],
    start: np.datetime64 | None = None,
) -> ValidTimes:
    """The valid times of a variable with the dimensions `dims`; `start` is that of a forecast which does not say it.

    Raises:
        DataError: the file has lead times without a start, several forecasts, or dates that cannot be decoded.
    """
    instants = [name for name in found.instants if dims.issuperset(dataset[name].dims)]
    leads = sorted(
        (name for name in found.leads if dims.issuperset(dataset[name].dims)), key=lambda name: -dataset[name].ndim
    )
    lead = dataset[leads[0]].variable if leads else None
    if not instants:
        return ValidTimes(None, ()) if lead is None or not lead.ndim else _from_start(dataset, leads[0], start)
    ranks = {
        name: (not _is_chosen(name, called), *_preference(dataset[name].variable, called(name), lead))
        for name in instants
    }
    best = min(instants, key=ranks.__getitem__)
    _check_rivals(dataset, best, [name for name in instants if name != best and ranks[name] == ranks[best]])
    is_start = lead is not None and not _is_valid_time(dataset[best].variable, called(best), lead)
    return _dated(dataset, best, leads, is_start=is_start)


def _from_start(dataset: xr.Dataset, lead: str, start: np.datetime64 | None) -> ValidTimes:
    """The dates at the lead times after `start`, with their bounds."""
    if start is None:
        raise DataError(
            f"`{lead}` holds lead times, but no start date is in the file",
            fix="say the start of the forecast, as in initial_time: 2000-01-01T00; or add a coordinate with "
            "standard_name 'forecast_reference_time' and units like 'hours since 2000-01-01'",
        )
    after = durations(lead, dataset[lead].variable)
    times = start + after.values.reshape(-1)
    return ValidTimes(times, tuple(map(str, after.dims)), (lead,), cell_offsets(dataset, lead, durations))


def _is_chosen(name: str, called: Callable[[str], str]) -> bool:
    """Whether the option `rename` calls it valid_time."""
    return called(name) == "valid_time" != name


def _check_rivals(dataset: xr.Dataset, best: str, rivals: Sequence[str]) -> None:
    """Refuse dates that claim to be the times as much as those of `best`, and are others; what is no date may be."""
    if not rivals:
        return
    dates = decoded_dates(best, dataset[best].variable)
    for name in rivals:
        try:
            others = decoded_dates(name, dataset[name].variable)
        except DataError:
            continue
        if others.dims == dates.dims and not np.array_equal(others.values, dates.values):
            raise DataError(
                f"`{best}` and `{name}` both claim to be the times, and hold different dates",
                fix=f"name the right one in `rename` as valid_time, as in `rename: {{{best}: valid_time}}`",
            )


def start_of(dataset: xr.Dataset, found: Coordinates, called: Callable[[str], str], lead: xr.Variable) -> str | None:
    """The coordinate with the starts of the forecasts of a file with lead times; None if it has none."""
    starts = [
        name
        for name in found.instants
        if dataset[name].ndim < 2 and not _is_valid_time(dataset[name].variable, called(name), lead)
    ]
    return min(starts, key=lambda name: _preference(dataset[name].variable, called(name), lead), default=None)


def _dated(dataset: xr.Dataset, instant: str, leads: Sequence[str], *, is_start: bool) -> ValidTimes:
    """The dates of `instant` with their bounds, plus the first of the lead times if forecasts start there."""
    names: tuple[str, ...] = (instant,)
    start = date = decoded_dates(instant, dataset[instant].variable)
    cells = cell_offsets(dataset, instant, decoded_dates)
    if is_start:
        date, names = start + durations(leads[0], dataset[leads[0]].variable), (instant, leads[0])
        cells = cell_offsets(dataset, leads[0], durations)
    if sum(length > 1 for length in date.shape) > 1:
        raise _several(dataset, date, start, leads)
    times = date.values.reshape(-1).astype("datetime64[s]")
    fitting = None if cells is None else np.broadcast_to(cells, (len(times), 2))
    return ValidTimes(times, tuple(str(dim) for dim in date.dims), names, fitting)


def _several(dataset: xr.Dataset, date: xr.Variable, start: xr.Variable, leads: Sequence[str]) -> DataError:
    """The error for several forecasts in one file, with the options that choose among them."""
    what = f"several forecasts are in one file: {dict(date.sizes)}"
    axes = [name for name in leads if dataset[name].ndim == 1]
    if not axes:
        return DataError(what, fix="choose one start, or one lead time, and write it into a file")
    found = durations(axes[0], dataset[axes[0]].variable).values
    lead = format_duration(min(found[found > np.timedelta64(0, "s")], default=found.min()))
    return DataError(
        what,
        fix=f"write `lead_time: {lead}` for that lead time of every forecast, or `initial_time: "
        f"{format_time(start.values.min())}` for all of one",
    )


def _preference(date: xr.Variable, name: str, lead: xr.Variable | None) -> tuple[int, int]:
    """Sort key: valid times first; then the starts of forecasts if there are lead times; then the longer axis."""
    if _is_valid_time(date, name, lead):
        return (0, -date.ndim)
    said = date.attrs.get("standard_name") == "forecast_reference_time"
    is_start = said or re.fullmatch(r"ref.*|init.*|forecast_reference_time", name, re.IGNORECASE) is not None
    return (1 if is_start == (lead is not None) else 2, -date.ndim)


def _is_valid_time(date: xr.Variable, name: str, lead: xr.Variable | None) -> bool:
    """Whether `date` holds valid times: its name or standard name says so, and `lead` has no dimension beyond its."""
    said = name == "valid_time" or date.attrs.get("standard_name") == "time"
    return said and (lead is None or set(lead.dims).issubset(date.dims))


def durations(name: str, variable: xr.Variable) -> xr.Variable:
    """Lead times as `timedelta64[s]`, rounded to the nearest second."""
    is_decoded = variable.dtype.kind == "m"
    leads = variable.values.astype("timedelta64[s]") if is_decoded else _from_numbers(name, variable)
    if np.any(np.isnat(leads)):
        raise DataError(f"`{name}` lacks a lead time", fix="write the lead time of every field into the file")
    return xr.Variable(variable.dims, leads)


@cache
def _tell_hours(name: str) -> None:
    """Log one warning, however many files have such a coordinate."""
    logger.warning("the lead times in `%s` have no units, and are read as hours", name)


def _from_numbers(name: str, variable: xr.Variable) -> NDArray[np.timedelta64]:
    """Lead times from numbers and the attribute `units`; without units they are hours, which is told."""
    unit = str(variable.attrs.get("units", "")).lower()
    if not unit:
        _tell_hours(name)
    seconds = LEAD_UNITS.get(unit, LEAD_UNITS.get(unit.removesuffix("s")))
    if seconds is None:
        raise DataError(
            f"`{name}` must be lead times in seconds, minutes, hours or days, got units {unit!r}",
            fix="correct its attribute `units`",
        )
    values = np.asarray(variable.values)
    whole = np.round(values.astype(np.float64) * seconds)
    leads = np.where(np.isfinite(whole), whole, 0).astype(np.int64)
    if values.dtype.kind == "f" and np.isfinite(values).any():
        spacing = float(np.spacing(np.abs(values[np.isfinite(values)]).max())) * seconds
        reject_coarse(name, variable, leads, spacing)
    return np.where(np.isfinite(whole), leads.astype("timedelta64[s]"), np.timedelta64("NaT"))
