"""Periods of a split that share times are warned of, whatever the order and the form of their ends."""

import logging
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml.config.data_schema import SplitConfig
from wxml.config.split_overlaps import warn_of_overlaps

NAMES = ("training", "validation", "test")
PERIODS = st.tuples(st.integers(1, 28), st.integers(1, 28)).map(sorted)


def warnings_of(split: SplitConfig) -> list[str]:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("wxml")
    logger.addHandler(handler)
    try:
        warn_of_overlaps(split)
    finally:
        logger.removeHandler(handler)
    return records


@given(st.lists(st.none() | PERIODS, min_size=3, max_size=3).filter(lambda periods: periods[0] is not None))
def test_each_two_periods_with_a_common_day_are_named(periods: list[list[int] | None]) -> None:
    """A bare date as an end means its whole day."""
    days = {name: period for name, period in zip(NAMES, periods, strict=True) if period is not None}
    split = SplitConfig(**{name: [f"2000-01-{a:02}", f"2000-01-{b:02}"] for name, (a, b) in days.items()})
    shared = [
        f"`data.split.{one}` and `data.split.{other}` overlap from 2000-01-{min(common):02}"
        for one, other in combinations(days, 2)
        if (common := set(range(days[one][0], days[one][1] + 1)) & set(range(days[other][0], days[other][1] + 1)))
    ]
    found = warnings_of(split)
    assert len(found) == len(shared)
    assert all(text.startswith(start) for text, start in zip(found, shared, strict=True))


@pytest.mark.parametrize(("start", "warned"), [("2000-01-31T23", True), ("2000-02-01T00", False)])
def test_the_last_hour_of_the_last_day_belongs_to_it(start: str, warned: bool) -> None:
    split = SplitConfig(training=["2000-01-01", "2000-01-31"], test=[start, "2000-03-01"])
    assert bool(warnings_of(split)) == warned
