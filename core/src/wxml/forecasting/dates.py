"""The initial times that a user lists one by one, and a file of them."""

__all__ = ["listed_times", "read_dates"]

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time, parse_time
from wxml.errors import DataError

LONGEST = 16 * 2**20
"""The bytes of a file of dates: a million of them take 20 MB at most."""


def read_dates(path: Path) -> tuple[str, ...]:
    """The dates in a text file, one in each line; what follows a `#` is a comment, and a line may be empty.

    Raises:
        DataError: the file is absent or no text, or it has no dates, or a line is none; the error has its number.
    """
    found = []
    for number, line in enumerate(_text(path).splitlines(), start=1):
        date = line.partition("#")[0].strip()
        if not date:
            continue
        try:
            parse_time(date)
        except DataError as error:
            raise DataError(f"line {number} of `{path}` is no date: {error.message}", fix=error.fix) from error
        found.append(date)
    if not found:
        raise DataError(f"`{path}` has no dates", fix="write one in each line, such as 2014-07-01T12")
    return tuple(found)


def listed_times(dates: Sequence[str]) -> NDArray[np.datetime64]:
    """The initial times of a list, `datetime64[s]`, in rising order.

    Raises:
        DataError: one of them is no date, or is there twice.
    """
    times, counts = np.unique(np.array([parse_time(date) for date in dates], "datetime64[s]"), return_counts=True)
    if counts.max() > 1:
        twice = format_time(times[np.argmax(counts > 1)])
        raise DataError(f"the initial time {twice} is listed {counts.max()} times", fix="list each once")
    return times


def _text(path: Path) -> str:
    try:
        if not path.is_file() or path.stat().st_size > LONGEST:
            raise DataError(
                f"`{path}` is no file of dates: there is none, or it is longer than {LONGEST // 2**20} MiB",
                fix="name a text file with one date in each line",
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"`{path}` cannot be read as a text: {error}", fix="name a text file with one date in each line"
        ) from error
