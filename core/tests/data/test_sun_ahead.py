"""The sun of the hours to come: against the sun itself at a later time, and against its own statistics."""

import numpy as np
import pytest
from wxml import DataError
from wxml.data.forcings import compute_forcings
from wxml.data.sun_ahead import SunAhead
from wxml.testing import ForcingContract, tiny_grid

GRID = tiny_grid()
NOON, HOUR = np.datetime64("2018-10-15T12:00:00"), np.timedelta64(3600, "s")


class TestSunAhead(ForcingContract):
    plugin = SunAhead


def insolation(times: np.ndarray) -> np.ndarray:
    return compute_forcings(["insolation"], GRID, times)[:, 0]


def test_a_part_has_the_mean_of_the_sun_in_it() -> None:
    """From one hour ahead until four: 180 minutes, each at its middle; ours takes six parts of thirty."""
    found = SunAhead(until=["1h", "4h"]).compute("sun_ahead_4h", GRID, NOON)
    minutes = NOON + HOUR + np.arange(180) * np.timedelta64(60, "s") + np.timedelta64(30, "s")
    np.testing.assert_allclose(found, insolation(minutes).mean(axis=0), atol=2e-3)


def test_a_day_has_the_same_sun_from_whatever_hour() -> None:
    """The parts of 24 h add up to the mean of a day, which no hour changes by more than the season does in one."""
    forcing = SunAhead(until=["6h", "12h", "18h", "24h"])
    names = [field.name for field in forcing.fields()]
    days = np.array([[forcing.compute(n, GRID, NOON + k * HOUR) for n in names] for k in range(0, 24, 5)]).mean(axis=1)
    np.testing.assert_allclose(days, np.broadcast_to(days[0], days.shape), atol=5e-3)


def test_standardised_over_a_period_it_has_mean_0_and_deviation_1_there() -> None:
    forcing = SunAhead(until=["1h"], standardised_over=("2018-10-01", "2018-10-31"))
    hours = np.datetime64("2018-10-01T00:00:00") + np.arange(31 * 24) * HOUR
    values = np.stack([forcing.compute("sun_ahead_1h", GRID, hour) for hour in hours])
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.02)


def test_of_a_year_some_days_stand_for_all() -> None:
    forcing = SunAhead(until=["1h"], standardised_over=("2018-01-01", "2018-12-31"))
    hours = np.datetime64("2018-01-01T00:00:00") + np.arange(0, 365 * 24, 7) * HOUR
    values = np.stack([forcing.compute("sun_ahead_1h", GRID, hour) for hour in hours])
    assert (values.mean(), values.std()) == (pytest.approx(0, abs=0.05), pytest.approx(1, abs=0.05))


@pytest.mark.carries_out("write it like [1h, 2h, 6h]")
def test_ends_that_do_not_rise_are_refused() -> None:
    with pytest.raises(DataError, match=r"`until` must rise, got \['2h', '2h'\]") as error:
        SunAhead(until=["2h", "2h"])
    assert error.value.fix == "write it like [1h, 2h, 6h]"
    assert len(SunAhead(until=["1h", "2h", "6h"]).fields()) == 3


@pytest.mark.carries_out("exchange the two")
def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(DataError, match="must not end before it starts") as error:
        SunAhead(standardised_over=("2018-10-31", "2018-10-01"))
    assert error.value.fix == "exchange the two"
    assert SunAhead(standardised_over=("2018-10-01", "2018-10-31")).fields()
