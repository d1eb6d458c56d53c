"""Means over the cells of any grid: polygons on the sphere."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml.data.sphere import from_unit_vectors, unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.cell_polygons import cell_polygons
from wxml_dataset_sources.combining.cells import cells
from wxml_dataset_sources.combining.overlaps import overlaps
from wxml_dataset_sources.combining.polygon_overlaps import polygon_overlaps
from wxml_dataset_sources.combining.polygons import areas, clipped, triangles
from wxml_dataset_sources.combining.weights import interpolation_weights

carries_out = pytest.mark.carries_out


def scattered(count: int, seed: int = 0) -> Grid:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return Grid.unstructured(*from_unit_vectors(points / np.linalg.norm(points, axis=1, keepdims=True)))


def rotated(spacing: float, size: int) -> Grid:
    """A grid around 0°N 0°E whose pole lies at 40°N 170°E."""
    lat, lon = np.meshgrid(
        spacing * (np.arange(size) - size / 2), spacing * (np.arange(size) - size / 2), indexing="ij"
    )
    turn = np.radians(50.0)
    x, y, z = np.moveaxis(unit_vectors(lat, lon), -1, 0)
    turned = np.stack([x * np.cos(turn) - z * np.sin(turn), y, x * np.sin(turn) + z * np.cos(turn)], axis=-1)
    return Grid.curvilinear(*from_unit_vectors(turned))


GLOBAL = {
    "healpix": Grid.healpix(4),
    "backwards": Grid.unstructured(*(getattr(Grid.healpix(4), axis)[::-1] for axis in ("latitudes", "longitudes"))),
    "finer": Grid.healpix(8),
    "octahedral": Grid.octahedral(8),
    "regular": Grid.regular(np.arange(90, -91, -15), np.arange(-180, 180, 15)),
    "scattered": scattered(300),
    "others": scattered(200, 1),
}
PIECES = {name: cell_polygons(grid, name) for name, grid in GLOBAL.items()}


def sizes(name: str) -> np.ndarray:
    """The areas of the cells as shares of the sphere."""
    pieces = PIECES[name]
    return np.bincount(pieces.nodes, areas(pieces.corners), pieces.size) / (4 * np.pi)


def triangle(*corners: tuple[float, float]) -> np.ndarray:
    return unit_vectors(*np.array(corners, float).T)[None]


def test_areas_by_hand():
    octant = triangle((0, 0), (0, 90), (90, 0))
    np.testing.assert_allclose(areas(octant), np.pi / 2)
    np.testing.assert_allclose(areas(octant[:, ::-1]), -np.pi / 2)
    small = triangle((0, 0), (0, 1e-3), (1e-3, 0))
    np.testing.assert_allclose(areas(small), np.radians(1e-3) ** 2 / 2, rtol=1e-8)
    padded = np.concatenate([octant, octant[:, -1:], octant[:, -1:]], axis=1)
    np.testing.assert_allclose(areas(padded), np.pi / 2)


def test_what_two_octants_share_by_hand():
    octant = triangle((0, 0), (0, 90), (90, 0))
    turned = triangle((0, 30), (0, 120), (90, 0))
    left, shared = clipped(octant, turned)
    assert left.tolist() == [0]
    np.testing.assert_allclose(areas(shared), np.radians(60))  # a lune of 60°, to the equator
    np.testing.assert_allclose(areas(clipped(octant, triangle((0, 100), (0, 190), (90, 0)))[1]), 0, atol=1e-15)
    assert clipped(octant, triangle((-80, 145), (-1, 190), (-1, 100)))[0].tolist() == []
    np.testing.assert_allclose(areas(clipped(octant, octant)[1]), np.pi / 2)


def test_a_polygon_that_is_not_convex_is_the_sum_of_its_triangles():
    arrow = triangle((-10, 0), (0, 3), (10, 0), (0, 20))  # its second corner points inwards
    parts, signs = triangles(arrow)
    assert set(signs.ravel()) == {-1.0, 1.0}
    np.testing.assert_allclose((areas(parts[0]) * signs[0]).sum(), areas(arrow)[0])


@pytest.mark.parametrize("name", GLOBAL)
def test_the_cells_of_a_grid_fill_the_sphere_and_hold_their_nodes(name):
    grid, pieces = GLOBAL[name], PIECES[name]
    assert sizes(name).sum() == pytest.approx(1.0, abs=1e-12)
    assert areas(pieces.corners).min() > 0
    if name not in ("scattered", "others"):  # the sides of HEALPix and of rows are no great circles
        np.testing.assert_allclose(sizes(name), grid.area_weights, rtol=0.03 if len(grid) % 12 == 0 else 0.01)
        assert np.abs(sizes(name) / grid.area_weights - 1).mean() < 0.006
    places = unit_vectors(grid.latitudes, grid.longitudes)
    middle = pieces.corners.mean(axis=1)
    nearest = np.argmax(places @ middle.T, axis=0)
    assert np.mean(nearest == pieces.nodes) > 0.85


@settings(max_examples=settings.default.max_examples // 7, deadline=None)
@given(source=st.sampled_from(list(GLOBAL)), target=st.sampled_from(list(GLOBAL)), seed=st.integers(0, 1000))
def test_a_constant_and_the_integral_are_kept(source, target, seed):
    weights = polygon_overlaps(PIECES[source], PIECES[target])
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-10)
    np.testing.assert_allclose(sizes(target) @ weights, sizes(source), rtol=1e-10, atol=1e-14)
    values = np.random.default_rng(seed).lognormal(sigma=2, size=len(GLOBAL[source]))
    assert sizes(target) @ (weights @ values) == pytest.approx(sizes(source) @ values, rel=1e-10)
    assert values.min() * (1 - 1e-9) <= (weights @ values).min()
    assert (weights @ values).max() <= values.max() * (1 + 1e-9)


@pytest.mark.parametrize(("source", "target"), [("octahedral", "regular")])
def test_polygons_agree_with_the_exact_boxes(source, target):
    exact = overlaps(cells(GLOBAL[source]), cells(GLOBAL[target]))
    found = polygon_overlaps(PIECES[source], PIECES[target])
    assert np.abs(found - exact).max() < 3e-3


def test_the_four_cells_inside_of_a_cell_of_healpix():
    """HEALPix is made of cells of which four are one of the next coarser level."""
    weights = polygon_overlaps(PIECES["finer"], PIECES["healpix"])
    largest = np.sort(weights.toarray(), axis=1)[:, ::-1]
    np.testing.assert_allclose(largest[:, :4], 0.25, atol=0.02)
    assert largest[:, 4:].sum(axis=1).max() < 0.03  # sides that are great circles are not quite those of HEALPix


def test_shares_by_counting_points():
    """Points are counted in the cells of a Voronoi diagram, which are those that are nearer to no other node."""
    source, target, fine = GLOBAL["octahedral"], scattered(12, 2), Grid.healpix(32)
    weights = polygon_overlaps(PIECES["octahedral"], cell_polygons(target, "to"))
    points = unit_vectors(fine.latitudes, fine.longitudes)
    own = np.argmax(unit_vectors(target.latitudes, target.longitudes) @ points.T, axis=0)
    smooth = unit_vectors(source.latitudes, source.longitudes)
    counted = np.stack([np.bincount(own, axis) / np.bincount(own) for axis in points.T], axis=1)
    np.testing.assert_allclose(weights @ smooth, counted, atol=0.01)


def test_a_projected_grid_in_a_region():
    source = rotated(1.0, 20)
    target = Grid.regular(np.arange(58, 42, -2.0), np.arange(-6, 7, 2.0))
    weights = interpolation_weights(source, target, "conservative")
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-9)
    smooth = unit_vectors(source.latitudes, source.longitudes)
    places = unit_vectors(target.latitudes, target.longitudes)
    assert np.abs(weights @ smooth - places).max() < 0.01
    around = Grid.regular(np.arange(90, -91, -10), np.arange(0, 360, 10))
    with pytest.raises(DataError, match="of 684 nodes of `to` are outside of the grid of `source`"):
        interpolation_weights(source, around, "conservative")
    back = interpolation_weights(around, source, "conservative")
    np.testing.assert_allclose(back.sum(axis=1), 1.0, rtol=1e-9)


def test_the_cells_of_a_projected_grid_have_its_areas_and_touch():
    for grid in (rotated(1.0, 20), rotated(0.25, 12)):
        corners = cell_polygons(grid, "it").corners
        np.testing.assert_allclose(areas(corners) / areas(corners).sum(), grid.area_weights, rtol=5e-3)
        _, shared = clipped(corners[:-1], corners[1:])
        assert np.abs(areas(shared)).max(initial=0) < 1e-12  # neighbours share an edge, and nothing else


def test_a_region_of_scattered_nodes_ends_near_its_outermost_ones():
    random = np.random.default_rng(3)
    grid = Grid.regular(np.arange(50, 40.9, -0.5), np.arange(0, 9.1, 0.5))
    jittered = [getattr(grid, axis) + random.uniform(-0.1, 0.1, len(grid)) for axis in ("latitudes", "longitudes")]
    corners = cell_polygons(Grid.unstructured(*jittered), "it").corners
    latitudes, longitudes = from_unit_vectors(corners)
    assert 40.2 < latitudes.min() < 40.9
    assert 50.1 < latitudes.max() < 50.8
    assert 9.1 < np.mod(longitudes + 180, 360).max() - 180 < 10.0
    boxes = cell_polygons(grid, "it").corners
    inner = np.zeros(grid.shape, bool)
    inner[1:-1, 1:-1] = True
    assert areas(corners)[inner.ravel()].sum() == pytest.approx(areas(boxes)[inner.ravel()].sum(), rel=0.03)
    assert areas(corners).sum() == pytest.approx(areas(boxes).sum(), rel=0.02)


def box(north: float, south: float, west: float, east: float) -> float:
    return float(np.radians(east - west) * (np.sin(np.radians(north)) - np.sin(np.radians(south))))


def area_of_list(latitudes: np.ndarray, longitudes: np.ndarray) -> float:
    cells = cell_polygons(Grid.unstructured(np.ravel(latitudes), np.ravel(longitudes)), "it")
    assert areas(cells.corners).min() > 0
    return float(areas(cells.corners).sum())


@pytest.mark.parametrize("wide", [0.05, 0.1, 0.5, 2.0])
def test_a_list_of_rows_has_the_area_of_its_boxes_however_near_the_nodes_of_a_row_are(wide):
    """From 50.25 to 40.75°N, and half a cell beyond the outermost nodes of each row; parallels are no great circles."""
    lat, lon = np.meshgrid(np.arange(50, 40.9, -0.5), np.arange(0, 9.1, wide), indexing="ij")
    expected = box(50.25, 40.75, -wide / 2, lon.max() + wide / 2)
    assert area_of_list(lat, lon) == pytest.approx(expected, rel=2e-3)


@settings(max_examples=settings.default.max_examples // 7, deadline=None)
@given(seed=st.integers(0, 1000), jitter=st.floats(0, 0.1), turn=st.floats(0, 360), tilt=st.floats(-80, 80))
def test_the_area_of_jittered_nodes_is_about_that_of_their_boxes_wherever_they_are(seed, jitter, turn, tilt):
    random = np.random.default_rng(seed)
    lat, lon = np.meshgrid(np.arange(-5, 5.1, 0.5), np.arange(-5, 5.1, 0.5), indexing="ij")
    lat, lon = (each + random.uniform(-jitter, jitter, each.shape) for each in (lat, lon))
    x, y, z = np.moveaxis(unit_vectors(lat, lon), -1, 0)
    turned = np.stack(
        [
            x * np.cos(np.radians(tilt)) - z * np.sin(np.radians(tilt)),
            y,
            x * np.sin(np.radians(tilt)) + z * np.cos(np.radians(tilt)),
        ],
        axis=-1,
    )
    latitudes, longitudes = from_unit_vectors(turned)
    assert area_of_list(latitudes, longitudes + turn) == pytest.approx(box(5.25, -5.25, -5.25, 5.25), rel=0.025)


def test_hexagons_and_a_region_with_a_bay_and_a_hole():
    rows = np.arange(-20, 21)
    lat, lon = np.meshgrid(rows * 0.5 * np.sqrt(0.75), rows * 0.5, indexing="ij")
    one = 0.25 * np.sqrt(0.75) * np.radians(1) ** 2
    assert area_of_list(lat, lon + 0.25 * (rows % 2)[:, None]) == pytest.approx(lat.size * one, rel=0.01)
    lat, lon = np.meshgrid(np.arange(-5, 5.1, 0.5), np.arange(-5, 5.1, 0.5), indexing="ij")
    square = 0.25 * np.radians(1) ** 2
    bay = ~((lat > 0.1) & (lon > 0.1))
    assert area_of_list(lat[bay], lon[bay]) == pytest.approx(bay.sum() * square, rel=0.01)
    ring = ~((np.abs(lat) < 2.1) & (np.abs(lon) < 2.1))
    assert area_of_list(lat[ring], lon[ring]) == pytest.approx(ring.sum() * square, rel=0.02)


def test_few_nodes_have_cells():
    for count in (3, 4, 5):
        around = np.arange(count) * 2 * np.pi / count
        assert 0 < area_of_list(10 + np.sin(around), np.cos(around)) < 30 * np.radians(1) ** 2


@carries_out("leave one of them out with `subset`, or write `method: bilinear`")
def test_two_nodes_at_one_place_have_no_cells():
    twice = Grid.unstructured([10.0, 10.0, 50.0, -20.0, 3.0], [0.0, 0.0, 90.0, 180.0, 270.0])
    with pytest.raises(DataError, match="two nodes of `source` are at one place, and have no cells: node 0"):
        interpolation_weights(twice, GLOBAL["healpix"], "conservative")
    once = Grid.unstructured(twice.latitudes[1:], twice.longitudes[1:])
    assert interpolation_weights(once, GLOBAL["healpix"], "conservative").shape == (192, 4)
    near = Grid.regular([20.0, 10.0, 0.0], [-10.0, 0.0, 10.0])
    assert interpolation_weights(near, Grid.unstructured([5.0, 5.0], [1.0, 1.0]), "bilinear").shape == (2, 9)
