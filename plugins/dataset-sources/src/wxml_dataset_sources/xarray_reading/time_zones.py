"""Offsets from UTC, as they stand behind a time."""

__all__ = ["FARTHEST", "zone_offset"]

from typing import Final

import numpy as np

FARTHEST: Final = np.timedelta64(14, "h")
"""No time zone is farther from UTC (W3C XML Schema 1.1 part 2, 3.3.7.1; those in use are from -12:00 to +14:00)."""


def zone_offset(sign: str, hours: str, minutes: str) -> np.timedelta64 | None:
    """The local time less UTC; None if there is no such time zone.

    Args:
        sign: `-` for a zone west of Greenwich; anything else for one east of it.
        hours: digits.
        minutes: digits.

    >>> zone_offset("-", "3", "30"), zone_offset("+", "25", "00")
    (np.timedelta64(-210,'m'), None)
    """
    offset = np.timedelta64(60 * int(hours) + int(minutes), "m")
    if int(minutes) > 59 or offset > FARTHEST:
        return None
    return -offset if sign == "-" else offset
