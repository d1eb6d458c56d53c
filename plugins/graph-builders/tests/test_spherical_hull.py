"""The spherical convex hull against non-negative combinations of the nodes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import nnls
from wxml.data.sphere import angular_distance, unit_vectors
from wxml_graph_builders.region import Region, SphericalHull


def cloud(generator, count, middle, width):
    points = middle + width * generator.normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(3, 30), st.floats(1e-3, 0.5))
def test_inside_means_a_combination_of_the_nodes(seed, count, width) -> None:
    generator = np.random.default_rng(seed)
    middle = cloud(generator, 1, np.zeros(3), 1.0)[0]
    nodes = cloud(generator, count, middle, width)
    hull = SphericalHull.around(nodes)
    queries = np.concatenate([cloud(generator, 30, middle, width), cloud(generator, 10, np.zeros(3), 1.0)])
    if hull is None:
        assert (nodes @ nodes.mean(axis=0)).min() <= 0.02 * np.linalg.norm(nodes.mean(axis=0))
        return
    residuals = np.array([nnls(nodes.T, query)[1] for query in queries])
    sure = (residuals < 1e-13) | (residuals > 1e-9)
    np.testing.assert_array_equal(hull.contains(queries)[sure], residuals[sure] < 1e-13)


def test_an_octant_by_hand() -> None:
    hull = SphericalHull.around(np.eye(3))
    latitudes, longitudes = np.array([10.0, 10, -1, 89, 45]), np.array([10.0, 91, 45, 30, 359])
    points = unit_vectors(latitudes, longitudes)
    assert hull.contains(points).tolist() == [True, False, False, True, False]
    assert hull.contains(points, slack=np.radians(1.5)).tolist() == [True, True, True, True, True]
    assert not hull.contains(-points[:1], slack=np.radians(1.5)).any()


@pytest.mark.parametrize(
    "nodes",
    [
        np.eye(3)[:1],
        np.eye(3)[:2],
        unit_vectors(np.zeros(5), np.arange(5.0)),
        np.concatenate([np.eye(3), -np.eye(3)]),
        unit_vectors(np.tile([-20.0, 20.0], 36), np.arange(72) * 5.0),
    ],
    ids=["one", "two", "along the equator", "everywhere", "a belt"],
)
def test_no_hull(nodes) -> None:
    assert SphericalHull.around(nodes) is None


def test_outline_runs_along_the_sides() -> None:
    outline = SphericalHull.around(np.eye(3)).outline(np.radians(9.5))
    assert len(outline) == 30  # three sides of 90 degrees in ten pieces each
    np.testing.assert_allclose(np.linalg.norm(outline, axis=1), 1, atol=1e-12)
    np.testing.assert_allclose(outline.min(axis=1), 0, atol=1e-12)  # each on a side of the octant
    steps = angular_distance(outline, np.roll(outline, -1, axis=0))
    np.testing.assert_allclose(np.degrees(steps), 9)


def test_neighbourhood_by_hand() -> None:
    corners = unit_vectors(np.array([0.0, 0, 40, 40]), np.array([350.0, 30, 30, 350]))
    around = Region.of(corners).around(np.radians(2))
    probes = unit_vectors(np.array([20.0, -1.9, -2.5, 60, -1.9, -1.5]), np.array([10.0, 10, 10, 10, 348, 349]))
    assert around.holds(probes).tolist() == [True, True, False, False, False, True]
    assert around.holds(probes, slack=np.radians(1)).tolist() == [True, True, True, False, True, True]


def test_neighbourhood_of_nodes_without_a_hull() -> None:
    around = Region.of(unit_vectors(np.array([0.0, 0]), np.array([0.0, 90]))).around(0.1)
    assert around.holds(unit_vectors(np.zeros(3), np.array([5.0, 45, 95]))).tolist() == [True, False, True]
