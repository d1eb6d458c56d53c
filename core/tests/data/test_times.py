"""Times and durations as people write them."""

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError
from wxml.data.times import SECONDS, format_duration, format_time, parse_duration, parse_time

instants = st.integers(-(10**10), 10**10).map(lambda seconds: np.datetime64(seconds, "s"))  # the years 1653 to 2286


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6h", 21600), ("90min", 5400), ("90m", 5400), ("2d", 172800), ("1s", 1), (" 12 H ", 43200), ("006h", 21600)],
)
def test_durations_by_hand(text: str, seconds: int) -> None:
    assert parse_duration(text) == np.timedelta64(seconds, "s")
    assert parse_duration(text).dtype == "timedelta64[s]"


@given(st.integers(1, 10**6), st.sampled_from(sorted(SECONDS)))
def test_a_duration_is_a_number_times_a_unit(number: int, unit: str) -> None:
    assert parse_duration(f"{number}{unit}") == np.timedelta64(number * SECONDS[unit], "s")


@given(st.integers(1, 10**9))
def test_what_is_written_is_read_back(seconds: int) -> None:
    duration = np.timedelta64(seconds, "s")
    assert parse_duration(format_duration(duration)) == duration


def reading(text: str) -> np.timedelta64 | str:
    """The duration, or what is wrong with it."""
    try:
        return parse_duration(text)
    except DataError as error:
        return error.message


@given(st.text(max_size=12) | st.from_regex(r"\d{1,30} ?[smhd]", fullmatch=True))
def test_any_text_is_a_duration_or_an_error_in_words(text: str) -> None:
    found = reading(text)
    assert repr(text) in found if isinstance(found, str) else found > np.timedelta64(0, "s")


@pytest.mark.parametrize("text", ["0h", "-3h", "3", "h", "3.5h", "1e3h", "6hours", "6 weeks", "", "6h6h", "h6", "∞h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"must be a positive whole number and a unit, got .*\n.*like '6h'"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["9" * 19 + "d", "9" * 30 + "s", "200000000000000d"])
def test_a_duration_beyond_all_clocks_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="duration"):
        parse_duration(text)


def test_the_longest_duration() -> None:
    assert parse_duration(f"{2**62}s") == np.timedelta64(2**62, "s")
    with pytest.raises(DataError, match="duration"):
        parse_duration(f"{2**62 + 1}s")


def test_durations_in_other_units_are_written_alike() -> None:
    assert format_duration(np.timedelta64(1, "D")) == "24h"
    assert format_duration(np.timedelta64(150, "m")) == "150min"
    assert format_duration(np.timedelta64(61, "s")) == "61s"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2000-01-01", "2000-01-01T00:00:00"),
        ("2000-01", "2000-01-01T00:00:00"),
        ("2000-02-29T06", "2000-02-29T06:00:00"),
        ("2000-01-01 06:30", "2000-01-01T06:30:00"),
        (date(1999, 12, 31), "1999-12-31T00:00:00"),
        (datetime(2000, 1, 1, 6, 15, 1), "2000-01-01T06:15:01"),  # a time without a zone is UTC
        (np.datetime64("2000-01-01T06", "h"), "2000-01-01T06:00:00"),
        (np.datetime64("2000-01-01", "ns"), "2000-01-01T00:00:00"),
    ],
)
def test_times_by_hand(value: object, expected: str) -> None:
    parsed = parse_time(value)
    assert str(parsed) == expected
    assert parsed.dtype == "datetime64[s]"


@pytest.mark.parametrize(
    "text", ["", "NaT", "yesterday", "2000-13-01", "2001-02-29", "01.02.2000", "2000-01-01T25", "6h"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(DataError, match="must be an ISO date or date-time, got"):
        parse_time(text)


@pytest.mark.parametrize("text", ["now", "today"])
def test_a_time_that_moves_is_refused(text: str) -> None:
    """NumPy takes these for the time at which the program runs."""
    with pytest.raises(DataError, match="must be an ISO date or date-time, got"):
        parse_time(text)


def test_a_year_beyond_all_clocks_is_refused() -> None:
    with pytest.raises(DataError, match="must be an ISO date or date-time, got"):
        parse_time("99999999999999999999-01-01")


@pytest.mark.parametrize("value", ["2000-01-01T06Z", "2000-01-01T06:00:00+00:00", datetime(2000, 1, 1, 6, tzinfo=UTC)])
def test_a_time_that_says_it_is_utc_is_taken(value: object) -> None:
    assert str(parse_time(value)) == "2000-01-01T06:00:00"


@given(instants)
def test_times_are_read_back(time: np.datetime64) -> None:
    assert parse_time(format_time(time)) == time


@given(instants)
def test_only_zeros_are_left_out(time: np.datetime64) -> None:
    text = format_time(time)
    assert str(time).startswith(text)
    assert str(time).removeprefix(text) in ("", ":00:00")


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2000-01-01T06:00:00", "2000-01-01T06"),
        ("2000-01-01", "2000-01-01T00"),
        ("2000-01-01T06:30", "2000-01-01T06:30:00"),
        ("2000-01-01T06:00:01", "2000-01-01T06:00:01"),
        ("2000-01-01T06:00:00.000000000", "2000-01-01T06"),
    ],
)
def test_written_times_by_hand(time: str, text: str) -> None:
    assert format_time(np.datetime64(time)) == text


def test_errors_say_how_to_write_it() -> None:
    with pytest.raises(DataError) as error:
        parse_time("6h")
    assert error.value.message == "a time must be an ISO date or date-time, got '6h'"
    assert error.value.fix == "write it like '2000-01-01T06', in UTC"
    with pytest.raises(DataError) as error:
        parse_duration("6 weeks")
    assert error.value.message == "a duration must be a positive whole number and a unit, got '6 weeks'"
    assert error.value.fix == "write it like '6h', '30min' or '2d'"
