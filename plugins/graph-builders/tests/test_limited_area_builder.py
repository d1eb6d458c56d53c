"""The builder `limited-area` on regional grids, wherever they lie."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from wxml import ConfigError, DataError, Grid
from wxml.data.sphere import angular_distance
from wxml_graph_builders import LimitedArea
from wxml_graph_builders.icosphere import greatest_edge
from wxml_graph_builders.region import SphericalHull
from wxml_graph_builders.regional_icosphere import FINEST


def box(south, north, west, east, rows, columns):
    return Grid.regular(np.linspace(north, south, rows), np.linspace(west, east, columns))


def lambert():
    """A projected grid, 65 × 93, that is turned against the meridians."""
    y, x = np.mgrid[0:65, 0:93] * 0.8
    return Grid.curvilinear(20 + 0.6 * y + 0.1 * x - 0.002 * (x - 35) ** 2, 230 + 0.9 * x - 0.15 * y)


NORTH_AMERICA = box(15, 75, 200, 330, 25, 53)
# the places and sizes of public sets of reanalyses and forecasts
GRIDS = {
    "north america": NORTH_AMERICA,
    "united kingdom": box(50, 58, -10, 2, 33, 49),
    "davos, 20 nodes": box(46.25, 47, 9.25, 10.25, 4, 5),
    "finse": box(59.75, 61.25, 6.5, 8.75, 7, 10),
    "great plains": box(25, 49, -108, -91, 121, 86),
    "south brazil": box(-35, -20, 305, 322.5, 7, 8),
    "date line": box(-20, 10, 165, 200, 16, 18),
    "date line, falling longitudes": Grid.regular(np.arange(40, 61, 1.0), np.arange(200, 159, -1.0)),
    "north polar cap": Grid.regular(np.arange(90, 59, -2.5), np.arange(0, 360, 5.0)),
    "south polar cap without the pole": Grid.regular(np.arange(-61, -90, -2.0), np.arange(0, 360, 5.0)),
    "tropical belt": Grid.regular(np.arange(-24, 25, 3.0), np.arange(0, 360, 3.0)),
    "projected": lambert(),
    "one row": Grid.regular([50.0], np.arange(0, 20, 1.0)),
    "one node": Grid.unstructured([50.0], [5.0]),
}
MESHES = {"icosahedral": {}, "finer than the grid": {"refinement": 6}, "regular": {"mesh": "regular"}}


def pieces(graph):
    edges = graph.edges["mesh", "mesh"]
    shape = (edges.target_count, edges.target_count)
    return connected_components(coo_matrix((np.ones(len(edges)), (edges.source, edges.target)), shape=shape))[0]


@pytest.mark.parametrize("options", MESHES)
@pytest.mark.parametrize("name", GRIDS)
def test_every_node_takes_part_and_the_mesh_is_one_piece(name, options) -> None:
    grid = GRIDS[name]
    if options == "regular" and (not grid.is_regular or min(grid.shape) < 2):
        pytest.skip("not a regular grid")
    if options == "finer than the grid" and name == "tropical belt":
        pytest.skip("a belt has no hull, and such a mesh falls apart between its nodes")
    graph = LimitedArea(**MESHES[options]).build(grid)
    encoder, decoder, mesh = (graph.edges[p] for p in (("grid", "mesh"), ("mesh", "grid"), ("mesh", "mesh")))
    assert np.diff(encoder.source_pointers).min() >= 1  # every grid node is read
    assert np.diff(encoder.pointers).min() >= 1  # every mesh node reads
    np.testing.assert_array_equal(np.diff(decoder.pointers), 3)
    assert np.diff(mesh.pointers).min() >= 2  # every mesh node is in a triangle
    assert not np.any(mesh.source == mesh.target)
    there = set(zip(mesh.source.tolist(), mesh.target.tolist(), strict=True))
    assert there == {(t, s) for s, t in there}  # and back
    assert pieces(graph) == 1


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("options", [{}, {"refinement": 5}])
def test_every_grid_node_lies_in_a_triangle_of_the_mesh(name, options) -> None:
    graph = LimitedArea(coarsest=options.get("refinement", 0), **options).build(GRIDS[name])
    mesh, grid = graph.nodes["mesh"].points, graph.nodes["grid"].points
    edges = graph.edges["mesh", "mesh"]
    joined = set(zip(edges.source.tolist(), edges.target.tolist(), strict=True))
    for point in grid[:: max(1, len(grid) // 60)]:
        near = np.argsort(np.linalg.norm(mesh - point, axis=1))[:12].tolist()
        triples = [(a, b, c) for a in near for b in near for c in near if {(a, b), (b, c), (c, a)} <= joined]
        corners = mesh[np.array(triples)]
        corners = corners[np.linalg.det(corners) > 1e-9]  # not those along one great circle
        shares = np.linalg.solve(np.swapaxes(corners, 1, 2), np.broadcast_to(point[:, None], (len(corners), 3, 1)))
        assert np.any(np.all(shares > -1e-9, axis=(1, 2)))


@pytest.mark.parametrize("name", ["north america", "date line", "projected"])
def test_mesh_holds_the_convex_hull_of_the_region(name) -> None:
    grid = GRIDS[name]
    graph = LimitedArea(refinement=5).build(grid)
    mesh, points = graph.nodes["mesh"].points, graph.nodes["grid"].points
    generator = np.random.default_rng(1)
    inside = np.einsum(
        "qk,qkx->qx", generator.dirichlet(np.full(4, 0.4), 300), points[generator.integers(0, len(grid), (300, 4))]
    )
    inside /= np.linalg.norm(inside, axis=1, keepdims=True)
    distances = np.linalg.norm(inside[:, None] - mesh[None], axis=-1).min(axis=1)
    assert distances.max() <= 0.62 * greatest_edge(5)  # the farthest that a point of a triangle is from its corners


@pytest.mark.parametrize("margin", [1.0, 3.0])
def test_mesh_reaches_no_farther_than_the_margin(margin) -> None:
    graph = LimitedArea(refinement=4, margin=margin).build(GRIDS["date line"])
    mesh, hull = graph.nodes["mesh"].points, SphericalHull.around(graph.nodes["grid"].points)
    outside = mesh[~hull.contains(mesh)]
    distances = angular_distance(outside[:, None], hull.outline(0.002)[None]).min(axis=1)
    assert (margin - 1) * greatest_edge(4) <= distances.max() <= 1.01 * margin * greatest_edge(4)


def test_numbers_for_north_america() -> None:
    graph = LimitedArea().build(NORTH_AMERICA)
    assert graph.identity == LimitedArea(refinement=4).build(NORTH_AMERICA).identity
    assert len(graph.nodes["mesh"]) == 420
    assert len(graph.edges["grid", "mesh"]) == 2102
    assert len(graph.edges["mesh", "mesh"]) == 3060
    assert len(graph.edges["mesh", "grid"]) == 3 * 1325


@pytest.mark.parametrize("name", GRIDS)
def test_default_refinement_is_the_finest_with_a_third_of_the_nodes(name) -> None:
    grid = GRIDS[name]
    allowed = max(len(grid) // 3, 12)
    sizes = []
    for refinement in range(FINEST + 1):
        sizes.append(len(LimitedArea(refinement=refinement).build(grid).nodes["mesh"]))
        if sizes[-1] > allowed:
            break
    finest = max(r for r, size in enumerate(sizes) if size <= allowed)
    assert LimitedArea().build(grid).identity == LimitedArea(refinement=finest).build(grid).identity
    # by area: 0.0985 of 4π steradians hold 1 285 of 163 842 nodes over the great plains, of a third of 10 406 allowed
    assert finest == {"north america": 4, "great plains": 7, "one node": FINEST}.get(name, finest)


def test_levels_without_a_triangle_inside_are_left_out() -> None:
    finse = GRIDS["finse"]
    mesh = LimitedArea(refinement=7).build(finse).mesh()
    length = angular_distance(mesh.nodes.points[mesh.edges.source], mesh.nodes.points[mesh.edges.target])
    assert length.max() < 4 * greatest_edge(7)  # none across the map from far outside


def test_coarse_edges_are_there_and_fine_ones_too() -> None:
    plains = GRIDS["great plains"]
    mesh = LimitedArea(refinement=6).build(plains).mesh()
    length = angular_distance(mesh.nodes.points[mesh.edges.source], mesh.nodes.points[mesh.edges.target])
    counts = [np.sum((length <= greatest_edge(r)) & (length > greatest_edge(r + 1))) for r in (6, 5, 4)]
    assert counts[0] > counts[1] > counts[2] > 0


def test_a_turn_by_a_symmetry_of_the_mesh_changes_nothing() -> None:
    builder = LimitedArea()
    first = builder.build(NORTH_AMERICA)
    turned = builder.build(Grid.regular(np.linspace(75, 15, 25), np.linspace(320, 450, 53)))  # over the meridian 0
    assert len(turned.nodes["mesh"]) == len(first.nodes["mesh"])
    for pair in (("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid")):
        ends = [(g.route(*pair), g.edges[pair]) for g in (first, turned)]
        one, two = (np.sort(angular_distance(r.source.points[e.source], r.target.points[e.target])) for r, e in ends)
        np.testing.assert_allclose(one, two, atol=2e-8)


@settings(deadline=None, max_examples=25)
@given(st.floats(-89, 89), st.floats(0, 360), st.floats(0.02, 25), st.integers(2, 12), st.integers(2, 12))
def test_any_patch_anywhere_gets_one_whole_mesh(latitude, longitude, size, rows, columns) -> None:
    north, south = min(latitude + size, 90.0), max(latitude - size, -90.0)
    graph = LimitedArea().build(box(south, north, longitude, longitude + size, rows, columns))
    assert pieces(graph) == 1
    assert np.diff(graph.edges["grid", "mesh"].pointers).min() >= 1


def test_kilometre_grids_get_a_kilometre_mesh_without_refining_the_globe() -> None:
    grid = box(46, 47, 8, 9.5, 112, 168)  # a hundredth of a degree, 1 km
    graph = LimitedArea().build(grid)
    mesh = graph.mesh()
    spacing = np.median(angular_distance(mesh.nodes.points[mesh.edges.source], mesh.nodes.points[mesh.edges.target]))
    assert 1 < spacing * 6371 < 5
    assert len(grid) / 13 < len(graph.nodes["mesh"]) <= len(grid) / 3


def test_same_graph_bit_for_bit() -> None:
    assert LimitedArea().build(NORTH_AMERICA).identity == LimitedArea().build(NORTH_AMERICA).identity


def test_global_grid_is_sent_to_the_other_plugin() -> None:
    with pytest.raises(DataError, match="icosahedral"):
        LimitedArea().build(Grid.octahedral(8))


@pytest.mark.parametrize("options", [{"mesh": "regular", "refinement": 3}, {"stride": 3}])
def test_an_option_of_the_other_mesh_is_refused(options) -> None:
    with pytest.raises(ConfigError, match="belongs to `mesh: "):
        LimitedArea(**options)


def test_coarsest_above_the_finest_level_is_refused() -> None:
    with pytest.raises(DataError, match="finest level of the mesh, 3, got 4"):
        LimitedArea(refinement=3, coarsest=4)
    with pytest.raises(DataError, match="finest level of the mesh, 4, got 12"):
        LimitedArea(coarsest=12).build(NORTH_AMERICA)


@pytest.mark.parametrize(
    ("option", "value"),
    [("mesh", "round"), ("refinement", 13), ("refinement", -1), ("stride", 0), ("margin", 0.5), ("coarsest", -1)],
)
def test_bad_options_are_refused(option, value) -> None:
    adapter = TypeAdapter(inspect.signature(LimitedArea).parameters[option].annotation)
    with pytest.raises(ValidationError):
        adapter.validate_python(value)
