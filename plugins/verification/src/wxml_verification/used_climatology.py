"""Which climatology scores are of, for a reader and for programs."""

__all__ = ["UsedClimatology", "used_climatology"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wxml.data.times import format_time

from wxml_verification.given_climatology import Given
from wxml_verification.usual import Past


@dataclass(frozen=True, slots=True)
class UsedClimatology:
    """The climatology behind anomalies and the baseline."""

    sentence: str
    record: Mapping[str, Any]
    """JSON values: `kind` is `given`, `made` or `none`."""


def used_climatology(past: Past, window: int, given: Given | None) -> UsedClimatology:
    """The one that is given, else the one that is made of the past."""
    if given is not None:
        years = f", of the years {given.years[0]} to {given.years[1]}" if given.years else ""
        sentence = (
            f"Climatology is {given.name}{years}: its fields of the same day of the year (1 to 366) and time of day."
        )
        record = {"kind": "given", "years": list(given.years or ()), "source": dict(given.record)}
        return UsedClimatology(sentence, record)
    if not len(past.times):
        return UsedClimatology("There is no climatology, since no past is known.", {"kind": "none"})
    first, last = format_time(past.times[0]), format_time(past.times[-1])
    sentence = (
        f"Climatology is the mean of {len(past.times)} times of {past.origin}, {first} to {last}: those at the same "
        f"time of day within ±{window} days of the date, over all years."
    )
    made = {"of": past.origin, "times": len(past.times), "first": first, "last": last, "window_days": window}
    return UsedClimatology(sentence, {"kind": "made", **made})
