"""The builder `icosahedral` on global grids."""

import inspect
from itertools import pairwise

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError
from wxml import DataError, Graph, Grid, NodeSet
from wxml.data.sphere import angular_distance
from wxml_graph_builders import Icosahedral, NearestEdges, RadiusEdges

GRIDS = {
    "octahedral": lambda: Grid.octahedral(16),
    "healpix": lambda: Grid.healpix(8),
    "with rows on the poles": lambda: Grid.regular(np.linspace(90, -90, 37), np.arange(0, 360, 5.0)),
    "from the date line, northward": lambda: Grid.regular(np.linspace(-88, 88, 23), np.arange(-180, 180, 7.5)),
}


def lengths(graph, source, target):
    route = graph.route(source, target)
    ends = route.source.points[route.edges.source], route.target.points[route.edges.target]
    return np.sort(angular_distance(*ends))


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("refinement", [0, 2, 4])
def test_every_node_takes_part(grid, refinement) -> None:
    graph = Icosahedral(refinement=refinement).build(GRIDS[grid]())
    encoder, decoder = graph.edges["grid", "mesh"], graph.edges["mesh", "grid"]
    assert np.diff(encoder.source_pointers).min() >= 1  # every grid node is read
    assert np.diff(encoder.pointers).min() >= 1  # every mesh node reads
    np.testing.assert_array_equal(np.diff(decoder.pointers), 3)


@pytest.mark.parametrize(
    ("refinement", "coarsest", "edges"), [(3, 0, 5100), (4, 1, 20400), (5, 1, 81840), (5, 0, 81900), (4, 4, 15360)]
)
def test_mesh_edges_by_closed_form(refinement, coarsest, edges) -> None:
    graph = Icosahedral(refinement=refinement, coarsest=coarsest).build(Grid.octahedral(8))
    assert len(graph.edges["mesh", "mesh"]) == edges == 20 * (4 ** (refinement + 1) - 4**coarsest)


def test_edges_of_every_length_join_the_mesh() -> None:
    found = lengths(Icosahedral(refinement=3).build(Grid.octahedral(8)), "mesh", "mesh")
    counts, _ = np.histogram(np.degrees(found), [0, 12, 24, 48, 96])  # 8.6, 17, 34 and 63 degrees
    np.testing.assert_array_equal(counts, [3840, 960, 240, 60])


def test_mesh_degrees() -> None:
    graph = Icosahedral(refinement=3, coarsest=3).build(Grid.octahedral(8))
    degrees, counts = np.unique(np.diff(graph.edges["mesh", "mesh"].pointers), return_counts=True)
    assert degrees.tolist() == [5, 6]
    assert counts.tolist() == [12, 630]


@pytest.mark.parametrize("turn", [120.0, 240.0])
def test_lengths_do_not_change_when_the_grid_turns_by_a_symmetry_of_the_mesh(turn) -> None:
    grid = Grid.octahedral(12)
    turned = Grid.unstructured(grid.latitudes, grid.longitudes + turn)
    builder = Icosahedral(refinement=3)
    before, after = builder.build(grid), builder.build(turned)
    for pair in (("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid")):
        np.testing.assert_allclose(lengths(before, *pair), lengths(after, *pair), atol=2e-8)
    shifted = Grid.unstructured(grid.latitudes, grid.longitudes + 10)
    other = lengths(builder.build(shifted), "mesh", "grid")
    assert np.abs(other - lengths(before, "mesh", "grid")).max() > 1e-4  # another turn does change them


def test_decoder_surrounds_a_grid_node_with_its_triangle() -> None:
    graph = Icosahedral(refinement=3).build(Grid.octahedral(12))
    assert lengths(graph, "mesh", "grid").max() < 0.2  # the longest side is 0.165


def test_same_graph_bit_for_bit() -> None:
    grid = Grid.octahedral(16)
    assert Icosahedral().build(grid).identity == Icosahedral().build(grid).identity
    assert Icosahedral().build(grid).identity != Icosahedral(refinement=2).build(grid).identity


def test_graph_survives_being_taken_apart() -> None:
    graph = Icosahedral(refinement=2).build(Grid.octahedral(8))
    assert Graph.from_arrays(graph.to_arrays()).identity == graph.identity


def test_options_reach_the_edges() -> None:
    builder = Icosahedral(refinement=2, encoder=RadiusEdges(radius=1.2), decoder=NearestEdges(nearest=5))
    graph = builder.build(Grid.octahedral(16))
    default = Icosahedral(refinement=2).build(Grid.octahedral(16))
    np.testing.assert_array_equal(np.diff(graph.edges["mesh", "grid"].pointers), 5)
    assert len(graph.edges["grid", "mesh"]) > 2 * len(default.edges["grid", "mesh"])


def test_regional_grid_is_sent_to_the_other_plugin() -> None:
    with pytest.raises(DataError, match="limited-area"):
        Icosahedral().build(Grid.regular(np.linspace(60, 40, 11), np.linspace(0, 20, 11)))


def test_coarsest_above_the_refinement_is_refused() -> None:
    with pytest.raises(DataError, match=r"`coarsest` must not be above .* 2, got 3"):
        Icosahedral(refinement=2, coarsest=3)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("refinement", -1),
        ("refinement", 10),
        ("refinement", 2.5),
        ("coarsest", -1),
        ("encoder", {"radius": 0}),
        ("encoder", {"radius": float("inf")}),
        ("encoder", {"maximum": 0}),
        ("encoder", {"nearest": 3}),
        ("decoder", {"nearest": 0}),
    ],
)
def test_bad_options_are_refused(option, value) -> None:
    adapter = TypeAdapter(inspect.signature(Icosahedral).parameters[option].annotation)
    with pytest.raises(ValidationError):
        adapter.validate_python(value)


def test_mesh_nodes_are_where_they_are_said_to_be() -> None:
    nodes = Icosahedral(refinement=1).build(Grid.octahedral(8)).nodes["mesh"]
    assert isinstance(nodes, NodeSet)
    # the uppermost ring of the icosahedron: 37.377 degrees from the pole
    np.testing.assert_allclose(nodes.latitudes[:3], 52.62263, atol=1e-5)
    np.testing.assert_allclose(nodes.longitudes[:3], [0, 120, 240], atol=1e-9)


@pytest.mark.parametrize("coarsest", [0, 1])
def test_a_level_is_the_mesh_of_a_lower_refinement(coarsest) -> None:
    grid = Grid.octahedral(8)
    levels = Icosahedral(refinement=3, coarsest=coarsest, hierarchy=2).build(grid).mesh().levels()
    assert [level.name for level in levels] == ["mesh", "mesh:1", "mesh:2"]
    for level, refinement in zip(levels, (3, 2, 1), strict=True):
        alone = Icosahedral(refinement=refinement, coarsest=coarsest).build(grid).mesh()
        for part in ("latitudes", "longitudes"):
            np.testing.assert_array_equal(getattr(level.nodes, part), getattr(alone.nodes, part))
        for part in ("source", "target", "features"):
            np.testing.assert_array_equal(getattr(level.edges, part), getattr(alone.edges, part))


def test_edges_between_levels_by_closed_form() -> None:
    mesh = Icosahedral(refinement=4, hierarchy=3).build(Grid.octahedral(8)).mesh()
    for level, (finer, coarser) in enumerate(pairwise(mesh.levels())):
        down, up = mesh.route(finer.name, coarser.name).edges, mesh.route(coarser.name, finer.name).edges
        assert len(down) == len(up) == 70 * 4 ** (3 - level) + 2
        # an older node reads itself, a younger one the two that it lies between
        read, counts = np.unique(np.diff(up.pointers), return_counts=True)
        assert read.tolist() == [1, 2]
        assert counts.tolist() == [len(coarser.nodes), len(finer.nodes) - len(coarser.nodes)]
        # a coarse node reads itself and the middles of its five or six sides
        assert np.unique(np.diff(down.pointers)).tolist() == [6, 7]
        np.testing.assert_array_equal(up.source, down.target[down.transpose])
        np.testing.assert_array_equal(up.target, down.source[down.transpose])


def test_a_node_lies_in_the_middle_of_its_parents() -> None:
    mesh = Icosahedral(refinement=2, hierarchy=1).build(Grid.octahedral(8)).mesh()
    route = mesh.route("mesh:1", "mesh")
    for node in range(len(mesh.nodes)):
        parents = route.edges.source[route.edges.pointers[node] : route.edges.pointers[node + 1]]
        middle = route.source.points[parents].sum(0)
        np.testing.assert_allclose(middle / np.linalg.norm(middle), mesh.nodes.points[node], atol=1e-12)


def test_a_hierarchy_changes_nothing_of_the_mesh() -> None:
    grid = Grid.octahedral(8)
    plain, deep = Icosahedral().build(grid).to_arrays(), Icosahedral(hierarchy=2).build(grid).to_arrays()
    assert set(plain) < set(deep)
    for name, array in plain.items():
        np.testing.assert_array_equal(deep[name], array)


@pytest.mark.carries_out("choose `hierarchy` from 0 to {}, or a finer mesh")
def test_more_levels_than_refinements_are_refused() -> None:
    with pytest.raises(DataError, match="at most 1 levels lie between `coarsest` 1 and `refinement` 2, got 2"):
        Icosahedral(refinement=2, coarsest=1, hierarchy=2)
    for builder in (Icosahedral(refinement=2, coarsest=1, hierarchy=1), Icosahedral(coarsest=1, hierarchy=2)):
        assert len(builder.build(Grid.octahedral(8)).levels) == 1 + builder.hierarchy
