"""Periods after each other."""

__all__ = ["Concat"]

from collections.abc import Sequence
from itertools import pairwise

from wxml.data.times import format_time
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Part, Sources, opened_all
from wxml_dataset_sources.combining.sequence import Sequential


class Concat(Sequential):
    """The periods of several sources after each other, which have the same variables, nodes and members.

    The sources may be listed in any order. A gap between two periods has no times; periods that overlap are refused.
    """

    name = "concat"

    def __init__(self, *, sources: Sources) -> None:
        parts = opened_all(sources, names=self._asked)
        _check_overlaps(parts)
        super().__init__(parts)


def _check_overlaps(parts: Sequence[Part]) -> None:
    """Raise a DataError if one part begins before another one ends."""
    dated = sorted((part for part in parts if len(part.header.times)), key=lambda part: part.header.times[0])
    for first, second in pairwise(dated):
        begin, end = second.header.times[0], first.header.times[-1]
        if begin <= end:
            raise DataError(
                f"{second.called} begins at {format_time(begin)}, and {first.called} ends at {format_time(end)}",
                fix="cut one of them with `subset` and its options `start` and `end`; times that alternate are for "
                "`merge`",
            )
