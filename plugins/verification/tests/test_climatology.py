"""The climatology against closed forms and a slow reference."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml_verification.climatology import Climatology

POINT = Grid.unstructured([50.0], [10.0])


def every(hours, start, stop):
    return np.arange(np.datetime64(start, "s"), np.datetime64(stop, "s"), np.timedelta64(hours, "h"))


def day_of_leap_year(time):
    """Found with the calendar of a leap year, not with the arithmetic of the package."""
    same_date = np.datetime64("2000" + str(time)[4:10])
    return int((same_date - np.datetime64("2000-01-01")) / np.timedelta64(1, "D"))


def make(source, times, values, window=30):
    return Climatology.of(source(POINT, ["t"], times, np.reshape(values, (-1, 1, 1))), times, ["t"], window)


def test_a_season_and_a_daily_cycle_are_recovered(source) -> None:
    times = every(6, "2000-01-01", "2001-01-01")  # a leap year: each date once, so the window is exact
    day = np.array([day_of_leap_year(time) for time in times])
    hour = (times - times.astype("datetime64[D]")) / np.timedelta64(1, "h")
    daily = 3 * np.sin(2 * np.pi * hour / 24)
    season = 10 * np.cos(2 * np.pi * day / 366)
    climatology = make(source, times, 280 + season + daily, window=15)
    # the mean of a cosine over 2k + 1 days is the cosine times the Dirichlet kernel of its frequency
    half = np.pi / 366
    damping = np.sin(31 * half) / (31 * np.sin(half))
    expected = 280 + damping * season + daily
    np.testing.assert_allclose(climatology.at(times)[:, 0, 0], expected, atol=1e-4)


def test_days_around_new_year_are_neighbours(source) -> None:
    times = np.array(["2000-12-31T00", "2001-01-02T00", "2001-07-01T00"], "datetime64[s]")
    climatology = make(source, times, [1.0, 3.0, 100.0], window=2)
    assert climatology.at(np.array(["2005-01-01T00"], "datetime64[s]"))[0, 0, 0] == 2.0


def test_the_first_of_march_is_one_date_in_leap_years_and_others(source) -> None:
    times = np.array(["2000-03-01T00", "2001-03-01T00"], "datetime64[s]")
    climatology = make(source, times, [1.0, 3.0], window=0)
    assert climatology.at(np.array(["2003-03-01T00"], "datetime64[s]"))[0, 0, 0] == 2.0


def test_a_time_of_day_never_seen_has_no_climatology(source) -> None:
    times = every(12, "2000-01-01", "2000-02-01")
    climatology = make(source, times, np.ones(len(times)))
    asked = np.array(["2001-01-05T00", "2001-01-05T06"], "datetime64[s]")
    np.testing.assert_array_equal(climatology.at(asked)[:, 0, 0], [1.0, np.nan])
    assert (climatology.windows(asked) >= 0).tolist() == [True, False]


def test_missing_values_are_left_out_of_the_mean(source) -> None:
    times = np.array(["2000-01-01T00", "2000-01-02T00", "2000-01-03T00"], "datetime64[s]")
    climatology = make(source, times, [1.0, np.nan, 3.0], window=1)
    asked = np.array(["2001-01-01T00", "2001-01-02T00"], "datetime64[s]")
    np.testing.assert_array_equal(climatology.at(asked)[:, 0, 0], [1.0, 2.0])


def test_a_date_far_from_all_training_times_takes_a_wider_window(source) -> None:
    times = every(24, "2000-01-01", "2000-02-01")
    climatology = make(source, times, np.arange(31.0), window=5)
    near, far = np.array(["2001-01-10T00"], "datetime64[s]"), np.array(["2001-07-15T00"], "datetime64[s]")
    assert (climatology.windows(near) == climatology.window).all()
    assert (climatology.windows(far) > climatology.window).all()
    assert climatology.at(near)[0, 0, 0] == pytest.approx(9.0)  # 5 to 15 January, counted from 0: 4 to 14
    assert np.isfinite(climatology.at(far)).all()


def test_the_window_is_widened_no_further_than_it_must_be(source) -> None:
    times = np.array(["2000-01-01T00", "2000-07-01T00"], "datetime64[s]")
    climatology = make(source, times, [1.0, 100.0], window=5)  # 20 days away: ±5, ±11, ±23 days
    assert climatology.at(np.array(["2001-01-21T00"], "datetime64[s]"))[0, 0, 0] == 1.0


def test_a_single_date_at_the_other_end_of_the_year_is_found(source) -> None:
    times = np.array(["2000-01-01T00"], "datetime64[s]")
    asked = every(24, "2000-01-01", "2001-01-01")
    assert np.unique(make(source, times, [7.0], window=0).at(asked)).tolist() == [7.0]


def test_members_are_averaged(source) -> None:
    times = np.array(["2000-01-01T00"], "datetime64[s]")
    members = source(POINT, ["t"], times, np.array([1.0, 2.0, 6.0]).reshape(1, 3, 1, 1))
    assert Climatology.of(members, times, ["t"], 10).at(times)[0, 0, 0] == 3.0


@settings(max_examples=50, deadline=None)
@given(first=st.integers(0, 365), asked=st.integers(0, 365), window=st.integers(0, 182))
def test_no_day_counts_twice_however_wide_the_window_becomes(first, asked, window) -> None:
    """Two dates half a year apart have the same weight wherever both are in the window, seen from every date."""
    leap = every(24, "2000-01-01", "2001-01-01")
    times = np.sort(leap[[first, (first + 183) % 366]])
    values = np.array([0.0, 1.0], np.float32)
    found = Climatology.of(_source(times, values), times, ["t"], window).at(leap[[asked]])[0, 0, 0]
    assert found in (0.0, 0.5, 1.0)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), window=st.integers(0, 182), count=st.integers(1, 60))
def test_equals_a_mean_over_all_pairs_of_dates(seed, window, count) -> None:
    generator = np.random.default_rng(seed)
    pool = every(6, "1999-01-01", "2003-01-01")
    times = np.sort(generator.choice(pool, count, replace=False))
    values = generator.normal(size=count).astype(np.float32)
    asked = generator.choice(pool, 20)
    sums = Climatology.of(_source(times, values), times, ["t"], window)
    expected = [_reference(time, times, values, window) for time in asked]
    found = sums.at(asked)[:, 0, 0]
    known = np.isfinite(expected)
    np.testing.assert_allclose(found[known], np.array(expected)[known], atol=1e-6)
    assert (np.isnan(found) | (sums.windows(asked) > sums.window))[~known].all()


def _source(times, values):
    from wxml.data.source import DataSource, SourceHeader
    from wxml.data.variables import Variable

    class Series(DataSource):
        header = SourceHeader(POINT, (Variable("t"),), times)

        def _read(self, time_indices, variable_indices, out):
            out[:, 0, 0, 0] = values[time_indices]

        def provenance(self):
            return {}

    return Series()


def _reference(time, times, values, window):
    """The mean of the training values whose date is near, going round the year either way."""
    apart = np.array([abs(day_of_leap_year(time) - day_of_leap_year(other)) for other in times])
    apart = np.minimum(apart, 366 - apart)
    same_hour = (times - time).astype(int) % 86400 == 0
    chosen = values[(apart <= window) & same_hour]
    return chosen.mean() if len(chosen) else np.nan


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), window=st.integers(0, 182), missing=st.floats(0, 0.5))
def test_sums_in_a_file_are_those_in_memory(seed, window, missing) -> None:
    generator = np.random.default_rng(seed)
    times = np.sort(generator.choice(every(6, "1999-01-01", "2001-01-01"), 40, replace=False))
    values = generator.normal(size=40).astype(np.float32)
    values[generator.random(40) < missing] = np.nan
    asked = generator.choice(every(6, "2003-01-01", "2004-01-01"), 20)
    in_memory = Climatology.of(_source(times, values), times, ["t"], window).at(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml_verification.kept_sums.IN_MEMORY", 0)
        in_file = Climatology.of(_source(times, values), times, ["t"], window).at(asked)
    np.testing.assert_array_equal(in_file, in_memory)


def test_only_the_times_of_day_that_are_asked_for_are_read(source) -> None:
    times = every(6, "2000-01-01", "2000-02-01")
    values = np.arange(float(len(times)))
    asked = np.array(["2001-01-10T06", "2001-01-11T18"], "datetime64[s]")
    own = source(POINT, ["t"], times, values.reshape(-1, 1, 1))
    some = Climatology.of(own, times, ["t"], 5, asked)
    assert some.hours.tolist() == [6 * 3600, 18 * 3600]
    np.testing.assert_array_equal(some.at(asked), Climatology.of(own, times, ["t"], 5).at(asked))


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "in a file"])
def test_memory_follows_the_dates_that_there_are(in_memory, monkeypatch) -> None:
    """A month of 10 000 nodes, four times a day: 124 fields of 80 kB, where 366 days would be 1464; one in a file."""
    import tracemalloc

    from wxml.data.source import DataSource, SourceHeader
    from wxml.data.variables import Variable

    if not in_memory:
        monkeypatch.setattr("wxml_verification.kept_sums.IN_MEMORY", 0)
    monkeypatch.setattr("wxml_verification.climatology.BLOCK_BYTES", 2**20)
    times, grid = every(6, "2000-01-01", "2000-02-01"), Grid.unstructured(np.zeros(10_000), np.arange(10_000) / 100)

    class Field(DataSource):
        header = SourceHeader(grid, (Variable("t"),), times)

        def _read(self, time_indices, variable_indices, out):
            out[...] = 1.0

        def provenance(self):
            return {}

    tracemalloc.start()
    found = Climatology.of(Field(), times, ["t"], 5)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < (124 * 80_000 + 8e6 if in_memory else 8e6)
    np.testing.assert_array_equal(found.at(times[:1]), 1.0)
