"""The reference date in units such as `hours since 2000-1-1 6:00 +2:00`, which libraries read in parts or guess."""

__all__ = ["with_clear_date"]

import re
from typing import Final

import numpy as np

from wxml_dataset_sources.xarray_reading.second_60 import tell_second_60, without_60
from wxml_dataset_sources.xarray_reading.time_zones import zone_offset

COMPACT: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?!\d)")
YEAR: Final = re.compile(r"\d{4}")
REFERENCE: Final = re.compile(
    r"(?P<year>\d{1,4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})"
    r"(?:[T_ ]\s*(?P<hour>\d{1,2})(?::(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?P<fraction>\.\d*)?)?)?)?"
    r"\s*(?:Z|UTC|GMT|(?P<sign>[+-])(?P<zone_hours>\d{1,2})(?::?(?P<zone_minutes>\d\d))?"
    r"|(?(minute)(?<=\s)(?P<bare_hours>\d{1,2}):(?P<bare_minutes>\d\d)|(?!)))?",
    re.ASCII | re.IGNORECASE,
)


def with_clear_date(units: str) -> tuple[str, np.timedelta64] | None:
    """The units with their reference date in full, without a time zone; and the time zone, to be subtracted.

    Args:
        units: such as 'hours since 2000-1-1 6:00 +2:00'.

    Returns:
        None if the date is not the year, the month and the day in this order, then perhaps the time and the zone, or if
        there is no such time zone.

    >>> with_clear_date("hours since 2000-1-1 6:00 +2:00")
    ('hours since 2000-01-01 06:00:00', np.timedelta64(120,'m'))
    """
    unit, _, text = units.partition(" since ")
    date = COMPACT.sub(r"\1-\2-\3", text.strip(), count=1)
    match = REFERENCE.fullmatch(f"{date}-1-1" if YEAR.fullmatch(date) else date)
    if match is None:
        return None
    part = match.groupdict(default="0")
    hours, minutes = (match[f"zone_{name}"] or part[f"bare_{name}"] for name in ("hours", "minutes"))
    zone = zone_offset(part["sign"], hours, minutes)
    if zone is None:
        return None
    day = f"{int(part['year']):04d}-{int(part['month']):02d}-{int(part['day']):02d}"
    second, later = without_60(f"{int(part['second']):02d}")
    if later:
        tell_second_60("units", units)
    clock = f"{int(part['hour']):02d}:{int(part['minute']):02d}:{second}"
    fraction = (match["fraction"] or "").rstrip(".")
    return f"{unit} since {day} {clock}{fraction}", zone - later
