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
    ],
)
def test_directions_by_hand(
    source: tuple[float, float], target: tuple[float, float], east_north: tuple[float, float]
) -> None:
    np.testing.assert_allclose(local_direction(point(*source), point(*target)), east_north, atol=1e-12)


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
