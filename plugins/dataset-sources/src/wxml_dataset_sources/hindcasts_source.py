"""Hindcasts: for each reference date, the forecasts that start on its day of earlier years."""

__all__ = ["Hindcasts"]

import logging
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from wxml import PluginChoice
from wxml.data.times import format_duration, format_time, parse_duration, parse_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Part, opened
from wxml_dataset_sources.combining.sequence import Sequential
from wxml_dataset_sources.combining.time_choice import shortest_step

LOG = logging.getLogger("wxml")
ZERO = np.timedelta64(0, "s")


class Hindcasts(Sequential):
    """The forecasts from the day and hour of each reference date in each of some years, one after the other.

    Between two of them is a gap, so that no sample reaches from one into another; forecasts that overlap are refused.
    """

    name = "hindcasts"

    def __init__(
        self,
        *,
        path: Annotated[
            str | list[str],
            Field(
                description="The files, as of `xarray`; {reference} stands for the reference date and {start} for the "
                "start of a hindcast, both as 20200102"
            ),
        ],
        reference_dates: Annotated[
            list[str], Field(min_length=1, description="The dates of the forecasts that the hindcasts belong to")
        ],
        years: Annotated[list[int], Field(min_length=1, description="The years of the hindcasts")],
        first_lead_time: Annotated[str | None, Field(description="Read none shorter than this, such as 6h")] = None,
        last_lead_time: Annotated[str | None, Field(description="Read none longer than this, such as 5d")] = None,
        variables: Annotated[list[str] | None, Field(description="As of `xarray`")] = None,
        levels: Annotated[list[float] | None, Field(description="As of `xarray`")] = None,
        rename: Annotated[dict[str, str] | None, Field(description="As of `xarray`")] = None,
        grib_filter: Annotated[dict[str, str | int | float] | None, Field(description="As of `xarray`")] = None,
    ) -> None:
        reading = {"variables": variables, "levels": levels, "rename": rename, "grib_filter": grib_filter}
        chosen = {key: value for key, value in reading.items() if value is not None}
        first, last = (None if each is None else parse_duration(each) for each in (first_lead_time, last_lead_time))
        parts = []
        for reference, start in _starts([parse_time(date) for date in reference_dates], years):
            options = {"path": _filled(path, reference, start), "initial_time": format_time(start), **chosen}
            parts.append(_trajectory(start, options, first, last))
        _check_apart(parts)
        super().__init__(parts)
        self._options = {"reference_dates": reference_dates, "years": years, **chosen}
        limits = {"first_lead_time": first_lead_time, "last_lead_time": last_lead_time}
        self._options |= {key: value for key, value in limits.items() if value is not None}


def _starts(references: Sequence[np.datetime64], years: Sequence[int]) -> list[tuple[np.datetime64, np.datetime64]]:
    """Each reference date with each of its hindcasts' starts, in the order of the starts.

    A 29 February has hindcasts in leap years alone; the others are told.

    Raises:
        DataError: two reference dates have one day and hour, or nothing is left.
    """
    found: dict[np.datetime64, np.datetime64] = {}
    lacking = []
    for reference in references:
        for year in sorted(set(years)):
            start = _in_year(reference, year)
            if start is None:
                lacking.append(year)
                continue
            if start in found:
                raise DataError(
                    f"`reference_dates` {format_time(found[start])} and {format_time(reference)} have the same "
                    "hindcasts",
                    fix="name each day and hour of the year once",
                )
            found[start] = reference
    if not found:
        raise DataError(
            f"`years` holds no leap year, and the only reference date is {format_time(references[0])}",
            fix="name other `years` or other `reference_dates`",
        )
    if lacking:
        LOG.warning("no hindcasts start on 29 February of %s", ", ".join(map(str, sorted(set(lacking)))))
    return [(found[start], start) for start in sorted(found)]


def _in_year(date: np.datetime64, year: int) -> np.datetime64 | None:
    """The same day and hour in another year; None for 29 February of a year without one."""
    month = np.datetime64(year - 1970, "Y").astype("M8[M]") + int(date.astype("M8[M]").astype(int) % 12)
    moved = (month.astype("M8[s]") + (date - date.astype("M8[M]"))).astype("M8[s]")
    return np.datetime64(moved) if moved.astype("M8[M]") == month else None


def _filled(path: str | list[str], reference: np.datetime64, start: np.datetime64) -> str | list[str]:
    """The path with the two dates in place of {reference} and {start}."""
    if isinstance(path, list):
        return [str(_filled(each, reference, start)) for each in path]
    for mark, date in (("{reference}", reference), ("{start}", start)):
        path = path.replace(mark, str(date.astype("M8[D]")).replace("-", ""))
    return path


def _trajectory(
    start: np.datetime64, options: Mapping[str, Any], first: np.timedelta64 | None, last: np.timedelta64 | None
) -> Part:
    """One hindcast, with the lead times from `first` to `last`."""
    limits = {
        key: f"{start + lead}"  # with an hour: `subset` would take a date alone for the whole day
        for key, lead in (("start", first), ("end", last))
        if lead is not None
    }
    choice = PluginChoice.model_validate({"plugin": "subset", "source": {"plugin": "xarray", **options}, **limits})
    return Part(opened(choice, "path").source, f"the hindcast of {format_time(start)}")


def _check_apart(parts: Sequence[Part]) -> None:
    """Refuse hindcasts that overlap, or follow each other so closely that a sample would take them for one.

    Raises:
        DataError: the next one begins less than two steps after one ends.
    """
    for one, other in pairwise(parts):
        end, begin = one.header.times[-1], other.header.times[0]
        step = min(shortest_step(part.header.times) for part in (one, other))
        if begin - end <= step:
            raise DataError(
                f"{one.called} ends at {format_time(end)}, and {other.called} begins at {format_time(begin)}, so a "
                "sample would reach from one into the other",
                fix=f"choose a `last_lead_time` that is shorter by {format_duration(end - begin + 2 * step)} or more, "
                "or name fewer `reference_dates`",
            )
