"""The options `lead_time` and `initial_time`, which choose among the forecasts of a file."""

__all__ = ["ForecastChoice"]

import re
from dataclasses import dataclass
from typing import Self

import numpy as np
from wxml.data.times import format_duration, format_time, parse_duration, parse_time


@dataclass(frozen=True, slots=True)
class ForecastChoice:
    """The lead time and the initial time that the user wants; None for all."""

    lead_time: np.timedelta64 | None = None
    initial_time: np.datetime64 | None = None

    @classmethod
    def of(cls, lead_time: str | None, initial_time: str | None) -> Self:
        """The choice of the options; the lead time may be zero.

        Raises:
            DataError: one of them is no duration or no time.
        """
        lead = None if lead_time is None else _lead(lead_time)
        return cls(lead, None if initial_time is None else parse_time(initial_time))

    def __bool__(self) -> bool:
        return self.lead_time is not None or self.initial_time is not None

    @property
    def said(self) -> str:
        """The options with their values, for messages."""
        lead = [] if self.lead_time is None else [f"`lead_time` {format_duration(self.lead_time)}"]
        return " and ".join(
            lead + ([] if self.initial_time is None else [f"`initial_time` {format_time(self.initial_time)}"])
        )

    @property
    def grib_keys(self) -> dict[str, float]:
        """The same as keys of GRIB messages: hours, and seconds since 1970."""
        keys = {} if self.lead_time is None else {"step": float(self.lead_time / np.timedelta64(1, "h"))}
        return keys | ({} if self.initial_time is None else {"time": int(self.initial_time.astype(np.int64))})


def _lead(text: str) -> np.timedelta64:
    is_zero = re.fullmatch(r"\s*0+\s*(s|m|min|h|d)\s*", str(text).lower()) is not None
    return np.timedelta64(0, "s") if is_zero else parse_duration(text)
