"""The areas that nodes stand for, and the nodes at the edge of a region."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import SphericalVoronoi
from wxml import Grid, NodeSet
from wxml.data.sphere import from_unit_vectors, spans_globe
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.attributes.area import Area
from wxml_graph_builders.attributes.masks import boundary_mask
from wxml_graph_builders.meshes.triangles import Triangles
from wxml_graph_builders.voronoi import cell_areas

Array = np.ndarray[Any, Any]
EARTH = 4 * np.pi * 6_371_000.0**2


def nodes_of(grid: Grid) -> MeshNodes:
    return MeshNodes(NodeSet.of_grid(grid))


def placed(points: Array) -> MeshNodes:
    return MeshNodes(NodeSet(*from_unit_vectors(points)))


def scattered(count: int, seed: int = 0) -> Array:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def areas(grid: Grid, **options: Any) -> Array:
    nodes = nodes_of(grid)
    return Area(**options).values(nodes, BuildContext(grid, {"grid": nodes}))


def ten_degrees_with_a_patch_of_one() -> Grid:
    """A 10° globe without the poles, whose cells between 40 and 50°N, 0 and 10°E are replaced by those of 1°."""
    coarse = np.meshgrid(np.arange(-85.0, 90, 10), np.arange(5.0, 360, 10), indexing="ij")
    fine = np.meshgrid(np.arange(40.5, 50), np.arange(0.5, 10), indexing="ij")
    kept = ~((coarse[0] == 45) & (coarse[1] == 5))
    latitudes, longitudes = (np.concatenate([coarse[i][kept], fine[i].ravel()]) for i in (0, 1))
    return Grid.unstructured(latitudes, longitudes)


@settings(max_examples=20, deadline=None)
@given(st.integers(60, 300), st.integers(0, 1000))
def test_the_areas_are_those_of_another_implementation(count: int, seed: int) -> None:
    points = scattered(count, seed)
    assume(spans_globe(*from_unit_vectors(points)))  # else the edge of a region is looked for
    found = cell_areas(placed(points))
    np.testing.assert_allclose(found, SphericalVoronoi(points).calculate_areas(), rtol=1e-6)
    assert found.sum() == pytest.approx(4 * np.pi)


def test_the_nodes_of_an_icosahedron_have_equal_areas() -> None:
    np.testing.assert_allclose(cell_areas(Triangles(refinement=0).build(BuildContext(Grid.healpix(1)))), 4 * np.pi / 12)


def test_cells_of_a_regular_grid_end_halfway_along_meridians() -> None:
    """Away from the poles a cell is what lies between the middles, to within the curvature of a parallel."""
    grid = Grid.regular(np.arange(-88.0, 90, 4), np.arange(0.0, 360, 4))
    found = areas(grid, unit="steradian").reshape(45, 90)
    rows = np.abs(np.sin(np.radians(np.arange(-88, 90, 4) + 2)) - np.sin(np.radians(np.arange(-88, 90, 4) - 2)))
    np.testing.assert_allclose(found[2:-2], np.tile((rows * np.radians(4))[2:-2, None], 90), rtol=2e-3)
    assert found.sum() == pytest.approx(4 * np.pi)


def test_a_fine_patch_on_a_coarse_globe_has_its_share() -> None:
    """Sum 4π; inside of the patch 1° × 1°, far away 10° × 10°, whatever the order of the nodes."""
    grid = ten_degrees_with_a_patch_of_one()
    found = areas(grid, unit="steradian")
    assert found.sum() == pytest.approx(4 * np.pi)
    fine = (np.abs(grid.latitudes - 45) < 3) & (np.abs(grid.longitudes - 5) < 3)
    expected = np.radians(1) * (np.sin(np.radians(grid.latitudes + 0.5)) - np.sin(np.radians(grid.latitudes - 0.5)))
    np.testing.assert_allclose(found[fine], expected[fine], rtol=2e-3)
    far = (np.abs(grid.longitudes - 185) < 90) & (np.abs(grid.latitudes) < 60)
    expected = np.radians(10) * (np.sin(np.radians(grid.latitudes + 5)) - np.sin(np.radians(grid.latitudes - 5)))
    np.testing.assert_allclose(found[far], expected[far], rtol=5e-3)
    order = np.random.default_rng(1).permutation(len(grid))
    again = areas(Grid.unstructured(grid.latitudes[order], grid.longitudes[order]), unit="steradian")
    np.testing.assert_allclose(again, found[order], rtol=1e-9)


def test_areas_turn_with_the_nodes() -> None:
    points = scattered(200, 3)
    turn, _ = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))
    np.testing.assert_allclose(cell_areas(placed(points @ turn)), cell_areas(placed(points)), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_nodes_share_the_sphere(count: int) -> None:
    """One has all of it, two have half of it each, three on the equator a third each."""
    around = np.arange(count) * 2 * np.pi / count
    points = np.stack([np.cos(around), np.sin(around), 0 * around], axis=1)
    np.testing.assert_allclose(cell_areas(placed(points)), 4 * np.pi / count)


def test_nodes_on_one_circle_have_lunes() -> None:
    """Azimuths 0, 90 and 180: half of the gaps of 90, 90 and 180 degrees on either side."""
    longitudes = np.array([0.0, 90.0, 180.0])
    found = cell_areas(MeshNodes(NodeSet(np.full(3, 50.0), longitudes)))
    np.testing.assert_allclose(found, 2 * np.radians([135, 90, 135]))


def test_nodes_at_one_place_share_its_cell() -> None:
    points = scattered(100, 2)
    twice = np.concatenate([points, points[:3], points[:1]])
    found, alone = cell_areas(placed(twice)), cell_areas(placed(points))
    np.testing.assert_allclose(found[[0, 100, 103]], alone[0] / 3)
    np.testing.assert_allclose(found[[1, 101]], alone[1] / 2)
    np.testing.assert_allclose(found[3:100], alone[3:])


def test_nodes_at_the_edge_of_a_region_have_the_area_of_the_nearest_inside() -> None:
    """A region of 1°: every node has about the area of 1° × 1° at its latitude or at that of its neighbour."""
    region = Grid.regular(np.arange(60.0, 39, -1), np.arange(0.0, 21))
    found = areas(region, unit="m2").reshape(21, 21)
    steps = np.radians(1) * 6_371_000
    expected = steps**2 * np.cos(np.radians(np.arange(60.0, 39, -1)))
    np.testing.assert_allclose(found[1:-1, 1:-1], np.tile(expected[1:-1, None], 19), rtol=1e-3)
    np.testing.assert_allclose(found[0, 1:-1], found[1, 1:-1])
    np.testing.assert_allclose(found[:, 0], found[:, 1])


def test_a_region_across_the_date_line_has_the_areas_of_one_elsewhere() -> None:
    latitudes = np.arange(60.0, 39, -2)
    here, there = (areas(Grid.regular(latitudes, west + np.arange(0.0, 21, 2)), unit="m2") for west in (0, 170))
    np.testing.assert_allclose(here, there, rtol=1e-6)


def test_exact_areas_are_those_of_the_grid() -> None:
    grid = Grid.octahedral(8)
    np.testing.assert_array_equal(areas(grid, method="exact"), grid.area_weights)
    assert areas(grid, method="exact", unit="m2").sum() == pytest.approx(EARTH)


def test_bands_are_exact_on_equal_steps_of_latitude() -> None:
    """The nodes on a latitude share sin φ₂ − sin φ₁ of the middles."""
    grid = Grid.regular(np.array([60.0, 20.0, -20.0, -60.0]), np.arange(0.0, 360, 90))
    found = areas(grid, method="isolatitude").reshape(4, 4)
    bounds = np.sin(np.radians([90, 40, 0, -40, -90]))
    np.testing.assert_allclose(found, np.tile(-np.diff(bounds)[:, None] / 8, 4))


def test_the_cosine_of_the_latitude_and_equal_shares() -> None:
    grid = Grid.regular(np.array([60.0, 0.0, -60.0]), np.array([0.0, 120.0, 240.0]))
    np.testing.assert_allclose(areas(grid, method="cos-latitude").reshape(3, 3)[:, 0], np.array([1, 2, 1]) / 12)
    np.testing.assert_allclose(areas(grid, method="equal"), 1 / 9)


def test_the_nodes_of_a_mask_are_tessellated_alone() -> None:
    grid = Grid.octahedral(8)
    nodes = nodes_of(grid)
    half = np.arange(len(grid)) % 2 == 0
    masked = MeshNodes(nodes.nodes.with_attributes(half=half))
    found = Area(mask="half").values(masked, BuildContext(grid, {"grid": masked}))
    assert np.all(found[~half] == 0)
    np.testing.assert_allclose(found[half], cell_areas(nodes.subset(half)) / (4 * np.pi))


# The edge of a region


def rows_from_the_edge(height: int, width: int) -> Array:
    across, along = np.meshgrid(np.arange(width), np.arange(height))
    return np.minimum.reduce([across, along, width - 1 - across, height - 1 - along])


@pytest.mark.parametrize("width", [1, 2, 4])
def test_the_boundary_of_a_regular_grid_is_its_outermost_rows(width: int) -> None:
    region = Grid.regular(np.linspace(70, 40, 16), np.linspace(-20, 30, 20))
    found = boundary_mask(nodes_of(region), width_nodes=width).reshape(16, 20)
    assert np.array_equal(found, rows_from_the_edge(16, 20) < width)


@pytest.mark.parametrize("width", [1, 3])
def test_the_boundary_of_a_projected_grid_is_its_outermost_rows(width: int) -> None:
    """A grid in a Lambert projection, whose sides are no great circles."""
    y, x = np.meshgrid(np.linspace(-1, 1, 15), np.linspace(-1, 1, 18), indexing="ij")
    distance, azimuth = np.hypot(x * 1500, y * 1300) / 6371, np.arctan2(x * 1500, y * 1300)
    latitudes = 60 + np.degrees(distance * np.cos(azimuth))
    longitudes = 15 + np.degrees(distance * np.sin(azimuth) / np.cos(np.radians(latitudes)))
    found = boundary_mask(nodes_of(Grid.curvilinear(latitudes, longitudes)), width_nodes=width).reshape(15, 18)
    assert np.array_equal(found, rows_from_the_edge(15, 18) < width)


def test_a_boundary_in_km_is_as_wide_as_that() -> None:
    region = Grid.regular(np.linspace(10, -10, 21), np.linspace(0, 20, 21))
    found = boundary_mask(nodes_of(region), width_km=230).reshape(21, 21)
    assert np.array_equal(found, rows_from_the_edge(21, 21) <= 2)  # 2 degrees are 222 km
