"""Times and durations as people write them: `6h`, `2000-01-01`, `2000-01-01T06`."""

__all__ = ["format_duration", "format_offset", "format_time", "parse_duration", "parse_offset", "parse_time"]

import re
from datetime import date, datetime

import numpy as np

from wxml.errors import DataError

LONGEST = 2**62  # seconds: more does not fit into a timedelta64
ISO_TIME = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.0+)?)?)?)?)?)?")
SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_duration(text: str) -> np.timedelta64:
    """Parse a positive duration, such as `6h`, to seconds.

    >>> parse_duration("6h")
    np.timedelta64(21600,'s')
    """
    match = re.fullmatch(r"\s*(\d+)\s*(s|m|min|h|d)\s*", str(text).lower())
    seconds = int(match[1]) * SECONDS[match[2]] if match else 0
    if not 0 < seconds <= LONGEST:
        raise DataError(
            f"a duration must be a positive whole number and a unit, got {text!r}",
            fix="write it like '6h', '30min' or '2d'",
        )
    return np.timedelta64(seconds, "s")


def format_duration(duration: np.timedelta64) -> str:
    """Write a duration in whole hours, minutes or seconds, as short as possible.

    >>> format_duration(np.timedelta64(21600, "s")), format_duration(np.timedelta64(90, "m"))
    ('6h', '90min')
    """
    seconds = int(duration / np.timedelta64(1, "s"))
    for unit in ("h", "min"):
        if seconds % SECONDS[unit] == 0:
            return f"{seconds // SECONDS[unit]}{unit}"
    return f"{seconds}s"


def parse_offset(text: str) -> np.timedelta64:
    """Parse a time relative to another one, such as `-24h`, `0h` or `6h`, to seconds.

    >>> parse_offset("-24h"), parse_offset("0h")
    (np.timedelta64(-86400,'s'), np.timedelta64(0,'s'))
    """
    written = str(text).strip()
    if re.fullmatch(r"[+-]?0+\s*(s|m|min|h|d)", written.lower()):
        return np.timedelta64(0, "s")
    try:
        duration = parse_duration(written.removeprefix("-").removeprefix("+"))
    except DataError as error:
        raise DataError(
            f"an offset must be a whole number and a unit, got {text!r}", fix="write it like '-24h', '0h' or '30min'"
        ) from error
    return -duration if written.startswith("-") else duration


def format_offset(offset: np.timedelta64) -> str:
    """Write an offset as `parse_offset` reads it.

    >>> format_offset(np.timedelta64(-1, "D")), format_offset(np.timedelta64(0, "s"))
    ('-24h', '0h')
    """
    return f"-{format_duration(-offset)}" if offset < np.timedelta64(0, "s") else format_duration(offset)


def parse_time(value: str | date | datetime | np.datetime64) -> np.datetime64:
    """Parse an instant (UTC) to whole seconds.

    >>> parse_time("2000-01-01T06")
    np.datetime64('2000-01-01T06:00:00')
    """
    text = str(value).removesuffix("Z").removesuffix("+00:00")
    try:
        time: np.datetime64 = np.datetime64(text if ISO_TIME.fullmatch(text) else "NaT", "s")
    except ValueError:
        time = np.datetime64("NaT", "s")
    if np.isnat(time):
        raise DataError(
            f"a time must be an ISO date or date-time, got {value!r}", fix="write it like '2000-01-01T06', in UTC"
        )
    return time


def format_time(time: np.datetime64) -> str:
    """Write an instant; minutes and seconds are left out if they are zero.

    >>> format_time(np.datetime64("2000-01-01T06:00:00"))
    '2000-01-01T06'
    """
    text = np.datetime_as_string(time, unit="s")
    return text[:13] if text.endswith(":00:00") else text
