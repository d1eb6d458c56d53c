"""Meshes and edges of grid files of ICON against the icosphere that they were made of, and against brute force."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from wxml import Grid, NodeSet, create
from wxml.errors import DataError, WxmlError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.areas import AreaOptions
from wxml_graph_builders.edge_rules.icon_topology import IconTopology
from wxml_graph_builders.icosphere import greatest_edge, icosphere
from wxml_graph_builders.meshes.icon import Icon

carries_out = pytest.mark.carries_out
GLOBE = Grid.octahedral(8)
CONTEXT = BuildContext(GLOBE, {"grid": MeshNodes(NodeSet.of_grid(GLOBE))})
FORMATS = ["NETCDF4", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET"]


def mesh(path: str, **options: Any) -> MeshNodes:
    return Icon(path=path, **options).build(CONTEXT)


def places(made: MeshNodes, pairs: NDArray[np.int64]) -> set[tuple[int, ...]]:
    """The pairs as numbers of nodes of the icosphere at the same places."""
    sphere = icosphere(5).points  # its first nodes are those of the coarser ones
    distance, number = cKDTree(sphere).query(made.points)
    assert distance.max() < 1e-9
    return set(map(tuple, number[pairs].tolist()))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("refinement", [0, 1, 3])
def test_the_levels_are_those_of_the_icosphere(icon_files: Any, refinement: int, form: str) -> None:
    made = mesh(icon_files.icon(refinement, seed=refinement, form=form))
    sphere = icosphere(refinement)
    assert len(made) == 10 * 4**refinement + 2
    assert len(made.levels) == refinement + 1
    for level, pairs in enumerate(made.levels):
        assert places(made, pairs) == set(map(tuple, sphere.edges(level).tolist()))
        assert len(pairs) == 60 * 4**level


def test_triangles_are_anticlockwise_whichever_way_the_file_has_them(icon_files: Any) -> None:
    for seed in (0, 1, 2):
        made = mesh(icon_files.icon(2, seed))
        assert made.cells is not None
        assert len(made.cells) == 20 * 4**2
        assert np.all(np.linalg.det(made.points[made.cells]) > 0)


@pytest.mark.parametrize("finest", [0, 1, 2, 3])
def test_a_mesh_may_end_at_a_coarser_level(icon_files: Any, finest: int) -> None:
    made, sphere = mesh(icon_files.icon(3, seed=1), finest=finest), icosphere(finest)
    assert len(made) == len(sphere.points)
    assert len(made.levels) == finest + 1
    assert places(made, made.levels[-1]) == set(map(tuple, sphere.edges(finest).tolist()))
    assert made.cells is not None
    turned = {tuple(np.roll(each, -int(np.argmin(each)))) for each in sphere.triangles[-1].tolist()}
    number = cKDTree(sphere.points).query(made.points)[1]
    assert {tuple(np.roll(each, -int(np.argmin(each)))) for each in number[made.cells].tolist()} == turned


def test_cells_are_joined_with_those_across_their_sides(icon_files: Any) -> None:
    """By brute force: two triangles are neighbours if they have two corners in common."""
    path = icon_files.icon(2)
    cells, corners = mesh(path, nodes="cells"), mesh(path).cells
    assert corners is not None
    centres = mesh(path).points[corners].sum(axis=1)
    number = cKDTree(centres / np.linalg.norm(centres, axis=1, keepdims=True)).query(cells.points)[1]
    sets = [set(corner) for corner in corners[number].tolist()]
    expected = {
        pair
        for one, other in combinations(range(320), 2)
        for pair in ((one, other), (other, one))
        if len(sets[one] & sets[other]) == 2
    }
    assert set(map(tuple, cells.levels[0].tolist())) == expected
    assert np.all(np.bincount(cells.levels[0][:, 1]) == 3)


def region(refinement: int) -> NDArray[np.bool_]:
    """The triangles of an icosphere whose three corners lie in a box."""
    sphere = icosphere(refinement)
    box = AreaOptions(box=(72, -25, 33, 45)).area(CONTEXT)
    return np.asarray(box.holds(sphere.points)[sphere.triangles[-1]].all(axis=1))


def test_a_region_has_of_each_level_the_edges_that_are_whole(icon_files: Any) -> None:
    made = mesh(icon_files.region(5, region(5)))
    sphere = icosphere(5)
    there = set(cKDTree(sphere.points).query(made.points)[1].tolist())
    for level, pairs in enumerate(made.levels):
        found = places(made, pairs)
        whole = {pair for pair in map(tuple, sphere.edges(level).tolist()) if _is_whole(pair, level, there, sphere)}
        # a side that lies there in full may belong to triangles that do not
        assert found <= set(map(tuple, sphere.edges(level).tolist()))
        assert found <= whole
        if level == 5:
            side = sphere.triangles[-1][region(5)]
            assert found == {(one, other) for each in side.tolist() for one in each for other in each if one != other}
    assert len(made.levels[3]) > 0


def _is_whole(pair: tuple[int, ...], level: int, there: set[int], sphere: Any) -> bool:
    """Whether all nodes of the finest level on an edge are there."""
    ends = [sphere.points[one] for one in pair]
    if level == 5:
        return set(pair) <= there
    middle = (ends[0] + ends[1]) / np.linalg.norm(ends[0] + ends[1])
    number = int(np.argmax(sphere.points @ middle))
    halves = [(pair[0], number), (number, pair[1])]
    return all(_is_whole(half, level + 1, there, sphere) for half in halves)


# Edges by the topology of the file


@pytest.mark.parametrize("levels", [1, 2, None])
def test_topology_joins_the_finest_levels_of_vertices(icon_files: Any, levels: int | None) -> None:
    path = icon_files.icon(3)
    made = mesh(path)
    pairs = IconTopology(path=path, levels=levels).edges(made, made)
    chosen = made.levels if levels is None else made.levels[-levels:]
    assert set(map(tuple, pairs.tolist())) == {pair for each in chosen for pair in map(tuple, each.tolist())}


def test_topology_knows_nodes_by_their_places_alone(icon_files: Any) -> None:
    """A data grid of cells in single precision, without levels, in another order; a node set of a coarser level."""
    path = icon_files.icon(3)
    cells, coarse = mesh(path, nodes="cells"), mesh(path, finest=1)
    order = np.random.default_rng(1).permutation(len(cells))
    single = NodeSet(
        *(np.float32(each[order]).astype(float) for each in (cells.nodes.latitudes, cells.nodes.longitudes))
    )
    grid = MeshNodes(single)
    rule = IconTopology(path=path)
    expected = rule.edges(cells, cells)
    back = {(int(order[one]), int(order[other])) for one, other in rule.edges(grid, grid).tolist()}
    assert back == set(map(tuple, expected.tolist()))
    assert len(rule.edges(coarse, coarse)) == 60 + 240


@pytest.mark.parametrize("finest", [0, 1, 2, 3])
def test_cells_are_read_by_the_corners_of_the_triangle_that_holds_them(icon_files: Any, finest: int) -> None:
    """By brute force: the cell lies on the inner side of all three sides of that triangle."""
    path = icon_files.icon(3, seed=3)
    cells, vertices = mesh(path, nodes="cells"), mesh(path, finest=finest)
    pairs = IconTopology(path=path).edges(cells, vertices)
    assert np.all(np.bincount(pairs[:, 0], minlength=len(cells)) == 3)
    corners = vertices.points[pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))][:, 1].reshape(-1, 3)]
    inward = np.linalg.det(corners) < 0
    corners[inward] = corners[inward][:, ::-1]
    for i in range(3):
        side = np.cross(corners[:, i], corners[:, (i + 1) % 3])
        assert np.all(np.sum(side * cells.points, axis=1) > -1e-12)
    assert np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1).max() < 2 * np.sin(greatest_edge(finest) / 2) + 1e-9
    back = IconTopology(path=path).edges(vertices, cells)
    assert set(map(tuple, back[:, ::-1].tolist())) == set(map(tuple, pairs.tolist()))


def test_a_cell_that_no_whole_triangle_holds_is_joined_to_the_nearest_vertex(icon_files: Any) -> None:
    path = icon_files.region(5, region(5))
    cells, vertices = mesh(path, nodes="cells"), mesh(path, finest=3)
    pairs = IconTopology(path=path).edges(cells, vertices)
    count = np.bincount(pairs[:, 0], minlength=len(cells))
    assert set(np.unique(count)) == {1, 3}
    lone = pairs[count[pairs[:, 0]] == 1]
    nearest = cKDTree(vertices.points).query(cells.points[lone[:, 0]])[0]
    np.testing.assert_allclose(np.linalg.norm(cells.points[lone[:, 0]] - vertices.points[lone[:, 1]], axis=1), nearest)


def test_a_cut_mesh_is_joined_as_the_whole_one(icon_files: Any) -> None:
    path = icon_files.icon(3)
    area = AreaOptions(box=(80, -40, 20, 60))
    cut = _cut(path, area)
    whole = mesh(path)
    kept = area.area(CONTEXT).holds(whole.points)
    expected = whole.subset(kept)
    pairs = IconTopology(path=path).edges(cut, cut)
    assert set(map(tuple, pairs.tolist())) == {pair for each in expected.levels for pair in map(tuple, each.tolist())}


def _cut(path: str, area: AreaOptions) -> MeshNodes:
    options = {"base": {"plugin": "icon", "path": path}, "area": area.model_dump(exclude_none=True)}
    made: MeshNodes = create("mesh-builder", "limited", options).build(CONTEXT)
    return made


# What cannot be


FAULTS: list[tuple[str, str]] = [
    ("vlat", r"no variable vlat, so it is no grid file of ICON"),
    ("refinement_level_v", r"no variable refinement_level_v"),
]


@pytest.mark.parametrize(("name", "message"), FAULTS)
def test_a_file_without_a_variable_is_no_grid_file(icon_files: Any, name: str, message: str) -> None:
    arrays = icon_files.arrays(1)
    del arrays[name]
    with pytest.raises(DataError, match=message):
        mesh(icon_files.write(arrays))


WRONG: list[tuple[str, Any, str]] = [
    ("vlat", lambda values: values + 2, "`vlat`.*no angles"),
    ("vlon", lambda values: np.where(values > 1, np.nan, values), "`vlon`.*no angles"),
    ("vertex_of_cell", lambda values: values + 1, "`vertex_of_cell`.*number 43, and there are 42"),
    ("edge_vertices", lambda values: values - 1, "`edge_vertices`.*entries without a vertex"),
    ("edge_vertices", lambda values: values.astype(float), "`edge_vertices`.*float64"),
    ("refinement_level_v", lambda values: values - 1, "`refinement_level_v`.*below 0"),
]


@pytest.mark.parametrize(("name", "change", "message"), WRONG)
@carries_out("fetch the grid file again, or write it right")
def test_what_cannot_be_is_told(icon_files: Any, name: str, change: Any, message: str) -> None:
    arrays = icon_files.arrays(1)
    dims, values, attributes = arrays[name]
    with pytest.raises(DataError, match=message):
        mesh(icon_files.write({**arrays, name: (dims, change(values), attributes)}))
    mesh(icon_files.write(arrays))


@pytest.mark.parametrize("units", ["radian", "radians", "", "degrees", "degrees_north"])
def test_units_of_places_count(icon_files: Any, units: str) -> None:
    arrays = icon_files.arrays(1)
    expected = mesh(icon_files.write(arrays)).points
    for name in ("vlat", "vlon"):
        dims, values, _ = arrays[name]
        arrays[name] = dims, np.degrees(values) if "deg" in units else values, {"units": units} if units else {}
    np.testing.assert_allclose(mesh(icon_files.write(arrays)).points, expected, atol=1e-12)
    arrays["vlat"] = (*arrays["vlat"][:2], {"units": "m"})
    with pytest.raises(DataError, match="the units 'm'"):
        mesh(icon_files.write(arrays))


@carries_out("choose one of these, or leave `finest` out")
def test_a_level_that_is_not_there_is_told(icon_files: Any) -> None:
    path = icon_files.icon(1)
    with pytest.raises(DataError, match="0 to 1, got 2"):
        mesh(path, finest=2)
    assert len(mesh(path, finest=1)) == len(mesh(path)) == 42


@carries_out("leave `finest` out")
def test_cells_have_no_finest_level(icon_files: Any) -> None:
    with pytest.raises(DataError, match="`finest` belongs to `nodes: multi`"):
        mesh("icon.nc", nodes="cells", finest=1)
    assert len(mesh(icon_files.icon(1), nodes="cells")) == 80


@carries_out("give the path of a file; it counts from the working folder")
def test_no_file_is_told(icon_files: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file `icon_1_0\.nc`"):
        mesh("icon_1_0.nc")
    icon_files.icon(1)
    monkeypatch.chdir(tmp_path)
    assert len(mesh("icon_1_0.nc")) == 42


@carries_out("give the file of the horizontal grid (`icon_grid_…_G.nc`), or read its points with the mesh `points`")
def test_the_points_of_another_file_are_read_as_points(icon_files: Any) -> None:
    arrays = {name: each for name, each in icon_files.arrays(1).items() if name in ("vlat", "vlon")}
    path = icon_files.write(arrays)
    with pytest.raises(DataError, match="no variable edge_vertices"):
        mesh(path)
    options = {"path": path, "latitude": "vlat", "longitude": "vlon", "units": "radians"}
    assert len(create("mesh-builder", "points", options).build(CONTEXT)) == len(mesh(icon_files.icon(1)))


def joined(path: str, *edges: dict[str, Any], **nodes: Any) -> Any:
    options = {"nodes": {**nodes, "mesh": {"plugin": "icon", "path": path}}, "edges": list(edges)}
    return create("graph-builder", "composed", options).build(GLOBE)


READ = {"from": "grid", "to": "mesh", "plugin": "reversed-nearest", "nearest": 2}
WRITE = {"from": "mesh", "to": "grid", "plugin": "nearest"}


@carries_out("give the grid file of these nodes, or join them by `nearest`")
def test_nodes_of_another_grid_are_told(icon_files: Any) -> None:
    path, other = icon_files.icon(1), icon_files.icon(2, seed=1)
    cells = {"from": "mesh", "to": "mesh", "plugin": "icon-topology", "path": path}
    with pytest.raises(DataError, match="162 nodes that are not"):
        joined(other, READ, cells, WRITE)
    joined(other, READ, {**cells, "path": other}, WRITE)
    joined(other, READ, {"from": "mesh", "to": "mesh", "plugin": "nearest"}, WRITE)


@carries_out("write the same name in `from` and `to`, or join two sets by `nearest`")
def test_two_sets_of_vertices_are_told(icon_files: Any) -> None:
    path = icon_files.icon(1)
    coarse = {"plugin": "icon", "path": path, "finest": 0}
    rule = {"from": "coarse", "to": "mesh", "plugin": "icon-topology", "path": path}
    own = {"from": "mesh", "to": "mesh", "plugin": "icon-topology", "path": path}
    with pytest.raises(WxmlError, match="got two node sets of vertices"):
        joined(path, READ, rule, own, WRITE, coarse=coarse)
    joined(path, READ, own, WRITE, coarse=coarse)
    joined(path, READ, {"from": "coarse", "to": "mesh", "plugin": "nearest"}, own, WRITE, coarse=coarse)


@carries_out("fetch or write the file again")
def test_a_file_that_is_cut_short_is_told(icon_files: Any) -> None:
    for form in FORMATS:
        path = Path(icon_files.icon(1, form=form))
        whole = path.read_bytes()
        for part in (9, len(whole) // 3, len(whole) - 600):
            path.write_bytes(whole[:part])
            with pytest.raises(DataError, match=r"is damaged|no variable"):
                mesh(str(path))
        path.write_bytes(whole)
        assert len(mesh(str(path))) == 42


@carries_out("write it again, with `nccopy -k netCDF-4`")
def test_other_formats_are_told(icon_files: Any) -> None:
    path = icon_files.icon(1, form="NETCDF3_64BIT_DATA")
    with pytest.raises(DataError, match="no NetCDF file of the versions 1, 2 and 4"):
        mesh(path)
    assert len(mesh(icon_files.icon(1))) == 42


@carries_out("install the extra `netcdf` of wxml-graph-builders")
def test_without_h5py_it_is_asked_for(icon_files: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = icon_files.icon(1)
    with monkeypatch.context() as context:
        context.setitem(__import__("sys").modules, "h5py", None)
        with pytest.raises(DataError, match="read with h5py, and that is not installed"):
            mesh(path)
        assert len(mesh(icon_files.icon(1, form="NETCDF3_CLASSIC"))) == 42
    assert len(mesh(icon_files.icon(1))) == 42
