"""Areas from files, from variables, and on a map; against closed forms and against each other."""

from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid, NodeSet, PluginChoice
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.attributes.area import Area
from wxml_graph_builders.planar_voronoi import planar_areas
from wxml_graph_builders.voronoi import cell_areas, edge_of_region

Array = np.ndarray[Any, Any]
carries_out = pytest.mark.carries_out
RADIUS = 6_371_000.0
REGION = Grid.regular(np.arange(60.0, 39, -1), np.arange(0.0, 21))


def nodes_of(grid: Grid) -> MeshNodes:
    return MeshNodes(NodeSet.of_grid(grid))


def areas(grid: Grid, **options: Any) -> Array:
    nodes = nodes_of(grid)
    return Area(**options).values(nodes, BuildContext(grid, {"grid": nodes}))


def patch(count: int, seed: int, width: float = 0.2) -> MeshNodes:
    """Nodes at random on a cap of the sphere, turned anywhere."""
    random = np.random.default_rng(seed)
    flat = random.uniform(-width, width, (count, 2))
    points = np.column_stack([flat, np.sqrt(1 - (flat**2).sum(axis=1))])
    turn, _ = np.linalg.qr(random.normal(size=(3, 3)))
    return MeshNodes(NodeSet(*from_unit_vectors(points @ turn)))


# On a map


def test_a_regular_region_has_the_areas_of_its_cells() -> None:
    """1° × 1° at its latitude; at the edge those of the nearest row inside."""
    found = areas(REGION, method="planar", unit="m2").reshape(21, 21)
    expected = (np.radians(1) * RADIUS) ** 2 * np.cos(np.radians(np.arange(60.0, 39, -1)))
    np.testing.assert_allclose(found[1:-1, 1:-1], np.tile(expected[1:-1, None], 19), rtol=2e-3)
    np.testing.assert_allclose(found[0, 1:-1], found[1, 1:-1], rtol=1e-9)
    np.testing.assert_allclose(found[:, -1], found[:, -2], rtol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(30, 200), st.integers(0, 1000))
def test_map_and_sphere_agree_inside_of_a_small_region(count: int, seed: int) -> None:
    """Of the nodes inside of a patch of 130 km."""
    nodes = patch(count, seed, 0.01)
    inner = ~edge_of_region(nodes).at_edge
    flat, round_ = planar_areas(nodes)[inner], cell_areas(nodes)[inner]
    np.testing.assert_allclose(flat, round_, rtol=1e-3)


def test_the_order_of_nodes_and_twins_do_not_count() -> None:
    nodes = patch(80, 3)
    whole = planar_areas(nodes)
    order = np.random.default_rng(1).permutation(80)
    np.testing.assert_allclose(planar_areas(MeshNodes(nodes.nodes.take(order))), whole[order], rtol=1e-9)
    twice = MeshNodes(nodes.nodes.take(np.append(np.arange(80), [0, 0, 5])))
    found = planar_areas(twice)
    np.testing.assert_allclose(found[[0, 80, 81]], whole[0] / 3)
    np.testing.assert_allclose(found[[5, 82]], whole[5] / 2)


@pytest.mark.parametrize("place", [(90.0, 0.0), (-90.0, 10.0), (10.0, 180.0), (0.0, 0.0)])
def test_a_region_across_a_pole_or_the_date_line_has_the_areas_of_one_elsewhere(place: tuple[float, float]) -> None:
    """A lattice of 1° by 1° around a place; the areas depend on the lattice alone."""
    east, north = np.meshgrid(np.arange(-5.0, 6), np.arange(-5.0, 6))
    distance, azimuth = np.radians(np.hypot(east, north)).ravel(), np.arctan2(east, north).ravel()
    phi, lam = np.radians(place)
    middle = np.array([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])
    eastward = np.array([-np.sin(lam), np.cos(lam), 0.0])
    northward = np.cross(middle, eastward)
    points = np.cos(distance)[:, None] * middle + np.sin(distance)[:, None] * (
        np.sin(azimuth)[:, None] * eastward + np.cos(azimuth)[:, None] * northward
    )
    found = planar_areas(MeshNodes(NodeSet(*from_unit_vectors(points)))).reshape(11, 11)
    np.testing.assert_allclose(found[1:-1, 1:-1], np.radians(1) ** 2, rtol=5e-3)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_nodes_have_the_square_of_their_spacing(count: int) -> None:
    nodes = MeshNodes(NodeSet(np.full(count, 50.0), np.arange(count) * 2.0))
    if count == 1:
        np.testing.assert_allclose(planar_areas(nodes), 4 * np.pi)
    else:
        spacing = float(np.linalg.norm(nodes.points[0] - nodes.points[1]))
        np.testing.assert_allclose(planar_areas(nodes), spacing**2)


@carries_out("write `method: spherical-voronoi`")
def test_nodes_around_the_globe_have_no_map() -> None:
    globe = Grid.octahedral(4)
    with pytest.raises(DataError, match="serves nodes in a hemisphere"):
        areas(globe, method="planar")
    assert areas(globe, method="spherical-voronoi").sum() == pytest.approx(1)


# Of a file


def file_of(folder: Path, values: Array, places: bool = False, order: Array | None = None, **attributes: str) -> str:
    """A file of areas; with the places of the region's nodes, also in another order."""
    path = folder / "areas.nc"
    path.unlink(missing_ok=True)
    taken = np.arange(len(values)) if order is None else order
    with netCDF4.Dataset(path, "w") as file:
        file.createDimension("cell", len(values))
        file.createVariable("cell_area", "f8", ("cell",))[:] = values[taken]
        file["cell_area"].setncatts(attributes)
        if places:
            for name, each in (("clat", REGION.latitudes), ("clon", REGION.longitudes)):
                file.createVariable(name, "f8", ("cell",))[:] = np.radians(each[taken])
                file[name].units = "radian"
    return str(path)


OWN = np.random.default_rng(5).uniform(1e9, 2e9, len(REGION))


@pytest.mark.parametrize("unit", ["m2", "m^2", "m**2", "km2", "sr", ""])
def test_areas_of_a_file_are_in_the_unit_that_it_says(tmp_path: Path, unit: str) -> None:
    values = OWN / {"km2": 1e6, "sr": RADIUS**2}.get(unit, 1.0)
    path = file_of(tmp_path, values, **({"units": unit} if unit else {}))
    np.testing.assert_allclose(areas(REGION, method="from-file", path=path), OWN / OWN.sum())
    if unit:
        np.testing.assert_allclose(areas(REGION, method="from-file", path=path, unit="m2"), OWN)
        np.testing.assert_allclose(areas(REGION, method="from-file", path=path, unit="steradian"), OWN / RADIUS**2)


@carries_out("write `unit: share`, or `method: spherical-voronoi`")
def test_areas_without_a_unit_are_shares(tmp_path: Path) -> None:
    path = file_of(tmp_path, OWN)
    with pytest.raises(DataError, match="method `from-file` gives shares"):
        areas(REGION, method="from-file", path=path, unit="m2")
    assert areas(REGION, method="from-file", path=path).sum() == pytest.approx(1)
    assert areas(REGION, method="spherical-voronoi", unit="m2").sum() > 1e12


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99))
def test_a_value_belongs_to_its_place(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(REGION))
    path = file_of(tmp_path_factory.mktemp("areas"), OWN, places=True, order=order, units="m2")
    np.testing.assert_allclose(areas(REGION, method="from-file", path=path, unit="m2"), OWN)


def test_axes_of_a_file_give_places_row_by_row(tmp_path: Path) -> None:
    """`areacella(lat, lon)` from south to north, and nodes from north to south."""
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        for name, values in (("lat", np.arange(40.0, 61)), ("lon", np.arange(0.0, 21))):
            file.createDimension(name, len(values))
            file.createVariable(name, "f8", (name,))[:] = values
        file.createVariable("areacella", "f8", ("lat", "lon"))[:] = OWN.reshape(21, 21)[::-1]
        file["areacella"].units = "m2"
    options = {"method": "from-file", "path": str(tmp_path / "a.nc"), "variable": "areacella", "unit": "m2"}
    np.testing.assert_allclose(areas(REGION, **options), OWN)


def test_the_cells_of_icon_have_the_areas_of_their_file(icon_files: Any) -> None:
    arrays = icon_files.arrays(2)
    count = arrays["clat"][1].shape[0]
    arrays["cell_area"] = (("cell",), np.arange(1.0, count + 1), {"units": "m2"})
    path = icon_files.write(arrays)
    grid = Grid.unstructured(*(np.degrees(arrays[name][1]) for name in ("clat", "clon")))
    np.testing.assert_allclose(areas(grid, method="from-file", path=path, unit="m2"), np.arange(1.0, count + 1))


@carries_out("give the file of the same nodes")
def test_a_file_of_other_nodes_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="440 values for 441 nodes"):
        areas(REGION, method="from-file", path=file_of(tmp_path, OWN[:-1]))
    other = Grid.unstructured(REGION.latitudes + 0.1, REGION.longitudes)
    path = file_of(tmp_path, OWN, places=True)
    with pytest.raises(DataError, match="no value at 441 of 441 nodes"):
        areas(other, method="from-file", path=path)
    assert len(areas(REGION, method="from-file", path=path)) == 441


@carries_out("give one of these as `variable`")
def test_a_variable_that_the_file_lacks_is_told(tmp_path: Path) -> None:
    path = file_of(tmp_path, OWN)
    with pytest.raises(DataError, match="no variable `areacella`; it has cell_area"):
        areas(REGION, method="from-file", path=path, variable="areacella")
    assert len(areas(REGION, method="from-file", path=path, variable="cell_area")) == 441


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
@carries_out("choose another variable, or another `method`")
def test_what_is_no_area_is_told(tmp_path: Path, wrong: float) -> None:
    values = OWN.copy()
    values[3] = wrong
    with pytest.raises(DataError, match="must be areas, 0 or more and nowhere missing"):
        areas(REGION, method="from-file", path=file_of(tmp_path, values))
    assert len(areas(REGION, method="equal")) == 441


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"method": "equal", "path": "a.nc"}, "`path` does not belong to `method: equal`"),
    ({"method": "from-file", "path": "a.nc", "source": PluginChoice(plugin="x")}, "`source` does not belong"),
    ({"method": "from-file"}, "`method: from-file` needs `path`"),
    ({"method": "from-variable", "variable": "a"}, "`method: from-variable` needs `source`"),
]


@pytest.mark.parametrize(("options", "message"), OTHERS)
def test_options_of_another_method_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Area(**options)


@carries_out("leave `{}` out")
def test_without_them_the_method_serves() -> None:
    with pytest.raises(DataError, match="`path` does not belong"):
        Area(method="equal", path="a.nc")
    assert areas(REGION, method="equal").sum() == pytest.approx(1)


@carries_out("give `{}`")
def test_with_it_the_method_serves(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="needs `path`"):
        Area(method="from-file")
    assert areas(REGION, method="from-file", path=file_of(tmp_path, OWN)).sum() == pytest.approx(1)


def test_a_mask_leaves_areas_of_a_file_to_their_nodes(tmp_path: Path) -> None:
    nodes = nodes_of(REGION)
    half = np.arange(441) % 2 == 0
    masked = MeshNodes(nodes.nodes.with_attributes(half=half))
    path = file_of(tmp_path, OWN, units="m2")
    found = Area(method="from-file", path=path, mask="half", unit="m2").values(masked, BuildContext(REGION))
    np.testing.assert_allclose(found, np.where(half, OWN, 0))
