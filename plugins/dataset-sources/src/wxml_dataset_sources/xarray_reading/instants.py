"""The times at which a variable is valid: from dates, or from the start of a forecast and its lead times."""

__all__ = ["ValidTimes", "valid_times"]

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError
from xarray.coders import CFDatetimeCoder

from wxml_dataset_sources.xarray_reading.coordinates import Coordinates

LEAD_UNITS = {"s": 1, "sec": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400}
LEAD_UNITS |= {"d": 86400, "": 3600}  # NCEP's older files state no units for what are hours


@dataclass(frozen=True, slots=True, eq=False)
class ValidTimes:
    """The times of a variable."""

    times: NDArray[np.datetime64] | None
    """Valid times, `datetime64[s]`, in the order of the file; None for a field that does not change."""
    dims: tuple[str, ...]
    """The dimensions of `times`; at most one is longer than 1."""


def valid_times(
    dataset: xr.Dataset, dims: frozenset[str], found: Coordinates, called: Callable[[str], str]
) -> ValidTimes:
    """The valid times of a variable with the dimensions `dims`.

    Raises:
        DataError: the file has lead times without a start, several forecasts, or dates that cannot be decoded.
    """
    instants = [name for name in found.instants if dims.issuperset(dataset[name].dims)]
    leads = sorted(
        (name for name in found.leads if dims.issuperset(dataset[name].dims)), key=lambda name: -dataset[name].ndim
    )
    lead = dataset[leads[0]].variable if leads else None
    if not instants:
        if lead is not None and lead.ndim:
            raise DataError(
                f"`{leads[0]}` holds lead times, but no start date is in the file",
                fix="add a coordinate with standard_name 'forecast_reference_time' and units like "
                "'hours since 2000-01-01'",
            )
        return ValidTimes(None, ())
    best = min(instants, key=lambda name: _preference(dataset[name].variable, called(name), lead))
    date = _dates(best, dataset[best].variable)
    if lead is not None and not _is_valid_time(dataset[best].variable, called(best), lead):
        date = date + _durations(leads[0], lead)
    if sum(length > 1 for length in date.shape) > 1:
        raise DataError(
            f"several forecasts are in one file: {dict(date.sizes)}",
            fix="choose one start, or one lead time, and write it into a file",
        )
    return ValidTimes(date.values.reshape(-1).astype("datetime64[s]"), tuple(str(dim) for dim in date.dims))


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


def _dates(name: str, variable: xr.Variable) -> xr.Variable:
    """Dates as `datetime64[s]`, rounded to the nearest second."""
    if variable.dtype.kind in "SUO":
        return xr.Variable(variable.dims, _from_text(name, variable.values))
    try:
        coder = CFDatetimeCoder(time_unit="s")
        whole = xr.Dataset({name: variable})
        decoded = xr.decode_cf(whole, decode_times=coder, decode_timedelta=False)[name].variable.values
        dates = [str(date.isoformat()) for date in decoded.ravel()] if decoded.dtype == object else decoded
        milliseconds = np.asarray(dates, "datetime64[ms]").reshape(variable.shape)
    except (ValueError, OverflowError, TypeError) as error:
        raise _not_dates(name, f"units {variable.attrs.get('units')!r}") from error
    rounded = (milliseconds + np.timedelta64(500, "ms")).astype("datetime64[s]")
    if np.any(np.isnat(rounded)):
        raise _not_dates(name, "a missing time")
    return xr.Variable(variable.dims, rounded)


def _from_text(name: str, values: NDArray[np.generic]) -> NDArray[np.datetime64]:
    """Read dates that are text, as in `1996 01 05 00:00` or in ISO 8601, with any mark between the numbers."""
    texts = [value.decode("ascii", "replace") if isinstance(value, bytes) else str(value) for value in values.ravel()]
    found = [re.fullmatch(r"\s*(\d{4})\D?(\d\d)\D?(\d\d)(?:\D*(\d\d)(?:\D?(\d\d)){0,2}\D*)?", text) for text in texts]
    dates = []
    for text, match in zip(texts, found, strict=True):
        if match is None:
            raise _not_dates(name, f"the text {text!r}")
        year, month, day, hour, minute = match.groups()
        dates.append(f"{year}-{month}-{day}T{hour or '00'}:{minute or '00'}")
    try:
        return np.array(dates, "datetime64[s]").reshape(values.shape)
    except ValueError as error:
        raise _not_dates(name, f"the text {texts[0]!r}") from error


def _durations(name: str, variable: xr.Variable) -> xr.Variable:
    """Lead times as `timedelta64[s]`, rounded to the nearest second."""
    if variable.dtype.kind == "m":
        return variable.astype("timedelta64[s]")
    unit = str(variable.attrs.get("units", "")).lower()
    seconds = LEAD_UNITS.get(unit, LEAD_UNITS.get(unit.removesuffix("s")))
    if seconds is None:
        raise DataError(
            f"`{name}` must be lead times in seconds, minutes, hours or days, got units {unit!r}",
            fix="correct its attribute `units`",
        )
    return xr.Variable(variable.dims, np.round(variable.values * seconds).astype("timedelta64[s]"))


def _not_dates(name: str, got: str) -> DataError:
    return DataError(
        f"`{name}` must hold dates of the real calendar, got {got}",
        fix="write it as 'hours since 2000-01-01' in the standard calendar",
    )
