"""Forecasts that pass from a running model to a reader."""

import weakref
from threading import Thread

import numpy as np
import pytest
from wxml.data.fields import Fields
from wxml.data.grid import Grid
from wxml.data.variables import Variable
from wxml.errors import ContractError, DataError
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.passing import PassingForecasts

GRID = Grid.regular([30.0, -30.0], [0.0, 180.0])
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")


def header(count: int) -> ForecastHeader:
    times = np.datetime64("2000-01-01", "s") + np.arange(count) * np.timedelta64(86400, "s")
    return ForecastHeader(GRID, (Variable("t"), Variable("z")), times, LEADS, 2, {})


def write(passing: PassingForecasts, known: ForecastHeader, case: int) -> None:
    """Both lead times, the variables in another order than that of the header."""
    for lead, lead_time in enumerate(LEADS):
        values = np.array([[case, lead, member] for member in range(2)], np.float32)
        fields = np.stack([values @ [100, 10, 1], values @ [1000, 10, 1]], axis=1)[..., None] + np.zeros(4)
        passing.write(Fields(known.initial_times[case] + lead_time, ("z", "t"), fields.astype("f4")), lead_time)


def started(passing: PassingForecasts, known: ForecastHeader, *cases: int) -> Thread:
    def run() -> None:
        for case in cases:
            write(passing, known, case)
        passing.end()

    thread = Thread(target=run)
    thread.start()
    return thread


def test_each_initial_time_is_read_when_it_is_whole() -> None:
    """One that nobody asks for is passed over; values are `[lead_time, member, node]`."""
    known = header(4)
    passing = PassingForecasts(known)
    thread = started(passing, known, 0, 1, 2, 3)
    for case in (0, 1, 3):
        found = passing.series.read(case, "z")
        np.testing.assert_array_equal(found[..., 0], 100 * case + np.array([[0, 1], [10, 11]]))
        np.testing.assert_array_equal(
            passing.series.read(case, "t")[..., 3], 1000 * case + np.array([[0, 1], [10, 11]])
        )
    thread.join()


def test_memory_does_not_grow_with_the_initial_times() -> None:
    """Three at most are there: one that is read, one that waits, one that is made."""
    known = header(12)
    passing = PassingForecasts(known)
    thread = started(passing, known, *range(12))
    alive: list[weakref.ref[np.ndarray]] = []
    for case in range(12):
        base = passing.series.read(case, "z").base
        assert base is not None
        alive.append(weakref.ref(base))
        del base
        assert sum(one() is not None for one in alive) <= 1
        assert len(passing._begun) <= 2
    thread.join()


def test_an_initial_time_is_over_when_the_next_is_read() -> None:
    known = header(2)
    passing = PassingForecasts(known)
    thread = started(passing, known, 0, 1)
    passing.series.read(1, "t")
    with pytest.raises(ContractError, match="come once, and number 0 was asked for after number 1"):
        passing.series.read(0, "t")
    thread.join()


@pytest.mark.carries_out("see why they ended, and begin again")
def test_forecasts_that_end_early() -> None:
    """The reader is told, and does not wait for ever."""
    known = header(2)
    passing = PassingForecasts(known)
    thread = started(passing, known, 0)
    passing.series.read(0, "t")
    with pytest.raises(DataError, match="ended before all were made"):
        passing.series.read(1, "t")
    thread.join()
    again = PassingForecasts(known)
    thread = started(again, known, 0, 1)
    assert again.series.read(1, "t").shape == (2, 2, 4)
    thread.join()


def test_the_model_does_not_wait_for_a_reader_that_has_left() -> None:
    known = header(5)
    passing = PassingForecasts(known)
    passing.leave()
    thread = started(passing, known, *range(5))
    thread.join(timeout=60)
    assert not thread.is_alive()
