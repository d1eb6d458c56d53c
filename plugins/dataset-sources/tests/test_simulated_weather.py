"""The sun, the ground, heat and moisture, and what they make together."""

import itertools

import numpy as np
import pytest
from wxml_dataset_sources.simulation.atmosphere import Atmosphere
from wxml_dataset_sources.simulation.humidity import Humidity, saturation_humidity
from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.sun import OBLIQUITY, daily_mean_sunshine, season, sunshine
from wxml_dataset_sources.simulation.surface import Surface
from wxml_dataset_sources.simulation.temperature import Temperature

LATITUDES = np.array([80.0, 45.0, 0.0, -23.44, -70.0])


def seconds(time):
    return float(np.datetime64(time, "s").astype(np.int64))


@pytest.mark.parametrize(
    ("time", "expected"),
    [("2000-06-21T12", 1.0), ("2001-12-22T00", -1.0), ("2000-03-21T16", 0.0), ("2010-09-20T12", 0.0)],
)
def test_the_season_turns_at_the_solstices(time, expected) -> None:
    assert season(seconds(time)) == pytest.approx(expected, abs=0.03)


def test_the_sun_stands_overhead_at_local_noon_on_the_tropic() -> None:
    cosines = sunshine(seconds("2000-12-21T06"), np.array([-23.44]), np.array([0.0, 90.0, 180.0, 270.0]))
    np.testing.assert_allclose(cosines[0, 1], 1.0, atol=1e-3)
    assert cosines[0, 3] == 0.0, "midnight on the other side"


def test_the_night_lasts_all_day_beyond_the_polar_circle_in_winter() -> None:
    assert sunshine(seconds("2000-12-21T12"), np.array([80.0]), np.arange(0.0, 360, 10)).max() == 0.0


@pytest.mark.parametrize("time", ["2000-01-10", "2000-04-01", "2000-06-21"])
def test_the_daily_mean_is_the_mean_over_the_day(time) -> None:
    longitudes = np.arange(0, 360, 0.25)
    sampled = sunshine(seconds(time), LATITUDES, longitudes).mean(axis=1)
    np.testing.assert_allclose(daily_mean_sunshine(seconds(time), LATITUDES), sampled, atol=1e-4)


def test_the_declination_never_leaves_the_tropics() -> None:
    yearly = [season(seconds("2000-01-01") + 86400.0 * day) for day in range(366)]
    assert max(np.abs(yearly)) <= 1.0
    assert np.degrees(OBLIQUITY) == pytest.approx(23.44)


def test_the_ground_has_the_share_of_land_it_should_and_depends_on_the_seed_alone() -> None:
    harmonics = SphericalHarmonics(21)
    surface = Surface.from_seed(harmonics, 3)
    assert harmonics.mean(surface.land > 0.5) == pytest.approx(0.32, abs=0.02)
    assert surface.land.min() >= 0
    assert surface.land.max() <= 1
    assert surface.orography.min() == 0
    assert surface.orography.max() == pytest.approx(3500)
    assert np.array_equal(surface.land, Surface.from_seed(harmonics, 3).land)
    assert not np.allclose(surface.land, Surface.from_seed(harmonics, 4).land)


def test_the_same_seed_draws_the_same_continents_at_another_truncation() -> None:
    def land_near(truncation, latitude, longitude):
        harmonics = SphericalHarmonics(truncation)
        land = Surface.from_seed(harmonics, 0).land
        row, column = (
            np.argmin(np.abs(harmonics.latitudes - latitude)),
            np.argmin(np.abs(harmonics.longitudes - longitude)),
        )
        return land[row, column]

    for place in [(40, 0), (0, 90), (-45, 70), (50, 250), (-40, 200)]:
        assert land_near(21, *place) == pytest.approx(land_near(42, *place), abs=0.3)


def test_saturation_follows_the_tables() -> None:
    """e_s is 6.11 hPa at 0 °C and 23.4 hPa at 20 °C."""
    np.testing.assert_allclose(
        saturation_humidity(np.array([273.15, 293.15])), [0.622 * 6.11 / 950, 0.622 * 23.4 / 950], rtol=5e-3
    )


def test_it_rains_in_cyclones_of_either_hemisphere_before_it_does_in_anticyclones() -> None:
    harmonics = SphericalHarmonics(5)
    humidity = Humidity(harmonics, np.zeros((8, 16)))
    temperature = np.full((8, 16), 283.0)
    moist = 0.8 * saturation_humidity(temperature)
    cyclone = 8e-5 * np.sign(harmonics.latitudes)[:, None] + 0 * moist
    assert np.all(humidity.condensation(moist, temperature, cyclone)[[1, -2]] > 0)
    assert np.all(humidity.condensation(moist, temperature, -cyclone) == 0)


def test_the_sea_evaporates_more_than_land_and_nothing_does_in_saturated_air() -> None:
    harmonics = SphericalHarmonics(5)
    land = np.zeros((8, 16))
    land[:, 8:] = 1.0
    humidity, temperature = Humidity(harmonics, land), np.full((8, 16), 290.0)
    dry = humidity.evaporation(0 * temperature, temperature)
    np.testing.assert_allclose(dry[:, 8:], 0.4 * dry[:, :8])
    assert np.all(humidity.evaporation(saturation_humidity(temperature), temperature) == 0)


def test_the_sun_heats_land_in_the_local_afternoon_and_never_the_sea() -> None:
    harmonics = SphericalHarmonics(5)
    row, noon_column = 3, 4  # near the equator; 90°E has noon at 06 UTC
    for land, expected in ((np.ones((8, 16)), 2e-4), (np.zeros((8, 16)), 0.0)):
        heat = Temperature(harmonics, land)
        time = seconds("2000-03-21T06")
        heating = heat.heating(heat.equilibrium(time), time)
        assert heating[row, noon_column] >= expected
        assert heating[row].mean() == pytest.approx(0.0, abs=1e-5)


@pytest.fixture(scope="module")
def world():
    """The default continents and 30 days of weather, after 30 days from rest: the model, its states, its fields."""
    harmonics = SphericalHarmonics(21)
    atmosphere = Atmosphere(harmonics, Surface.from_seed(harmonics, 0))
    begin = seconds("2000-01-01")
    run = atmosphere.integrate(atmosphere.initial_state(0, begin), begin)
    states, fields = zip(*itertools.islice(run, 120, 241), strict=True)
    return harmonics, atmosphere, np.array(states), np.array(fields), begin + 30 * 86400.0


def test_the_weather_stays_within_physical_bounds(world) -> None:
    u, v, z, t, q, tp = world[3].swapaxes(0, 1)
    assert max(np.abs(u).max(), np.abs(v).max()) < 120
    assert 38000 < z.min() < z.max() < 64000
    assert 200 < t.min() < t.max() < 325
    assert 0 <= q.min() < q.max() < 0.03
    assert 0 <= tp.min() < tp.max() < 60


def test_there_are_westerlies_and_storms_in_middle_latitudes(world) -> None:
    harmonics, _, _, fields, _ = world
    winter_belt = (harmonics.latitudes > 35) & (harmonics.latitudes < 60)
    assert fields[:, 0, winter_belt].mean() > 5
    assert 8 < fields[:, 1, winter_belt].std() < 30
    assert fields[:, 3, 15:17].mean() - fields[:, 3, 0].mean() > 20, "the equator is warmer than the pole"


def test_the_global_rain_is_of_the_size_of_the_earths(world) -> None:
    harmonics, _, _, fields, _ = world
    millimetres_per_day = harmonics.mean(fields[:, 5].mean(axis=0)) * 4
    assert 0.5 < millimetres_per_day < 5


def test_persistence_loses_its_skill_within_two_days(world) -> None:
    harmonics, _, _, fields, _ = world
    for name, low, high in (("u", 0.12, 0.3), ("v", 0.12, 0.3), ("z", 0.12, 0.3), ("q", 0.12, 0.4)):
        values = fields[:, ["u", "v", "z", "t", "q"].index(name)]
        spread = np.sqrt(harmonics.mean(values.var(axis=0)))
        error = {lag: np.sqrt(harmonics.mean(((values[lag:] - values[:-lag]) ** 2).mean(axis=0))) for lag in (1, 8)}
        assert low < error[1] / spread < high, name
        assert error[8] / spread > 0.8, name


def test_land_has_a_diurnal_cycle_and_the_sea_has_not(world) -> None:
    harmonics, _, _, fields, begin = world
    assert begin % 86400 == 0
    land = Surface.from_seed(harmonics, 0).land
    by_hour = fields[:120, 3].reshape(30, 4, *land.shape).mean(axis=0)
    swing = by_hour.max(axis=0) - by_hour.min(axis=0)
    tropics = np.abs(harmonics.latitudes) < 35
    assert swing[tropics][land[tropics] > 0.95].mean() > 4 * swing[tropics][land[tropics] < 0.02].mean()
    warmest = by_hour[:, tropics].argmax(axis=0)[:, harmonics.longitudes == 180.0][land[tropics][:, 32] > 0.95]
    assert set(warmest.ravel()) == {1}, "06 UTC is the afternoon at 180°E minus six hours of warming"


def test_a_millionth_of_a_change_grows_to_another_weather_but_not_at_once(world) -> None:
    harmonics, atmosphere, states, _, begin = world
    disturbed = states[0].copy()
    disturbed[0] *= 1 + 1e-6 * np.random.default_rng(5).normal(size=disturbed[0].shape)
    first, second = (
        np.array([state[0] for state, _ in itertools.islice(atmosphere.integrate(start, begin), 121)])
        for start in (states[0], disturbed)
    )
    difference = np.sqrt(harmonics.mean(harmonics.to_grid(first - second) ** 2))
    grown = difference / difference[0]
    assert grown[8] < 100, "two days later"
    assert grown[120] > 1e3, "thirty days later"
