"""Meshes against closed forms, brute force and each other."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull
from wxml import Grid, NodeSet, create
from wxml.data.sphere import healpix_centres, unit_vectors
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.areas import AreaOptions, Box, Polygon, arc_distance
from wxml_graph_builders.divided_icosahedron import divided_icosahedron
from wxml_graph_builders.healpix import cell_centres, cell_corners, cells_of
from wxml_graph_builders.icosphere import icosphere
from wxml_graph_builders.meshes.healpix import Healpix
from wxml_graph_builders.meshes.hexagons import Hexagons
from wxml_graph_builders.meshes.latitude_longitude import LatitudeLongitude
from wxml_graph_builders.meshes.limited import Limited
from wxml_graph_builders.meshes.reduced_gaussian import ReducedGaussian
from wxml_graph_builders.meshes.stretched import FinerArea, Stretched
from wxml_graph_builders.meshes.triangles import Triangles

GLOBE = Grid.octahedral(4)


def context(grid: Grid = GLOBE) -> BuildContext:
    return BuildContext(grid, {"grid": MeshNodes(NodeSet.of_grid(grid))})


def scattered(count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return points / np.linalg.norm(points, axis=1, keepdims=True)


@pytest.mark.parametrize("refinement", [0, 1, 2, 4])
def test_triangles_obey_euler(refinement: int) -> None:
    """Nodes − edges + faces = 2, with 10 · 4^r + 2 nodes, and 60 · 4^k directed edges on level k."""
    mesh = Triangles(refinement=refinement).build(context())
    assert len(mesh) == 10 * 4**refinement + 2
    assert [len(pairs) for pairs in mesh.levels] == [60 * 4**level for level in range(refinement + 1)]
    assert mesh.cells is not None
    assert len(mesh) - len(mesh.levels[-1]) // 2 + len(mesh.cells) == 2


@pytest.mark.parametrize("divisions", [1, 2, 3, 5, 8])
def test_hexagons_obey_euler(divisions: int) -> None:
    points, triangles = divided_icosahedron(divisions)
    assert len(points) == 10 * divisions**2 + 2
    assert len(triangles) == 20 * divisions**2
    neighbours = np.bincount(Hexagons(divisions=divisions).build(context()).levels[0][:, 0])
    assert sorted(np.unique(neighbours)) == ([5] if divisions == 1 else [5, 6])
    assert np.sum(neighbours == 5) == 12
    assert np.all(np.linalg.det(points[triangles]) > 0)  # anticlockwise as seen from outside


def test_two_divisions_are_one_refinement() -> None:
    """The middle of a side is the same node, however it is found."""
    points, fine = divided_icosahedron(2)[0], icosphere(1).points
    assert np.abs(points[:, None] - fine).sum(axis=2).min(axis=1).max() < 1e-12


areas = st.one_of(
    st.tuples(st.floats(-90, 80), st.floats(1, 60), st.floats(-180, 180), st.floats(1, 200)).map(
        lambda box: AreaOptions(box=(min(box[0] + box[1], 90.0), box[2], box[0], box[2] + box[3]), margin_km=50)
    ),
    st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.floats(20, 3000)).map(
        lambda spot: AreaOptions(
            polygon=[(spot[0] * 0.9, spot[1]), (spot[0] * 0.9, spot[1] + 9), (spot[0] * 0.9 + 5, spot[1] + 4)],
            margin_km=spot[2],
        )
    ),
)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), areas)
def test_hexagons_in_an_area_are_those_of_the_whole_mesh(divisions: int, options: AreaOptions) -> None:
    """The same nodes in the same order, bit for bit, with the same edges and triangles."""
    area = options.area(context())
    whole = Hexagons(divisions=divisions).build(context())
    kept = area.holds(whole.points)
    if not kept.any():
        return
    part = Hexagons(divisions=divisions).build(replace(context(), area=area))
    expected = whole.subset(kept)
    assert part.nodes.latitudes.tobytes() == expected.nodes.latitudes.tobytes()
    assert part.nodes.longitudes.tobytes() == expected.nodes.longitudes.tobytes()
    for found, wanted in ((part.levels[0], expected.levels[0]), (part.cells, expected.cells)):
        assert found is not None
        assert wanted is not None
        assert sorted(map(tuple, found.tolist())) == sorted(map(tuple, wanted.tolist()))


def test_fine_hexagons_on_a_small_area_are_made_there_alone() -> None:
    """Of 2.7 billion nodes around the globe those within 30 km of a place, 1/180 000 of it."""
    area = AreaOptions(polygon=[(50.0, 8.0), (50.0, 8.001), (50.001, 8.0)], margin_km=30).area(context())
    points, _ = divided_icosahedron(16_384, area)
    assert len(points) < 2_000_000
    even = 10 * 16_384**2 * (1 - np.cos(30 / 6371)) / 2  # nodes lie twice as dense at corners as in the middle of faces
    assert 0.6 * even < area.holds(points).sum() < 1.6 * even


@pytest.mark.carries_out("choose fewer, or cut the mesh to an area, with `limited` around it")
def test_a_globe_of_too_many_hexagons_is_told() -> None:
    with pytest.raises(DataError, match="at most 1024, got 1025"):
        Hexagons(divisions=1025).build(context())
    assert len(Hexagons(divisions=10).build(context())) == 1002
    area = {"polygon": [[50, 8], [50, 8.5], [50.5, 8]], "margin_km": 50}
    options = {"base": {"plugin": "hexagons", "divisions": 1025}, "area": area}
    assert len(create("mesh-builder", "limited", options).build(context())) > 100


@pytest.mark.parametrize("nside", [1, 2, 8, 16])
def test_healpix_in_rings_has_the_places_of_the_grid(nside: int) -> None:
    """The centres of both formulas, that of the rings and that of the faces, are the same in the same order."""
    mesh = Healpix(nside=nside, order="ring").build(context())
    latitudes, longitudes = healpix_centres(nside)
    np.testing.assert_allclose(mesh.points, unit_vectors(latitudes, longitudes), atol=1e-12)


@pytest.mark.parametrize("nside", [2, 4, 16])
def test_healpix_cells_have_eight_neighbours_but_for_24_with_seven(nside: int) -> None:
    """A cell has eight neighbours, except where three faces meet: at eight places of three cells each."""
    count = np.bincount(Healpix(nside=nside).build(context()).levels[-1][:, 0])
    assert np.sum(count == 7) == 24
    assert np.sum(count == 8) == 12 * nside**2 - 24


def test_healpix_levels_join_the_first_cells_of_coarser_ones() -> None:
    mesh = Healpix(nside=4).build(context())
    assert [len(np.unique(pairs)) for pairs in mesh.levels] == [12, 48, 192]
    assert np.all(mesh.levels[0] % 16 == 0)
    coarse = Healpix(nside=2).build(context()).levels[-1]
    assert set(map(tuple, mesh.levels[1] // 4)) == set(map(tuple, coarse))


def test_nested_healpix_cells_lie_within_their_coarser_ones() -> None:
    """The mean of the four cells within a cell is near its centre."""
    fine, coarse = (Healpix(nside=nside).build(context()).points for nside in (16, 8))
    means = fine.reshape(-1, 4, 3).mean(axis=1)
    assert np.linalg.norm(means / np.linalg.norm(means, axis=1, keepdims=True) - coarse, axis=1).max() < 0.01


@pytest.mark.parametrize("nside", [1, 2, 4, 32])
def test_a_centre_lies_in_its_own_cell(nside: int) -> None:
    cells = np.arange(12 * nside**2)
    np.testing.assert_array_equal(cells_of(nside, cell_centres(nside, cells)), cells)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 2, 8, 64]))
def test_a_point_lies_in_the_cells_within_which_its_own_cell_lies(seed: int, nside: int) -> None:
    """Poles and places near them included; and no farther from the centre than the corners."""
    points = np.concatenate([scattered(50, seed), [[0, 0, 1], [0, 0, -1]]])
    points[:10, :2] *= 1e-6
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    fine = cells_of(2 * nside, points)
    np.testing.assert_array_equal(fine // 4, cells_of(nside, points))
    centres, corners = cell_centres(2 * nside, fine), cell_corners(2 * nside, fine)
    reach = np.linalg.norm(corners - centres[:, None], axis=2).max(axis=1)
    assert np.all(np.linalg.norm(points - centres, axis=1) <= reach + 1e-9)


def test_reduced_gaussian_meshes_by_name_and_by_rows() -> None:
    """N320 has 542 080 nodes, O96 has 4 · 96 · 105."""
    assert len(ReducedGaussian(grid="n320").build(context())) == 542_080
    octahedral = ReducedGaussian(grid="O8").build(context())
    assert len(octahedral) == 4 * 8 * (8 + 9)
    np.testing.assert_array_equal(octahedral.points, NodeSet.of_grid(Grid.octahedral(8)).points)
    assert len(ReducedGaussian(rows=[4, 8, 8, 4]).build(context())) == 24


def test_a_latitude_longitude_mesh_gives_its_axes_back() -> None:
    axes = LatitudeLongitude(latitudes=4, spacing="equiangular").build(context()).nodes.axes
    assert axes is not None
    np.testing.assert_allclose(axes[0], [67.5, 22.5, -22.5, -67.5])


# Stretched


def stretched(*finer: tuple[int, dict[str, Any]], refinement: int = 2) -> Stretched:
    areas = [FinerArea(refinement=one, area=AreaOptions(**area)) for one, area in finer]
    return Stretched(refinement=refinement, finer=areas)


def test_a_stretched_mesh_has_the_nodes_of_each_refinement_in_its_area() -> None:
    """The same nodes as from whole icospheres, of which those outside are taken away."""
    wide, narrow = {"box": [70, -20, 30, 50]}, {"box": [60, 0, 40, 30], "margin_km": 100}
    mesh = stretched((4, wide), (6, narrow)).build(context())
    expected = [icosphere(2).points]
    for refinement, area in ((4, wide), (6, narrow)):
        points = icosphere(refinement).points
        expected.append(points[AreaOptions(**area).area(context()).holds(points)])
    distinct = np.unique(np.round(np.concatenate(expected), 9), axis=0)
    assert len(mesh) == len(distinct)
    np.testing.assert_allclose(np.unique(np.round(mesh.points, 9), axis=0), distinct, atol=2e-9)


def test_levels_of_a_stretched_mesh_are_all_edges_between_its_nodes() -> None:
    mesh = stretched((5, {"box": [60, 0, 40, 30]})).build(context())
    sphere = icosphere(5)
    key = {tuple(place): number for number, place in enumerate(np.round(mesh.points, 8).tolist())}
    number = np.array([key.get(tuple(place), -1) for place in np.round(sphere.points, 8).tolist()])
    for level, pairs in enumerate(mesh.levels):
        expected = number[sphere.edges(level)]
        expected = expected[np.all(expected >= 0, axis=1)]
        assert set(map(tuple, pairs.tolist())) == set(map(tuple, expected.tolist()))


def test_a_small_area_never_makes_the_whole_sphere() -> None:
    """Refinement 12 has 168 million nodes; the mesh of a box of one degree some thousands."""
    mesh = stretched((12, {"box": [48, 11, 47, 12]})).build(context())
    assert 2_000 < len(mesh) < 6_000
    lengths = np.linalg.norm(np.diff(mesh.points[mesh.levels[-1]], axis=1)[:, 0], axis=1)
    assert np.all((lengths * 6371 > 1.3) & (lengths * 6371 < 2.3))


def test_all_nodes_are_joined_into_one() -> None:
    """From each node, edges lead to every other: no ring of nodes around an area is cut off."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    mesh = stretched((4, {"box": [60, 0, 40, 30]}), (6, {"box": [55, 5, 45, 20]})).build(context())
    pairs = np.concatenate(mesh.levels)
    joined = coo_array((np.ones(len(pairs)), pairs.T), (len(mesh), len(mesh)))
    assert connected_components(joined)[0] == 1


@pytest.mark.parametrize(
    "base",
    [Triangles(refinement=5), Hexagons(divisions=20), Healpix(nside=16), Healpix(nside=16, order="ring")],
    ids=["triangles", "hexagons", "nested", "rings"],
)
def test_an_area_of_a_mesh_is_the_mesh_without_the_rest(base: Any) -> None:
    """Whatever a builder leaves out on the way, nodes and edges in the area are those of the whole mesh."""
    area = AreaOptions(box=(50, 350, 20, 30), margin_km=300).area(context())
    whole = base.build(context())
    expected = whole.subset(area.holds(whole.points))
    cut = base.build(BuildContext(GLOBE, {}, area))
    cut = cut.subset(area.holds(cut.points))
    key = {tuple(place): number for number, place in enumerate(np.round(expected.points, 8).tolist())}
    number = np.array([key[tuple(place)] for place in np.round(cut.points, 8).tolist()])
    assert len(cut) == len(expected)
    for found, wanted in zip(cut.levels[-2:], expected.levels[-2:], strict=True):
        assert set(map(tuple, number[found].tolist())) == set(map(tuple, wanted.tolist()))


def test_a_mesh_limited_to_the_grid_reaches_as_far_as_its_margin() -> None:
    region = Grid.regular(np.linspace(60, 40, 9), np.linspace(350, 370, 9))
    area = AreaOptions(nodes="grid", margin_km=500)
    from wxml import PluginChoice

    base = PluginChoice(plugin="triangles", refinement=5)
    mesh = Limited(base=base, area=area).build(context(region))
    distance = np.arccos(np.clip(mesh.points @ NodeSet.of_grid(region).points.T, -1, 1)).min(axis=1) * 6371
    whole = Triangles(refinement=5).build(context()).points
    near = np.arccos(np.clip(whole @ NodeSet.of_grid(region).points.T, -1, 1)).min(axis=1) * 6371 <= 500
    assert distance.max() <= 500
    assert len(mesh) == near.sum()


# Areas


def test_the_distance_from_a_box_is_that_of_its_nearest_point() -> None:
    """Against many points of the box, across the date line too."""
    for box in ((60, 170, 40, -170), (10, 0, -10, 360), (90, 30, 60, 250)):
        north, west, south, east = box
        width = (east - west) % 360 or 360
        grid = np.meshgrid(np.linspace(south, north, 81), west + np.linspace(0, width, 241))
        inside = unit_vectors(*(axis.ravel() for axis in grid))
        points = scattered(200)
        brute = np.array([2 * np.arcsin(np.linalg.norm(inside - point, axis=1).min() / 2) for point in points])
        found = Box.of(box, 0.0).distance(points)
        assert np.all(found <= brute + 1e-9)
        assert np.all(found >= brute - 0.03)


def test_the_distance_from_an_arc_is_that_of_its_nearest_point() -> None:
    starts, ends, points = scattered(20, 1), scattered(20, 2), scattered(50, 3)
    steps = np.linspace(0, 1, 2001)[:, None, None]
    on = starts * (1 - steps) + ends * steps
    on /= np.linalg.norm(on, axis=-1, keepdims=True)
    brute = np.array([2 * np.arcsin(np.linalg.norm(on - point, axis=-1).min(axis=0) / 2) for point in points])
    np.testing.assert_allclose(arc_distance(points, starts, ends), brute, atol=2e-3)


def test_a_polygon_holds_what_lies_within_its_sides() -> None:
    """A polygon with a notch, over the pole: against the two convex ones that it is made of."""
    notched = [(70.0, 0.0), (70.0, 90.0), (85.0, 45.0), (70.0, 180.0)]
    parts = [[notched[0], notched[1], notched[2]], [notched[0], notched[2], notched[3]]]
    points = scattered(40_000, 5)
    whole, first, second = (Polygon.of(np.array(places), 0.0).holds(points) for places in (notched, *parts))
    assert np.array_equal(whole, first ^ second)
    assert whole.any()
    wide = Polygon.of(np.array(notched), 0.05).holds(points)
    assert np.all(wide >= whole)
    assert wide.sum() > whole.sum()


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 9), st.floats(0, 360), st.floats(-80, 80), st.floats(2, 50))
def test_a_regular_polygon_lies_between_its_inner_and_outer_circle(
    corners: int, longitude: float, latitude: float, radius: float
) -> None:
    middle = unit_vectors(np.array(latitude), np.array(longitude))
    first = np.cross(middle, np.eye(3)[np.argmin(np.abs(middle))])
    first /= np.linalg.norm(first)
    turn = 2 * np.pi * np.arange(corners) / corners
    around = np.outer(np.cos(turn), first) + np.outer(np.sin(turn), np.cross(middle, first))
    places = np.cos(np.radians(radius)) * middle + np.sin(np.radians(radius)) * around
    from wxml.data.sphere import from_unit_vectors

    polygon = Polygon.of(np.stack(from_unit_vectors(places), axis=1), 0.0)
    points = scattered(3000, 7)
    angle = np.arccos(np.clip(points @ middle, -1, 1))
    inner = np.arctan(np.tan(np.radians(radius)) * np.cos(np.pi / corners))
    held = polygon.holds(points)
    assert held[angle < inner - 1e-6].all()
    assert not held[angle > np.radians(radius) + 1e-6].any()


def test_levels_are_named_from_coarse_to_fine() -> None:
    for mesh in (Triangles(refinement=3), Healpix(nside=8), LatitudeLongitude(latitudes=16)):
        lengths = [
            float(np.median(np.linalg.norm(np.diff(made.points[pairs], axis=1)[:, 0], axis=1)))
            for made in [mesh.build(context())]
            for pairs in made.levels
        ]
        assert all(fine < coarse for coarse, fine in pairwise(lengths))


def test_cells_of_triangles_are_the_convex_hull() -> None:
    mesh = Triangles(refinement=2).build(context())
    assert mesh.cells is not None
    hull = ConvexHull(mesh.points).simplices
    assert {frozenset(cell) for cell in mesh.cells.tolist()} == {frozenset(cell) for cell in hull.tolist()}
