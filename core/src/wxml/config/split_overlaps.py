"""Warns of periods of the split that share times, so that scores are those of data that the model has seen."""

__all__ = ["warn_of_overlaps"]

import logging
from itertools import combinations

from wxml.config.data_schema import SplitConfig
from wxml.data.times import format_time

logger = logging.getLogger("wxml")


def warn_of_overlaps(split: SplitConfig) -> None:
    """Log a warning for each two of the periods training, validation and test that have a time in common."""
    names = [name for name in ("training", "validation", "test") if getattr(split, name) is not None]
    for one, other in combinations(names, 2):
        first, last = zip(split.period(one), split.period(other), strict=True)
        start, end = max(first), min(last)
        if start <= end:
            logger.warning(
                "`data.split.%s` and `data.split.%s` overlap from %s to %s: scores of the %s period are then those "
                "of data that the model has seen; choose periods without a common time",
                one,
                other,
                format_time(start),
                format_time(end),
                other,
            )
