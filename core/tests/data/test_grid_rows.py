"""Which grids have rows around the globe, and that sums over the rows are integrals."""

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from wxml import Grid
from wxml.data.grid_rows import quadrature, rows_of
from wxml.testing.tiny_graphs import tiny_parts

GLOBAL = {
    "equal distances": Grid.regular(85 - 10 * np.arange(18), 10 * np.arange(36)),
    "with the poles": Grid.regular(90 - 10 * np.arange(19), 10 * np.arange(36)),
    "from south to north, westward from 180": Grid.regular(-85 + 10 * np.arange(18), 180 - 10 * np.arange(36)),
    "without the poles": Grid.regular(80 - 10 * np.arange(17), 10 * np.arange(36)),
    "octahedral": Grid.octahedral(8),
    "reduced": Grid.reduced_gaussian([18, 25, 36, 40, 40, 36, 25, 18]),
    "HEALPix": Grid.healpix(16),
}
OTHERS = {
    "a region": Grid.regular([62, 56, 50, 44], [0, 6, 12, 18, 24]),
    "a belt": Grid.regular(np.arange(40.0, -41.0, -4.0), 10 * np.arange(36)),
    "a gap in the longitudes": Grid.regular(85 - 10 * np.arange(18), 10 * np.arange(35)),
    "scattered": Grid.unstructured(*np.random.default_rng(0).uniform([[-90], [0]], [[90], [360]], (2, 200))),
    "several grids": tiny_parts(),
    "two rows": Grid.regular([45, -45], 10 * np.arange(36)),
}


@pytest.mark.parametrize("name", GLOBAL)
def test_rows_go_south_and_eastward(name):
    grid = GLOBAL[name]
    rows = rows_of(grid)
    assert np.all(np.diff(rows.latitudes) < 0)
    assert np.array_equal(np.sort(np.concatenate(rows.nodes)), np.arange(len(grid)))
    for latitude, first, nodes in zip(rows.latitudes, rows.first, rows.nodes, strict=True):
        assert np.allclose(grid.latitudes[nodes], latitude)
        expected = first + 360 / len(nodes) * np.arange(len(nodes))
        assert np.allclose(np.mod(grid.longitudes[nodes] - expected + 1, 360), 1)


@pytest.mark.parametrize("name", OTHERS)
def test_other_grids_have_no_rows(name):
    assert rows_of(OTHERS[name]) is None


def test_places_that_a_file_has_rounded_are_rows():
    exact = Grid.octahedral(8)
    rounded = Grid.unstructured(exact.latitudes.round(4), exact.longitudes.round(3))
    rows, expected = rows_of(rounded), rows_of(exact)
    assert all(np.array_equal(a, b) for a, b in zip(rows.nodes, expected.nodes, strict=True))
    assert np.array_equal(quadrature(rows.latitudes).points, quadrature(expected.latitudes).points)


@pytest.mark.parametrize("name", GLOBAL)
def test_sums_over_rows_are_integrals_of_polynomials(name):
    rows = rows_of(GLOBAL[name])
    found = quadrature(rows.latitudes)
    assert found.weights.sum() == pytest.approx(2, abs=1e-14)
    assert np.all(found.weights > 0)
    rng = np.random.default_rng(1)
    for _ in range(20):
        polynomial = Polynomial(rng.normal(size=found.degree + 1))
        integral = polynomial.integ()(1.0) - polynomial.integ()(-1.0)
        assert polynomial(found.points) @ found.weights == pytest.approx(integral, abs=1e-11)


@pytest.mark.parametrize(
    ("name", "degree"),
    [("equal distances", 17), ("with the poles", 18), ("octahedral", 31), ("reduced", 15), ("HEALPix", 54)],
)
def test_the_degree_is_that_of_the_rule(name, degree):
    assert quadrature(rows_of(GLOBAL[name]).latitudes).degree == degree


def test_rows_at_equal_distances_with_the_poles_have_the_weights_of_clenshaw_and_curtis():
    # on the rows −1, −½√2, 0, ½√2, 1 these are 1/15, 8/15, 12/15, 8/15, 1/15
    weights = quadrature(np.array([90.0, 45.0, 0.0, -45.0, -90.0])).weights
    assert weights == pytest.approx(np.array([1, 8, 12, 8, 1]) / 15)


def test_rows_that_crowd_have_no_weights():
    assert quadrature(np.concatenate([[89.0], np.linspace(10.0, -10.0, 30), [-89.0]])) is None
