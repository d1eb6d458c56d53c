"""Computed forcings against almanac values."""

import numpy as np
import pytest
from wxml import DataError, Grid
from wxml.data.forcings import COMPUTED_FORCINGS, compute_forcings, cosine_zenith_angle

PLACES = Grid.unstructured([0.0, 23.44, -66.0, 51.48, 80.0], [0.0, 0.0, 0.0, 0.0, 90.0])


def zenith(time: str) -> np.ndarray:
    return np.degrees(np.arccos(cosine_zenith_angle(PLACES, np.datetime64(time, "s"))))


def test_the_sun_stands_over_the_tropic_at_the_june_solstice() -> None:
    assert zenith("2020-06-20T12:02")[1] == pytest.approx(0, abs=0.5)


def test_noon_at_greenwich_on_the_equinox() -> None:
    assert zenith("2020-03-20T12:07")[3] == pytest.approx(51.48, abs=0.6)


def test_equinox_noon_on_the_equator() -> None:
    assert zenith("2020-03-20T12:07")[0] == pytest.approx(0, abs=0.8)


def test_insolation_is_zero_in_the_polar_night_and_never_negative() -> None:
    times = np.datetime64("2020-12-21T00", "s") + np.arange(24) * np.timedelta64(1, "h")
    insolation = compute_forcings(["insolation"], PLACES, times)
    assert insolation.min() == 0
    assert insolation[:, 0, 4].max() == 0  # 80°N in December


def test_local_time_is_an_angle_with_noon_at_minus_one() -> None:
    values = compute_forcings(["cos_local_time", "sin_local_time"], PLACES, ["2020-05-05T06:00:00"])[0]
    np.testing.assert_allclose(values[:, 0], [0, 1], atol=1e-6)  # 06 at Greenwich
    np.testing.assert_allclose(values[:, 4], [-1, 0], atol=1e-6)  # noon at 90°E


def test_year_angle_returns_after_a_year() -> None:
    values = compute_forcings(
        ["cos_julian_day", "sin_julian_day"], PLACES, ["2021-01-01", "2021-07-02T15", "2022-01-01"]
    )
    np.testing.assert_allclose(values[0, :, 0], [1, 0], atol=1e-6)
    np.testing.assert_allclose(values[1, :, 0], [-1, 0], atol=1e-3)
    np.testing.assert_allclose(values[2], values[0], atol=1e-6)


def test_every_forcing_stays_within_one() -> None:
    times = np.datetime64("2020-01-01", "s") + np.arange(40) * np.timedelta64(221, "h")
    values = compute_forcings(list(COMPUTED_FORCINGS), PLACES, times)
    assert values.shape == (40, len(COMPUTED_FORCINGS), 5)
    assert np.abs(values).max() <= 1


def test_order_follows_the_names() -> None:
    one, other = (
        compute_forcings(n, PLACES, ["2020-01-01"])
        for n in (["cos_latitude", "sin_latitude"], ["sin_latitude", "cos_latitude"])
    )
    np.testing.assert_array_equal(one, other[:, ::-1])
    np.testing.assert_allclose(one[0, 0], np.cos(np.radians(PLACES.latitudes)), rtol=1e-6)


def test_unknown_forcing_names_the_nearest() -> None:
    with pytest.raises(DataError, match="did you mean 'insolation'"):
        compute_forcings(["insulation"], PLACES, ["2020-01-01"])
