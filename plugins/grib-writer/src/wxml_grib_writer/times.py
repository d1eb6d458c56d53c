"""The time of a message: its initial time, its lead time, and the period that its values describe."""

__all__ = ["CLOCK", "period_of", "time_keys"]

import re

import numpy as np
from wxml import Variable
from wxml.data.times import format_duration, parse_duration
from wxml.errors import DataError

from wxml_grib_writer.handles import Keys

UNITS = (("h", 3600), ("m", 60), ("s", 1))
"""The units of a step, the longest first (code table 4.4)."""
CLOCK = ("year", "month", "day", "hour", "minute", "second")
"""The keys of the initial time."""
OF_THE_END = re.compile(r"\d+\s?\w+")
"""A period that ends at the time of the values; others say where it lies, as in `6h around the time`."""


def period_of(variable: Variable, stated: str, step_type: str) -> np.timedelta64 | None:
    """The period that a value describes; None from the initial time on.

    Args:
        variable: the source may say its period.
        stated: what the user has given: a duration, or `start`.
        step_type: as GRIB calls it, such as `accum`, for messages.

    Raises:
        DataError: no one says it, or the period does not end at the time of the values.
    """
    text = stated or variable.period
    if text == "start":
        return None
    if OF_THE_END.fullmatch(text):
        return parse_duration(text)
    raise DataError(
        f"the values of `{variable.name}` are `{step_type}` over a period that "
        + (f"does not end at their time ({text})" if text else "the data do not say"),
        fix=f"name it for the writer, as in periods: {{{variable.name}: 6h}}, or `start` if it begins at the initial "
        "time",
    )


def time_keys(initial: np.datetime64, lead: np.timedelta64, period: np.timedelta64 | None, *, instant: bool) -> Keys:
    """The keys of the time of one step, in the order in which they must be set.

    Args:
        initial: the initial time.
        lead: the lead time.
        period: the length of the period before the valid time; None: from the initial time on.
        instant: whether the values describe a moment; there is no period then.

    Raises:
        DataError: the period begins before the initial time.
    """
    clock = zip(CLOCK, re.split("[-T:]", str(initial.astype("datetime64[s]"))), strict=True)
    end = int(lead / np.timedelta64(1, "s"))
    start = end if instant else 0 if period is None else end - int(period / np.timedelta64(1, "s"))
    if start < 0:
        raise DataError(
            f"a period of {format_duration(np.timedelta64(end - start, 's'))} cannot end {format_duration(lead)} after "
            "the initial time, as a GRIB message begins no earlier than that",
            fix="choose a longer step, or name a shorter period",
        )
    unit, seconds = next(one for one in UNITS if end % one[1] == 0 and start % one[1] == 0)
    steps: dict[str, int | str] = {"stepUnits": unit, "startStep": start // seconds, "endStep": end // seconds}
    if instant:
        del steps["startStep"]
    return {**{key: int(number) for key, number in clock}, **steps}
