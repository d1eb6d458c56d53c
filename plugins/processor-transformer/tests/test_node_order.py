"""Node orders against hand-worked numbers and geometry."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import Grid, NodeSet
from wxml.data.sphere import angular_distance
from wxml_processor_transformer.node_order import (
    face_coordinates,
    hilbert_order,
    node_order,
    ranks_among,
    reordered,
    z_order,
)

ORDERS = ["as-is", "latitude-bands", "healpix", "hilbert"]


def scattered(count: int, seed: int = 1) -> NodeSet:
    rng = np.random.default_rng(seed)
    return NodeSet(np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(0, 360, count))


@pytest.mark.parametrize("order", ORDERS)
def test_every_node_has_one_place(order: str) -> None:
    assert sorted(node_order(scattered(100), order)) == list(range(100))


def test_latitude_bands_run_from_north_to_south_and_then_east() -> None:
    nodes = NodeSet(np.array([0.0, 50, 50, 0, -90, 90]), np.array([350.0, 20, -340.5, 10, 0, 7]))
    assert node_order(nodes, "latitude-bands").tolist() == [5, 2, 1, 3, 0, 4]


def test_equal_places_keep_their_order() -> None:
    nodes = NodeSet(np.full(5, 12.0), np.full(5, 100.0))
    for order in ORDERS:
        assert node_order(nodes, order).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("levels", [0, 1, 4])
def test_each_healpix_cell_has_a_place_of_its_own(levels: int) -> None:
    """The centres of the 12 · 4^levels cells in ring order fill all faces, x and y once."""
    face, x, y = face_coordinates(NodeSet.of_grid(Grid.healpix(2**levels)), levels)
    number = (face << 2 * levels) + z_order(x, y, levels)
    assert sorted(number) == list(range(12 * 4**levels))


def test_nested_numbers_of_the_first_refinement() -> None:
    """Górski et al. 2005, figure 4: of face 0 (0° to 90° E, north) cell 3 is at the pole, 0 at the southern corner."""
    nodes = NodeSet(np.array([80.0, 41, 42, 5]), np.array([45.0, 67, 22, 45]))
    face, x, y = face_coordinates(nodes, 1)
    assert face.tolist() == [0, 0, 0, 0]
    assert z_order(x, y, 1).tolist() == [3, 1, 2, 0]


def test_faces_of_the_belt_and_the_south() -> None:
    longitudes = np.array([0.0, 90, 180, 270, 45, 135, 225, 315])
    face, _, _ = face_coordinates(NodeSet(np.repeat([0.0, -60.0], 4), longitudes), 0)
    assert face.tolist() == [4, 5, 6, 7, 8, 9, 10, 11]


def test_a_finer_nested_number_refines_the_coarser_one() -> None:
    nodes = scattered(500)
    face, x, y = face_coordinates(nodes, 6)
    coarse_face, coarse_x, coarse_y = face_coordinates(nodes, 5)
    assert np.array_equal(face, coarse_face)
    assert np.array_equal(z_order(x, y, 6) >> 2, z_order(coarse_x, coarse_y, 5))


@given(st.integers(1, 5))
def test_neighbours_on_hilberts_curve_share_a_side(levels: int) -> None:
    side = 2**levels
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    along = hilbert_order(x, y, levels)
    assert sorted(along) == list(range(side**2))
    place = np.argsort(along)
    assert np.array_equal(np.abs(np.diff(x[place])) + np.abs(np.diff(y[place])), np.ones(side**2 - 1))


def test_the_first_four_of_hilberts_curve() -> None:
    assert hilbert_order(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 1).tolist() == [0, 1, 2, 3]


def test_hilberts_curve_crosses_from_face_to_face_without_a_jump() -> None:
    """Steps between the centres of all 768 cells of 7.3° never exceed two cells; Z-order leaps."""
    cells = NodeSet.of_grid(Grid.healpix(8))
    leap = {}
    for order in ("hilbert", "healpix"):
        points = cells.points[node_order(cells, order)]
        leap[order] = np.degrees(angular_distance(points[1:], points[:-1]).max())
    assert leap["hilbert"] < 14.7
    assert leap["healpix"] > 60


def window_radius(order: str, nodes: NodeSet, width: int) -> float:
    points = nodes.points[node_order(nodes, order)]
    return float(np.mean(angular_distance(points[:-width], points[width:])))


def test_curves_keep_windows_compact() -> None:
    """Sixty places along a curve, of 4000, do not lead as far as around the globe."""
    nodes = scattered(4000)
    radius = {order: window_radius(order, nodes, 60) for order in ORDERS}
    assert radius["hilbert"] < 0.8 * radius["healpix"]
    assert radius["healpix"] < 0.7 * radius["latitude-bands"]
    assert radius["latitude-bands"] > 1


@pytest.mark.parametrize("order", ORDERS[1:])
def test_ranks_are_places_in_one_sequence(order: str) -> None:
    """A target at the place of source number r (in order) has the rank r; others lie between their neighbours."""
    sources = scattered(80)
    sources = reordered(sources, node_order(sources, order))
    some = NodeSet(sources.latitudes[::7], sources.longitudes[::7])
    assert ranks_among(some, sources, order).tolist() == list(range(0, 80, 7))
    between = ranks_among(scattered(300, seed=5), sources, order)
    assert all(first <= second for first, second in pairwise(between))
    assert (between.min(), between.max()) >= (0, 70)
    assert between.max() <= 79


def test_as_they_are_ranks_are_stretched() -> None:
    """The middles of 2 targets among 8 sources are at 2 and 6."""
    assert ranks_among(scattered(2), scattered(8), "as-is").tolist() == [2, 6]
    assert ranks_among(scattered(8), scattered(2), "as-is").tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert ranks_among(scattered(6), scattered(6), "as-is").tolist() == list(range(6))
