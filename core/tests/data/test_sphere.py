"""Spherical geometry: closed forms, poles, the date line, and properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError
from wxml.data.sphere import (
    angular_distance,
    cell_bounds,
    curvilinear_areas,
    from_unit_vectors,
    gauss_legendre,
    local_direction,
    spans_globe,
    unit_vectors,
    zenith_cosine,
)

latitudes = st.floats(-90, 90)
longitudes = st.floats(-180, 360)


def point(latitude: float, longitude: float) -> np.ndarray:
    return unit_vectors(np.array(latitude), np.array(longitude))


@pytest.mark.parametrize(
    ("latitude", "longitude", "expected"),
    [(0, 0, [1, 0, 0]), (0, 90, [0, 1, 0]), (90, 123, [0, 0, 1]), (0, -180, [-1, 0, 0]), (-90, 0, [0, 0, -1])],
)
def test_the_axes(latitude: float, longitude: float, expected: list[float]) -> None:
    np.testing.assert_allclose(point(latitude, longitude), expected, atol=1e-15)


@given(st.floats(-89.9, 89.9), longitudes)
def test_there_and_back(latitude: float, longitude: float) -> None:
    lat, lon = from_unit_vectors(point(latitude, longitude))
    assert lat == pytest.approx(latitude, abs=1e-9)
    assert 0 <= lon < 360 or lon == pytest.approx(360)
    assert np.mod(lon - longitude + 180, 360) == pytest.approx(180, abs=1e-9)


@pytest.mark.parametrize(
    ("first", "second", "degrees"),
    [
        ((0, 0), (0, 90), 90),
        ((90, 0), (-90, 77), 180),
        ((0, 179), (0, -179), 2),  # over the date line
        ((80, 10), (80, 190), 20),  # over the pole
        ((0, 0), (0, 1e-6), 1e-6),
        ((30, 40), (30, 40), 0),
    ],
)
def test_distances_by_hand(first: tuple[float, float], second: tuple[float, float], degrees: float) -> None:
    assert np.degrees(angular_distance(point(*first), point(*second))) == pytest.approx(degrees, rel=1e-6, abs=1e-12)


@given(latitudes, longitudes, latitudes, longitudes, latitudes, longitudes)
def test_distance_is_a_metric(a: float, b: float, c: float, d: float, e: float, f: float) -> None:
    here, there, elsewhere = point(a, b), point(c, d), point(e, f)
    direct = angular_distance(here, there)
    assert direct == angular_distance(there, here)
    assert 0 <= direct <= np.pi
    assert direct <= angular_distance(here, elsewhere) + angular_distance(elsewhere, there) + 1e-7


@pytest.mark.parametrize(
    ("source", "target", "east_north"),
    [
        ((10, 0), (0, 0), (0, 1)),
        ((-10, 0), (0, 0), (0, -1)),
        ((0, 10), (0, 0), (1, 0)),
        ((0, -179), (0, 179), (1, 0)),  # over the date line
        ((0, 0), (90, 0), (0, -1)),  # from the north pole 0°E is south,
        ((0, 90), (90, 0), (1, 0)),  # and 90°E is east
        ((0, 90), (-90, 0), (1, 0)),
        ((0, 0), (-90, 0), (0, 1)),
        ((50, 60), (50, 60), (0, 0)),
        ((50, 30), (90, 0), (0.5, -np.sqrt(0.75))),  # 30° east of south
        ((-50, 30), (-90, 0), (0.5, np.sqrt(0.75))),
        ((0, -170), (0, 180), (1, 0)),
    ],
)
def test_directions_by_hand(
    source: tuple[float, float], target: tuple[float, float], east_north: tuple[float, float]
) -> None:
    np.testing.assert_allclose(local_direction(point(*source), point(*target)), east_north, atol=1e-12)


@pytest.mark.parametrize(
    ("source", "target", "east_north"),
    [
        ([0.0, 1.0, 0.0], [0.0, 0.0, 1.0], (1, 0)),
        ([0.6, 0.8, 0.0], [0.0, 0.0, 1.0], (0.8, -0.6)),
        ([0.6, 0.8, 0.0], [0.0, 0.0, -1.0], (0.8, 0.6)),
        ([0.6, 0.8, 0.0], [0.0, 1.0, 0.0], (-1, 0)),
        ([0.0, 0.6, 0.8], [-1.0, 0.0, 0.0], (-0.6, 0.8)),
    ],
)
def test_directions_seen_from_the_ends_of_the_axes(
    source: list[float], target: list[float], east_north: tuple[float, float]
) -> None:
    np.testing.assert_allclose(local_direction(np.array(source), np.array(target)), east_north, atol=1e-15)


@pytest.mark.parametrize("latitude", [90.0, 89.999999, 89.99999999])
def test_directions_do_not_jump_at_the_pole(latitude: float) -> None:
    """From the meridian 0°E, a point on 30°E is seen 30° east of south."""
    seen = local_direction(point(50, 30), point(latitude, 0))
    np.testing.assert_allclose(seen, [0.5, -np.sqrt(0.75)], atol=1e-7)


@given(st.sampled_from([90.0, -90.0]), longitudes, st.floats(-89, 89), longitudes)
def test_east_at_a_pole_is_that_of_its_meridian(pole: float, own: float, latitude: float, other: float) -> None:
    """(sin(μ − λ), ∓cos(μ − λ)), as from a point nearby on the meridian λ of the pole."""
    source, angle = point(latitude, other), np.radians(other - own)
    seen = local_direction(source, point(pole, own), own)
    np.testing.assert_allclose(seen, [np.sin(angle), -np.sign(pole) * np.cos(angle)], atol=1e-9)
    near = point(pole - np.sign(pole) * 1e-6, own)
    np.testing.assert_allclose(seen, local_direction(source, near, own), atol=1e-5)


@given(st.sampled_from([90.0, -90.0]), longitudes, longitudes, latitudes, longitudes)
def test_a_pole_is_one_point_whatever_its_longitude(pole: float, a: float, b: float, lat: float, lon: float) -> None:
    here, there = point(pole, a), point(pole, b)
    np.testing.assert_allclose(here, there, atol=1e-15)
    elsewhere = point(lat, lon)
    assert angular_distance(elsewhere, here) == pytest.approx(angular_distance(elsewhere, there), abs=1e-12)
    np.testing.assert_array_equal(local_direction(here, there, b), [0.0, 0.0])
    assert [float(values) for values in from_unit_vectors(here)] == [pole, 0.0]


def test_arrays_are_taken_point_by_point() -> None:
    lat, lon = np.array([[90.0, -20.0, 0.0], [10.0, -90.0, 45.0]]), np.array([[0.0, 200.0, 180.0], [30.0, 0.0, 300.0]])
    here, there = unit_vectors(lat, lon), unit_vectors(lat[::-1, ::-1] / 2 + 1, lon / 3)
    assert here.shape == (2, 3, 3)
    for name in np.ndindex(2, 3):
        np.testing.assert_array_equal(here[name], point(lat[name], lon[name]))
        np.testing.assert_allclose([values[name] for values in from_unit_vectors(here)], from_unit_vectors(here[name]))
        np.testing.assert_allclose(angular_distance(here, there)[name], angular_distance(here[name], there[name]))
        np.testing.assert_allclose(local_direction(there, here)[name], local_direction(there[name], here[name]))


def test_rounding_beyond_the_antipode_is_no_error() -> None:
    beyond = np.array([np.nextafter(1, 2), 0.0, 0.0])
    assert angular_distance(beyond, -beyond) == np.pi


@given(st.floats(-80, 80), longitudes, st.floats(-80, 80), longitudes, st.floats(-360, 360))
def test_directions_have_length_one_and_do_not_change_when_the_earth_turns(
    a: float, b: float, c: float, d: float, turn: float
) -> None:
    source, target = point(a, b), point(c, d)
    if not 1e-3 < angular_distance(source, target) < np.pi - 1e-3:
        return
    direction = local_direction(source, target)
    assert np.linalg.norm(direction) == pytest.approx(1)
    np.testing.assert_allclose(local_direction(point(a, b + turn), point(c, d + turn)), direction, atol=1e-8)


@given(st.lists(st.floats(0.1, 5), min_size=1, max_size=20), st.floats(-90, 90), st.booleans())
def test_centres_lie_in_their_cells(steps: list[float], first: float, falling: bool) -> None:
    centres = (-1 if falling else 1) * (first + np.concatenate([[0], np.cumsum(steps)]))
    low, high = np.sort([cell_bounds(centres)[:-1], cell_bounds(centres)[1:]], axis=0)
    assert np.all((low < centres) & (centres < high))


def test_cell_bounds_by_hand() -> None:
    np.testing.assert_array_equal(cell_bounds(np.array([0.0, 1.0, 3.0])), [-0.5, 0.5, 2.0, 4.0])
    np.testing.assert_array_equal(cell_bounds(np.array([7.0])), [6.5, 7.5])
    with pytest.raises(DataError, match="must rise or fall strictly"):
        cell_bounds(np.array([0.0, 1.0, 1.0]))


def test_gaussian_latitudes_by_hand() -> None:
    """The roots of P₂ are ±1/√3 with weight 1, those of P₃ are 0 and ±√0.6 with weights 8/9 and 5/9."""
    lat, weights = gauss_legendre(2)
    np.testing.assert_allclose(np.sin(np.radians(lat)), [3**-0.5, -(3**-0.5)])
    np.testing.assert_allclose(weights, [1, 1])
    lat, weights = gauss_legendre(3)
    np.testing.assert_allclose(np.sin(np.radians(lat)), [0.6**0.5, 0, -(0.6**0.5)], atol=1e-15)
    np.testing.assert_allclose(weights, [5 / 9, 8 / 9, 5 / 9])


def test_curvilinear_areas_are_those_of_zones() -> None:
    """Away from the border a cell of a latitude-longitude grid has (sin φ₂ − sin φ₁) Δλ steradian."""
    lat, lon = np.meshgrid(np.arange(-60, 61, 1.0), np.arange(170, 190, 1.0), indexing="ij")
    exact = (np.sin(np.radians(lat + 0.5)) - np.sin(np.radians(lat - 0.5))) * np.radians(1.0)
    np.testing.assert_allclose(curvilinear_areas(lat, lon)[1:-1, 1:-1], exact[1:-1, 1:-1], rtol=2e-4)


@pytest.mark.parametrize("lost", range(16))
def test_a_globe_without_one_of_sixteen_equal_areas_is_a_region(lost: int) -> None:
    band, quadrant = np.divmod(np.arange(16), 4)
    lat, lon = np.degrees(np.arcsin((band - 1.5) / 2)), 90.0 * quadrant + 45
    assert spans_globe(lat, lon)
    assert not spans_globe(np.delete(lat, lost), np.delete(lon, lost))


@pytest.mark.parametrize(
    "east",
    [
        (0, 90, 180, 270),
        (89.9, 179.9, 269.9, 359.9),
        (0, 90, 180, -90),
        (89.9, 179.9, 269.9, -0.1),
        (0, 90, 180, -90, -1e-20),  # the last one, modulo 360, is 360
    ],
)
def test_quadrants_begin_at_multiples_of_90_degrees(east: tuple[float, ...]) -> None:
    lat, lon = np.meshgrid([-75.0, -15.0, 15.0, 75.0], east)
    assert spans_globe(lat.ravel(), lon.ravel())


def test_a_pole_belongs_to_the_band_beside_it() -> None:
    lat, lon = np.meshgrid([-90.0, -75.0, -15.0, 15.0, 75.0, 90.0], [45.0, 135.0, 225.0, 315.0])
    assert spans_globe(lat.ravel(), lon.ravel())


@pytest.mark.parametrize("shape", [(2, 2), (2, 5), (5, 2)])
def test_a_projected_grid_of_two_rows_or_columns_has_areas(shape: tuple[int, int]) -> None:
    lat, lon = np.meshgrid(np.arange(shape[0]) * 1e-3, np.arange(shape[1]) * 1e-3, indexing="ij")
    np.testing.assert_allclose(curvilinear_areas(lat, lon), np.full(shape, np.radians(1e-3) ** 2), rtol=1e-6)


@pytest.mark.parametrize(
    ("latitudes", "longitudes"), [((4,), (4,)), ((1, 4), (1, 4)), ((4, 1), (4, 1)), ((3, 4), (4, 3))]
)
def test_what_is_no_projected_grid_is_refused(latitudes: tuple[int, ...], longitudes: tuple[int, ...]) -> None:
    with pytest.raises(DataError) as error:
        curvilinear_areas(np.zeros(latitudes), np.zeros(longitudes))
    assert error.value.message == (
        "a curvilinear grid needs latitudes and longitudes of one shape [y, x] from 2 × 2 on, "
        f"got {latitudes} and {longitudes}"
    )
    assert error.value.fix == "use Grid.unstructured for a list of points"


@given(latitudes, st.floats(-23.44, 23.44), st.floats(-180, 180))
def test_the_zenith_angle_is_the_distance_to_the_point_below_the_sun(
    latitude: float, declination: float, hour: float
) -> None:
    cosine = zenith_cosine(np.radians(latitude), np.radians(declination), np.radians(hour))
    assert cosine == pytest.approx(np.sum(point(latitude, hour) * point(declination, 0)), abs=1e-12)


def test_zenith_angles_by_hand() -> None:
    """At noon |φ − δ|; at midnight on a pole 90° − δ; on the equator at an equinox the hour angle."""
    assert np.degrees(np.arccos(zenith_cosine(np.radians(50), np.radians(20), np.array(0.0)))) == pytest.approx(30)
    assert np.degrees(np.arccos(zenith_cosine(np.radians(90), np.radians(20), np.array(np.pi)))) == pytest.approx(70)
    np.testing.assert_allclose(np.arccos(zenith_cosine(np.zeros(2), 0.0, np.array([0.5, 2.0]))), [0.5, 2.0])


def test_latitudes_that_turn_are_refused() -> None:
    with pytest.raises(DataError) as error:
        cell_bounds(np.array([0.0, 1.0, 0.5]))
    assert error.value.message == "coordinates of a regular grid must rise or fall strictly, got others"
    assert error.value.fix == "sort the axis"
