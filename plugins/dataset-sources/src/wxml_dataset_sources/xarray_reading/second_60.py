"""The second 60, as clocks show a leap second: numbers of seconds since a date have none."""

__all__ = ["tell_second_60", "without_60"]

import logging
from functools import cache

import numpy as np

logger = logging.getLogger("wxml")


def without_60(second: str) -> tuple[str, np.timedelta64]:
    """A second below 60, and what is to be added: 60 is the first second of the next minute, as POSIX counts.

    POSIX.1-2017, 4.16: 23:59:60 has the number of seconds of 00:00:00 on the next day.

    >>> without_60("60.5"), without_60("59")
    (('00.5', np.timedelta64(1,'m')), ('59', np.timedelta64(0,'m')))
    """
    is_60 = second.startswith("60")
    return f"00{second[2:]}" if is_60 else second, np.timedelta64(int(is_60), "m")


@cache
def tell_second_60(name: str, text: str) -> None:
    """Log one warning, however often the same time is decoded.

    Args:
        name: where the time stands.
        text: the first such time there.
    """
    logger.warning("`%s` has the second 60 (%s): it is read as the first second of the next minute", name, text)
