"""Dates as `datetime64`: from numbers of CF in a calendar, from text, and from the dates that zarr stores."""

__all__ = ["decoded_dates", "plain_dates", "reject_coarse", "text_dates"]

import re
import warnings
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError
from xarray.coders import CFDatetimeCoder

from wxml_dataset_sources.xarray_reading.reference_dates import with_clear_date
from wxml_dataset_sources.xarray_reading.second_60 import tell_second_60, without_60
from wxml_dataset_sources.xarray_reading.time_zones import FARTHEST, zone_offset

REAL_CALENDARS: Final = ("", "standard", "gregorian", "proleptic_gregorian", "julian")
"""Calendars that count the days that pass; a date of one is an instant, whatever the calendar calls it."""
SHORT_CALENDARS: Final = ("noleap", "365_day")
"""Calendars that leave out 29 February; all their dates are dates of the real calendar."""
TEXT_DATE: Final = re.compile(
    r"\s*(?P<year>\d{4})[-/:._ ]?(?P<month>\d\d)[-/:._ ]?(?P<day>\d\d)"
    r"(?:[T_ ]*(?P<hour>\d\d)(?:[:_ ]?(?P<minute>\d\d)(?:[:_ ]?(?P<second>\d\d(?:\.\d{1,6})?)\d*)?)?)?"
    r"\s*(?:Z|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>\d\d)(?::?(?P<zone_minutes>\d\d))?)?\s*",
    re.ASCII,
)
PLAIN_UNITS: Final = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
FIRST_PLAIN: Final = np.datetime64("1582-10-15", "s")
"""From here on all real calendars but the julian one give a day the same name."""
IN_THE_CALENDAR: Final = "write it as 'hours since 2000-01-01' in the standard calendar"
IN_ISO: Final = "write it in ISO 8601, such as 2000-01-01T06:30:00, or 2000-01-01T06:30+02:00 with a time zone"
NO_ZONE: Final = f"time zone does not exist: zones are from -{FARTHEST.astype(int)}:00 to +{FARTHEST.astype(int)}:00"


def decoded_dates(name: str, variable: xr.Variable) -> xr.Variable:
    """The dates of `variable` in UTC as `datetime64[s]`, rounded to the nearest second.

    Numbers are decoded by the attributes `units` and `calendar`. Text is a date, with or without a time and a zone.
    `datetime64` needs no decoding.

    Args:
        name: the name of the variable, for messages.
        variable: numbers with `units` such as 'hours since 2000-01-01', text, or `datetime64`.

    Raises:
        DataError: the calendar has dates that do not exist, a date is missing or cannot be decoded, or float32 numbers
            are too coarse for their times.
    """
    calendar = str(variable.attrs.get("calendar", "")).lower()
    if calendar not in REAL_CALENDARS + SHORT_CALENDARS:
        raise DataError(
            f"`{name}` must hold dates of the real calendar, got calendar {calendar!r}",
            fix="convert the file to the standard calendar first, for example with "
            "`dataset.convert_calendar('standard', align_on='date')` of xarray",
        )
    rounded = (_exact(name, variable) + np.timedelta64(500, "ms")).astype("datetime64[s]")
    if np.any(np.isnat(rounded)):
        raise _not_dates(name, "a missing time", IN_THE_CALENDAR)
    if variable.dtype.kind == "f" and rounded.size:
        steps = np.spacing(np.abs(variable.values).max()) * _seconds_per_unit(name, variable)
        reject_coarse(name, variable, rounded.astype(np.int64), float(steps))
    return xr.Variable(variable.dims, rounded)


def _exact(name: str, variable: xr.Variable) -> NDArray[np.datetime64]:
    """The dates of `variable`, not rounded."""
    if variable.dtype.kind == "M":
        return np.asarray(variable.values)
    return _from_text(name, variable) if variable.dtype.kind in "SUO" else _from_numbers(name, variable)


def plain_dates(numbers: NDArray[Any], units: str, calendar: str) -> NDArray[np.datetime64] | None:
    """The dates of `decoded_dates`, quickly, in the usual case: whole seconds after a reference date in our calendar.

    Args:
        numbers: int or float64.
        units: such as 'hours since 2000-01-01'.
        calendar: its name; empty if it is not said.

    Returns:
        `datetime64[s]`; None in all other cases.
    """
    clear = with_clear_date(units)
    if clear is None or calendar.lower() not in REAL_CALENDARS[:-1] or not np.all(np.abs(numbers) < 2**31):
        return None
    unit, _, reference = clear[0].partition(" since ")
    seconds = numbers.astype(np.float64) * PLAIN_UNITS.get(unit, 0)
    if unit not in PLAIN_UNITS or "." in reference or np.any(seconds % 1):
        return None
    try:
        start = np.datetime64(reference.replace(" ", "T"), "s")
    except ValueError:
        return None
    dates = start - clear[1] + seconds.astype("m8[s]")
    return dates if start >= FIRST_PLAIN and np.all(dates >= FIRST_PLAIN) else None


def text_dates(name: str, texts: NDArray[np.str_]) -> NDArray[np.datetime64]:
    """The dates of texts in UTC as `datetime64[s]`, as `decoded_dates` reads them.

    A second 60, as a leap second has, is the first second of the next minute; a warning says so.

    Raises:
        DataError: a text is no clear date.
    """
    dates = _from_texts(name, [str(text) for text in texts])
    return (dates + np.timedelta64(500, "ms")).astype("datetime64[s]")


def reject_coarse(name: str, variable: xr.Variable, seconds: NDArray[np.int64], spacing: float) -> None:
    """Refuse float32 times that are not whole minutes because the numbers are too coarse.

    Args:
        name: the name of the variable, for messages.
        variable: the numbers.
        seconds: the same times, in seconds.
        spacing: the seconds between two neighbouring numbers of that precision.

    Raises:
        DataError: `spacing` is more than a second and a time is no whole minute.
    """
    if variable.dtype.itemsize < 8 and spacing > 1 and np.any(seconds % 60):
        raise DataError(
            f"`{name}` holds {variable.dtype} numbers in {variable.attrs.get('units')!r}, which are up to "
            f"{spacing:.0f} s apart, too coarse for its times",
            fix="write the times again as float64, or as whole hours, minutes or seconds",
        )


def _seconds_per_unit(name: str, variable: xr.Variable) -> float:
    """The seconds in one unit of a CF time axis."""
    two = xr.Variable(("n",), np.array([0.0, 1.0]), variable.attrs)
    first, second = _from_numbers(name, two)
    return float((second - first) / np.timedelta64(1, "s"))


def _from_numbers(name: str, variable: xr.Variable) -> NDArray[np.datetime64]:
    """The dates of CF numbers as `datetime64[ms]`, in UTC."""
    clear = with_clear_date(str(variable.attrs.get("units", "")))
    if clear is None:
        raise _not_dates(name, f"units {variable.attrs.get('units')!r}", IN_THE_CALENDAR)
    units, zone = clear
    if np.any(np.isinf(np.asarray(variable.values, np.float64))):
        raise _not_dates(name, "an infinite time", IN_THE_CALENDAR)
    try:
        coder = CFDatetimeCoder(time_unit="s")
        whole = xr.Dataset({name: (variable.dims, variable.values, variable.attrs | {"units": units})})
        with warnings.catch_warnings():
            # Times that are no whole seconds are rounded to them afterwards.
            warnings.filterwarnings("ignore", "Can't decode floating point datetimes", xr.SerializationWarning)
            # Dates before 1582 come as dates of their calendar, and are converted below.
            warnings.filterwarnings("ignore", "Unable to decode time axis", xr.SerializationWarning)
            decoded = xr.decode_cf(whole, decode_times=coder, decode_timedelta=False)[name].variable.values
        if decoded.dtype == object:
            decoded = np.array([_isoformat(date) for date in decoded.ravel()]).reshape(variable.shape)
        return np.asarray(np.asarray(decoded, "datetime64[ms]") - zone, "datetime64[ms]")
    except (ValueError, OverflowError, TypeError) as error:
        raise _not_dates(name, f"units {variable.attrs.get('units')!r}", IN_THE_CALENDAR) from error


def _isoformat(date: Any) -> str:
    """The ISO date of the same day in the proleptic Gregorian calendar, which is that of `datetime64`."""
    calendar = getattr(date, "calendar", None)
    if calendar is None:
        return str(date)  # a missing date
    if calendar in REAL_CALENDARS:
        date = date.change_calendar("proleptic_gregorian", has_year_zero=True)
    return str(date.isoformat())


def _from_text(name: str, variable: xr.Variable) -> NDArray[np.datetime64]:
    """The dates of text as `datetime64[us]` in UTC."""
    if variable.attrs.get("calendar", "") not in ("", "standard", "gregorian", "proleptic_gregorian"):
        raise _not_dates(name, f"text in the calendar {variable.attrs['calendar']!r}", IN_THE_CALENDAR)
    raw = variable.values.ravel().tolist()
    texts = [value.decode("ascii", "replace") if isinstance(value, bytes) else str(value) for value in raw]
    return _from_texts(name, texts).reshape(variable.shape)


def _from_texts(name: str, texts: Sequence[str]) -> NDArray[np.datetime64]:
    """The dates of texts as `datetime64[us]` in UTC."""
    dates = np.array([_text_date(name, text) for text in texts], "datetime64[us]")
    leaps = [text for text in texts if _second_of(text).startswith("60")]
    if leaps:
        tell_second_60(name, leaps[0].strip())
    return dates


def _second_of(text: str) -> str:
    match = TEXT_DATE.fullmatch(text)
    return "" if match is None else match["second"] or ""


def _text_date(name: str, text: str) -> np.datetime64:
    """One date in UTC; the time zone, if there is one, is subtracted."""
    match = TEXT_DATE.fullmatch(text)
    if match is None:
        raise _not_dates(name, f"the text {text!r}", IN_ISO)
    part = match.groupdict(default="00")
    if match["sign"] and match["hour"] is None:
        raise _not_dates(name, f"the text {text!r}, a date with a time zone and no hour", IN_ISO)
    second, later = without_60(part["second"])
    clock = f"{part['hour']}:{part['minute']}:{second}"
    try:
        local = np.datetime64(f"{part['year']}-{part['month']}-{part['day']}T{clock}", "us")
    except ValueError as error:
        raise _not_dates(name, f"the text {text!r}", IN_ISO) from error
    zone = zone_offset(part["sign"], part["zone_hours"], part["zone_minutes"])
    if zone is None:
        raise _not_dates(name, f"the text {text!r}, whose {NO_ZONE}", IN_ISO)
    return local + later - zone


def _not_dates(name: str, got: str, fix: str) -> DataError:
    return DataError(f"`{name}` must hold dates of the real calendar, got {got}", fix=fix)
