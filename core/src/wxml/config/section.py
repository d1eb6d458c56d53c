"""What every section of a config is made of: durations, sizes, periods, and the refusal of unknown keys."""

__all__ = [
    "Duration",
    "Period",
    "Section",
    "Size",
    "check_duration",
    "check_period",
    "check_size",
    "check_time",
    "first_instant",
    "last_instant",
    "size_in_bytes",
]

from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, BeforeValidator, ByteSize, ConfigDict, TypeAdapter, ValidationError

from wxml.data.times import parse_duration, parse_time
from wxml.errors import DataError

SECOND = np.timedelta64(1, "s")
SIZE = TypeAdapter(ByteSize)


def check_duration(text: Any) -> str:
    """Return a duration as it was written, if it is one."""
    parse_duration(text)
    return str(text)


def check_size(text: Any) -> str:
    """Return an amount of memory as it was written, if it is one."""
    size_in_bytes(text)
    return str(text)


def size_in_bytes(text: Any) -> ByteSize:
    """A positive amount of memory; GiB counts in 1024s, GB in 1000s.

    >>> size_in_bytes("1.5GiB"), size_in_bytes("20 GB")
    (1610612736, 20000000000)

    Raises:
        DataError: `text` is none, or has no unit.
    """
    try:
        size = SIZE.validate_python(text) if str(text).strip().lower().endswith("b") else ByteSize(0)
    except ValidationError:
        size = ByteSize(0)
    if size < 1:
        raise DataError(
            f"an amount of memory must be a positive number and a unit, got {text!r}",
            fix="write it like '512MiB', '20GiB' or '20GB'",
        )
    return size


def check_period(value: Any) -> tuple[str, str]:
    """Return a start and an end as they were written, if they are times in order."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise DataError(
            f"a period must be a pair [start, end], got {value!r}",
            fix="write it like [2000-01-01, 2000-10-31]",
        )
    start, end = (check_time(str(time)) for time in value)
    if first_instant(start) > last_instant(end):
        raise DataError(f"a period must not end before it starts, got [{start}, {end}]", fix="exchange the two")
    return start, end


def check_time(text: str) -> str:
    """A date or date-time in UTC without the `Z` that says so."""
    text = text.removesuffix("Z").removesuffix("+00:00")
    parse_time(text)
    return text


def first_instant(text: str) -> np.datetime64:
    """The first second of a date; a date-time is that instant."""
    return parse_time(text)


def last_instant(text: str) -> np.datetime64:
    """The last second of a date, a month or a year; a date-time is that instant."""
    time = np.datetime64(text)
    unit: Any = np.datetime_data(time)[0]
    if unit in ("Y", "M", "D"):
        return parse_time(time + np.timedelta64(1, unit)) - SECOND
    return parse_time(text)


Duration = Annotated[str, BeforeValidator(check_duration)]
Size = Annotated[str, BeforeValidator(check_size)]
Period = Annotated[tuple[str, str], BeforeValidator(check_period)]


class Section(BaseModel):
    """A part of the config: unknown keys are refused, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
