"""Groups of cases: by season, month and hour of the initial time."""

__all__ = ["GROUPINGS", "Grouping", "groups_of"]

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grouping = Literal["season", "month", "initial-hour"]
GROUPINGS: tuple[Grouping, ...] = ("season", "month", "initial-hour")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SEASONS = ("DJF", "MAM", "JJA", "SON")


def groups_of(times: NDArray[np.datetime64], groupings: Sequence[Grouping]) -> dict[str, NDArray[np.bool_]]:
    """Group → which initial times are in it; a grouping in which all cases are in one group is left out.

    >>> times = np.array(["2001-01-01T00", "2001-04-01T12"], "datetime64[s]")
    >>> {name: chosen.tolist() for name, chosen in groups_of(times, ["season", "initial-hour"]).items()}
    {'DJF': [True, False], 'MAM': [False, True], '00 UTC': [True, False], '12 UTC': [False, True]}
    """
    month = times.astype("datetime64[M]").astype(np.int64) % 12
    minute = (times - times.astype("datetime64[D]")) // np.timedelta64(1, "m")
    labels = {
        "season": {name: (month + 1) % 12 // 3 == number for number, name in enumerate(SEASONS)},
        "month": {name: month == number for number, name in enumerate(MONTHS)},
        "initial-hour": {_clock(int(one)): minute == one for one in np.unique(minute)},
    }
    found: dict[str, NDArray[np.bool_]] = {}
    for grouping in groupings:
        there = {name: chosen for name, chosen in labels[grouping].items() if chosen.any()}
        found |= there if len(there) > 1 else {}
    return found


def _clock(minute: int) -> str:
    hours, minutes = divmod(minute, 60)
    return f"{hours:02}:{minutes:02} UTC" if minutes else f"{hours:02} UTC"
