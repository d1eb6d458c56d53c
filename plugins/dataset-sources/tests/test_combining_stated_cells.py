"""Cells that files state: bounds of latitude and longitude as the cells of conservative weights."""

import os
import pickle  # noqa: TID251  # as data-loader workers do
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import DataSource, Grid, PluginChoice, create
from wxml.data.cell_bounds import CellBounds
from wxml.data.sphere import from_unit_vectors, unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.cells import cells
from wxml_dataset_sources.combining.cutout import Cutout
from wxml_dataset_sources.combining.grids import Grids
from wxml_dataset_sources.combining.join import Join
from wxml_dataset_sources.combining.node_choice import Area
from wxml_dataset_sources.combining.polygons import areas
from wxml_dataset_sources.combining.regrid import Regrid
from wxml_dataset_sources.combining.stated_cells import stated_boxes, stated_polygons
from wxml_dataset_sources.combining.subset import Subset
from wxml_dataset_sources.combining.target_grid import Target
from wxml_dataset_sources.combining.thinning import Thinning
from wxml_dataset_sources.combining.weights import interpolation_weights
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
Array = np.ndarray[Any, Any]
SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))


def triangles(refinement: int) -> Array:
    """The corners `[cell, 3, 3]` of the divided triangles of an octahedron; ICON divides an icosahedron."""
    axes = np.eye(3)
    signs = [(a, b, c) for a in (1, -1) for b in (1, -1) for c in (1, -1)]
    cells = np.array([[a * axes[0], b * axes[1], c * axes[2]] for a, b, c in signs])
    for _ in range(refinement):
        middle = cells + np.roll(cells, -1, axis=1)
        middle /= np.linalg.norm(middle, axis=-1, keepdims=True)
        corners = [np.stack([cells[:, n], middle[:, n], middle[:, n - 1]], axis=1) for n in range(3)]
        cells = np.concatenate([*corners, middle])
    return cells


def of_corners(corners: Array) -> Grid:
    """The grid whose nodes are in the middle of polygons `[cell, corner, 3]`, and which states them."""
    middle = corners.mean(axis=1)
    grid = Grid.unstructured(*from_unit_vectors(middle / np.linalg.norm(middle, axis=1, keepdims=True)))
    return replace(grid, bounds=CellBounds.of(*from_unit_vectors(corners)))


def of_axes(rows: Array, columns: Array) -> Grid:
    """A regular grid whose cells end at `rows` and `columns`, and whose nodes are somewhere in these."""
    latitudes, longitudes = (0.3 * edges[:-1] + 0.7 * edges[1:] for edges in (rows, columns))
    ends = (np.stack([edges[:-1], edges[1:]], axis=1) for edges in (rows, columns))
    return replace(Grid.regular(latitudes, longitudes), bounds=CellBounds.of(*ends, along_axes=True))


UNEVEN = of_axes(np.array([-90.0, -60, -50, -10, 15, 70, 90]), np.array([-20.0, 10, 15, 100, 190, 250, 340]))
ICON = of_corners(triangles(3))
GLOBAL = {
    "boxes": UNEVEN,
    "triangles": ICON,
    "healpix": Grid.healpix(4),
    "regular": Grid.regular(np.arange(85, -90, -10.0), np.arange(0, 360, 15.0)),
}


def stated_areas(grid: Grid) -> Array:
    """The areas of the cells as shares of the sphere."""
    assert grid.bounds is not None
    if grid.bounds.along_axes:
        rows, columns = grid.bounds.load()
        return np.outer(np.ptp(np.sin(np.radians(rows)), axis=1), np.ptp(np.radians(columns), axis=1)).ravel() / (
            4 * np.pi
        )
    return areas(stated_polygons(grid, grid.bounds).corners) / (4 * np.pi)


@pytest.mark.parametrize("name", ["boxes", "triangles"])
def test_the_cells_are_those_that_are_stated(name: str) -> None:
    grid = GLOBAL[name]
    assert stated_areas(grid).sum() == pytest.approx(1.0, abs=1e-12)
    same = interpolation_weights(grid, grid, "conservative")
    np.testing.assert_allclose(same.toarray(), np.eye(len(grid)), atol=1e-9)
    made = interpolation_weights(replace(grid, bounds=None), replace(grid, bounds=None), "conservative")
    np.testing.assert_allclose(made.toarray(), np.eye(len(grid)), atol=1e-9)
    assert np.abs(interpolation_weights(grid, replace(grid, bounds=None), "conservative") - same).max() > 0.01


@settings(max_examples=settings.default.max_examples // 5, deadline=None)
@given(
    source=st.sampled_from(["boxes", "triangles"]),
    target=st.sampled_from(["boxes", "triangles"]),
    seed=st.integers(0, 99),
)
def test_the_total_and_a_constant_are_kept(source: str, target: str, seed: int) -> None:
    """The boxes of a globe are as exact as great circles along its parallels, which the triangles meet."""
    one, other = GLOBAL[source], GLOBAL[target]
    weights = interpolation_weights(one, other, "conservative")
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-9)
    values = np.random.default_rng(seed).lognormal(sigma=2, size=len(one))
    within = 1e-10 if source == target else 2e-3  # a box as a polygon has its area to 1e-3
    np.testing.assert_allclose(stated_areas(other) @ weights, stated_areas(one), rtol=within)
    assert stated_areas(other) @ (weights @ values) == pytest.approx(stated_areas(one) @ values, rel=within)


def test_boxes_by_hand() -> None:
    """Four boxes, of which the cells between the nodes would be others; the share is that of sines and longitudes."""
    source = of_axes(np.array([-90.0, 10.0, 90.0]), np.array([0.0, 90.0, 360.0]))
    target = of_axes(np.array([-90.0, 30.0, 90.0]), np.array([0.0, 180.0, 360.0]))
    weights = interpolation_weights(source, target, "conservative").toarray()
    low = (np.sin(np.radians(10)) + 1) / 1.5  # of the southern row of the target, what is south of 10°N
    np.testing.assert_allclose(weights[0], [low / 2, low / 2, (1 - low) / 2, (1 - low) / 2])
    np.testing.assert_allclose(weights[1], [0, low, 0, 1 - low])
    np.testing.assert_allclose(weights[3], [0, 0, 0, 1], atol=1e-12)


@pytest.mark.parametrize("turn", [-360.0, 0.0, 360.0, 720.0])
@pytest.mark.parametrize("is_reversed", [False, True])
def test_bounds_in_any_turn_order_and_across_greenwich(turn: float, is_reversed: bool) -> None:
    edges = np.arange(-5.0, 360, 10.0)
    plain = of_axes(np.linspace(90, -90, 10), edges)
    assert plain.bounds is not None
    rows, columns = plain.bounds.load()
    columns = np.mod(columns, 360.0) + turn  # the cell around 0 is 355 to 5
    ends = (rows[:, ::-1], columns[:, ::-1]) if is_reversed else (rows, columns)
    bounds = CellBounds.of(*ends, along_axes=True)
    one, other = stated_boxes(plain, plain.bounds), stated_boxes(plain, bounds)
    np.testing.assert_allclose(one.heights, other.heights)
    np.testing.assert_allclose(one.edges[0], other.edges[0])
    np.testing.assert_array_equal(one.nodes[0], other.nodes[0])


def test_one_cell_around_the_globe() -> None:
    whole = replace(Grid.regular([0.0], [180.0]), bounds=CellBounds.of([[-90, 90]], [[0, 360]], along_axes=True))
    weights = interpolation_weights(UNEVEN, whole, "conservative").toarray()
    np.testing.assert_allclose(weights[0], stated_areas(UNEVEN), rtol=1e-9)


def padded(corners: Array, how: str) -> tuple[Array, Array]:
    """The places of vertices with two more that say nothing."""
    latitudes, longitudes = from_unit_vectors(corners)
    if how == "missing":
        return tuple(np.pad(each, ((0, 0), (0, 2)), constant_values=np.nan) for each in (latitudes, longitudes))  # type: ignore[return-value]
    if how == "repeated":
        return tuple(np.pad(each, ((0, 0), (0, 2)), mode="edge") for each in (latitudes, longitudes))  # type: ignore[return-value]
    if how == "closed":
        return tuple(np.concatenate([each, each[:, :1]], axis=1) for each in (latitudes, longitudes))  # type: ignore[return-value]
    return latitudes[:, ::-1], longitudes[:, ::-1] - 360.0


@pytest.mark.parametrize("how", ["missing", "repeated", "closed", "clockwise"])
def test_padded_closed_and_clockwise_cells_are_the_same(how: str) -> None:
    other = replace(ICON, bounds=CellBounds.of(*padded(triangles(3), how)))
    healpix = GLOBAL["healpix"]
    for pair in ((healpix, ICON, healpix, other), (ICON, healpix, other, healpix)):
        one, two = (interpolation_weights(*each, "conservative") for each in (pair[:2], pair[2:]))
        assert np.abs(one - two).max() < 1e-12


def changed(node: int, vertices: Any) -> CellBounds:
    """The bounds of the triangles, with other vertices of one cell."""
    latitudes, longitudes = (each.copy() for each in from_unit_vectors(triangles(3)))
    latitudes[node], longitudes[node] = vertices(latitudes[node], longitudes[node])
    return CellBounds.of(latitudes, longitudes)


@carries_out("correct the file, or write `cells: made` to take cells between the nodes in place of what files state")
@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        (changed(7, lambda lat, lon: (lat * [1, 1, np.nan], lon)), "1 of 512 cells have fewer than three vertices"),
        (
            changed(7, lambda lat, lon: (lat[[0, 1, 1]], lon[[0, 1, 1]])),
            "1 of 512 cells have no area, such as .* node 7",
        ),
        (
            changed(7, lambda lat, lon: (-lat, lon + 180)),
            "1 of 512 cells have vertices not around it, such as .* node 7",
        ),
        (changed(7, lambda lat, lon: (lat + np.array([100, 0, 0]), lon)), "1 of 512 cells have a latitude above 90"),
        (
            CellBounds.of(np.zeros((5, 3)), np.zeros((5, 3))),
            r"have the shapes \(\(5, 3\), \(5, 3\)\), and the grid needs",
        ),
    ],
    ids=["few", "flat", "elsewhere", "beyond the pole", "of other nodes"],
)
def test_what_cannot_be_cells_is_refused(bounds: CellBounds, says: str) -> None:
    wrong = replace(ICON, bounds=bounds)
    with pytest.raises(DataError, match=says):
        interpolation_weights(wrong, GLOBAL["healpix"], "conservative")
    assert interpolation_weights(wrong, GLOBAL["healpix"], "bilinear").shape == (192, 512)
    assert interpolation_weights(replace(wrong, bounds=None), GLOBAL["healpix"], "conservative").shape == (192, 512)


@carries_out("correct the file, or write `cells: made` to take cells between the nodes in place of what files state")
@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        ([[0, 10], [10, 20]], [[0, 10], [20, 30]], "the longitude 15 does not lie between its bounds 20 and 30"),
        ([[0, 10], [10, 20]], [[0, 10], [14, 20]], "the longitudes 5 and 15 have a gap"),
        ([[0, 11], [10, 20]], [[0, 10], [10, 20]], "the latitudes 5 and 15 have a gap between them, overlap"),
        ([[0, 10]], [[0, 10], [10, 20]], "have the shapes"),
    ],
)
def test_rows_and_columns_that_cannot_be_cells_are_refused(rows: Any, columns: Any, says: str) -> None:
    grid = replace(Grid.regular([5.0, 15.0], [5.0, 15.0]), bounds=CellBounds.of(rows, columns, along_axes=True))
    with pytest.raises(DataError, match=says):
        interpolation_weights(grid, grid, "conservative")
    assert cells(grid) is not None


def test_a_node_at_the_edge_of_its_cell_is_in_it() -> None:
    """A row of nodes at the pole, whose cells begin there; in a list, too."""
    latitudes, longitudes = np.array([90.0, 80.0, 70.0]), np.arange(0.0, 360, 30)
    rows, columns = [[85, 90], [75, 85], [65, 75]], np.stack([longitudes - 15, longitudes + 15], axis=1)
    bounds = CellBounds.of(rows, columns, along_axes=True)
    grid = replace(Grid.regular(latitudes, longitudes), bounds=bounds)
    assert stated_boxes(grid, bounds).heights[-1] == 1.0
    listed = replace(Grid.unstructured(grid.latitudes, grid.longitudes), bounds=bounds.of_nodes(np.arange(36)))
    assert listed.bounds is not None
    assert len(stated_polygons(listed, listed.bounds).corners) == 36


def written(path: Path, grid: Grid, kind: str, **changes: Any) -> PluginChoice:
    """A file with the grid, its bounds and the field `t`, which counts the nodes from 1."""
    assert grid.bounds is not None
    in_radians = changes.pop("in_radians", False)
    scale, units = (np.pi / 180, "radian") if in_radians else (1.0, None)
    names = {"axes": ("lat", "lon"), "cells": ("clat", "clon"), "plane": ("latitude", "longitude")}[kind]
    dims = {"axes": (("lat",), ("lon",)), "cells": (("cell",), ("cell",)), "plane": (("y", "x"), ("y", "x"))}[kind]
    ends = grid.bounds.load() if kind == "axes" else grid.bounds.vertices()
    places = (grid.latitudes, grid.longitudes)
    if kind == "axes":
        columns = grid.shape[1]
        places = (places[0][::columns], places[1][:columns])
    dataset = xr.Dataset(coords={"time": np.array(["2000-01-01"], "M8[ns]")})
    for name, own, place, end, direction in zip(names, dims, places, ends, ("north", "east"), strict=True):
        shape = grid.shape if kind == "plane" else place.shape
        attributes = {"units": units or f"degrees_{direction}", "bounds": f"{name}_bnds"}
        dataset.coords[name] = (
            own,
            scale * place.reshape(shape),
            attributes | ({"standard_name": {"north": "latitude", "east": "longitude"}[direction]}),
        )
        dataset[f"{name}_bnds"] = ((*own, "vertices"), scale * end.reshape(*shape, -1))
    axes = dims[0] if kind != "axes" else ("lat", "lon")
    values = np.arange(1.0, len(grid) + 1).reshape(1, *(grid.shape if kind != "cells" else (-1,)))
    dataset["t"] = (
        ("time", *axes),
        values.astype("f4"),
        {"units": "K"} | ({} if kind == "axes" else {"coordinates": " ".join(names)}),
    )
    dataset.to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


def turned_plane() -> Grid:
    """Rows and columns that run aslant, with the corners of their cells."""
    y, x = np.meshgrid(np.arange(-3.0, 4), np.arange(-4.0, 5), indexing="ij")
    corners = [
        (40 + 2 * (y + dy) + 0.7 * (x + dx), 20 + 3 * (x + dx) - 0.8 * (y + dy))
        for dy, dx in ((-0.4, -0.5), (-0.4, 0.5), (0.6, 0.5), (0.6, -0.5))
    ]
    latitudes, longitudes = (np.stack([corner[axis] for corner in corners], axis=-1).reshape(-1, 4) for axis in (0, 1))
    grid = Grid.curvilinear(40 + 2 * y + 0.7 * x, 20 + 3 * x - 0.8 * y)
    return replace(grid, bounds=CellBounds.of(latitudes, longitudes))


KINDS = {"axes": UNEVEN, "cells": ICON, "plane": turned_plane()}


@pytest.mark.parametrize("in_radians", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_bounds_of_files_are_the_cells_of_source_and_target(kind: str, in_radians: bool, tmp_path: Path) -> None:
    grid = KINDS[kind]
    choice = written(tmp_path / "x.nc", grid, kind, in_radians=in_radians)
    source = XarraySource(path=str(tmp_path / "x.nc"))
    assert source.header.names == ("t",)
    found = source.header.grid
    assert found.bounds is not None
    assert found.identity == grid.identity
    for one, other in zip(found.bounds.vertices(), grid.bounds.vertices(), strict=True):  # type: ignore[union-attr]
        np.testing.assert_allclose(one, other, atol=1e-9)
    near = 3.0 if kind == "plane" else 15.0
    boxes = {
        "plane": {"north": 42, "south": 38, "west": 15, "east": 25},
        "axes": {"north": 30, "south": -30, "west": 30, "east": 95},
    }
    area = boxes.get(kind, {})
    coarse = PluginChoice(
        plugin="subset",
        area=area,
        source={"plugin": "regrid", "to": {"degrees": near}, "method": "nearest", "source": choice.model_dump()},
    )
    there = Regrid(source=choice, to=Target(like=coarse), method="conservative")
    weights = interpolation_weights(grid, there.header.grid, "conservative")
    covered = np.asarray(weights.sum(axis=1))
    expected = weights @ np.arange(1.0, len(grid) + 1) / covered
    np.testing.assert_allclose(there.read(there.header.times, ["t"])[0, 0, 0], expected, rtol=1e-5)
    between = Regrid(source=choice, to=Target(like=coarse), method="conservative", cells="made")
    assert np.abs(between.read(between.header.times, ["t"])[0, 0, 0] - expected).max() > 1e-3
    assert between.fingerprint() != there.fingerprint()
    if kind == "cells":  # the region is not the whole globe
        back = Regrid(source=coarse, to=Target(like=choice), method="conservative")
        weights = interpolation_weights(replace(made(coarse).header.grid, bounds=None), grid, "conservative")
        values = made(coarse).read(back.header.times, ["t"])[0, 0, 0]
        np.testing.assert_allclose(
            back.read(back.header.times, ["t"])[0, 0, 0], weights @ values.astype("f8"), rtol=1e-5
        )


def made(choice: PluginChoice) -> DataSource:
    return create("data-source", choice.plugin, choice.options, where="source")


def test_a_source_with_bounds_is_pickled_and_reads_the_same(tmp_path: Path) -> None:
    choice = written(tmp_path / "x.nc", UNEVEN, "axes")
    source = Regrid(source=choice, to=Target(healpix=2), method="conservative")
    again = pickle.loads(pickle.dumps(source))  # noqa: S301
    one, other = (each.read(source.header.times, ["t"]) for each in (source, again))
    np.testing.assert_array_equal(one, other)


def test_bounds_go_with_their_nodes_and_thinned_nodes_have_none(tmp_path: Path) -> None:
    choice = written(tmp_path / "x.nc", UNEVEN, "axes")
    listed = written(tmp_path / "y.nc", ICON, "cells")
    area = {"north": 60, "south": -60, "west": -30, "east": 120}
    for one, grid in ((choice, UNEVEN), (listed, ICON)):
        found = Subset(source=one, area=Area(**area)).header.grid
        assert found.bounds is not None
        assert grid.bounds is not None
        nodes = [
            int(np.argmin(np.hypot(grid.latitudes - lat, np.mod(grid.longitudes - lon + 180, 360) - 180)))
            for lat, lon in zip(found.latitudes, found.longitudes, strict=True)
        ]
        expected = grid.bounds.of_nodes(np.array(nodes)).vertices()
        np.testing.assert_allclose(np.stack(found.bounds.vertices()), np.stack(expected), atol=1e-9)
        assert Subset(source=one, thinning=Thinning(every=2)).header.grid.bounds is None
    corners = Subset(source=choice, area=Area(**area)).header.grid
    assert corners.is_regular
    assert corners.bounds is not None
    assert corners.bounds.along_axes
    both = Grids(
        sources=[choice, PluginChoice(plugin="rename", names={}, source=listed.model_dump())], names=["a", "b"]
    ).header.grid
    assert both.bounds is not None
    assert both.bounds.vertices()[0].shape == (36 + 512, 4)
    again = both.part("b")
    np.testing.assert_allclose(stated_areas(again), stated_areas(ICON))
    plain = PluginChoice(plugin="regrid", to={"degrees": 30}, source=choice.model_dump())
    assert Grids(sources=[choice, plain], names=["a", "b"]).header.grid.bounds is None
    region = PluginChoice(
        plugin="subset", area={"north": 40, "south": -40, "west": 0, "east": 100}, source=listed.model_dump()
    )
    assert Cutout(sources=[region, choice]).header.grid.bounds is None


def test_the_same_nodes_with_other_bounds_are_joined_and_keep_those_of_the_first(tmp_path: Path) -> None:
    one = written(tmp_path / "x.nc", UNEVEN, "axes")
    flipped = xr.open_dataset(tmp_path / "x.nc").isel(lat=slice(None, None, -1)).rename(t="q").load()
    flipped["lat_bnds"] = flipped["lat_bnds"] + 1.0
    flipped.to_netcdf(tmp_path / "y.nc")
    source = Join(sources=[one, PluginChoice(plugin="xarray", path=str(tmp_path / "y.nc"))])
    assert source.header.grid.bounds is not None
    np.testing.assert_allclose(source.header.grid.bounds.load()[0], UNEVEN.bounds.load()[0])  # type: ignore[union-attr]
    values = source.read(source.header.times, ["t", "q"])[0, 0]
    np.testing.assert_array_equal(values[0], values[1])


def test_the_column_that_is_there_twice_takes_its_bounds_along(tmp_path: Path) -> None:
    edges = np.arange(-5.0, 360, 10.0)
    grid = of_axes(np.linspace(90, -90, 10), edges)
    written(tmp_path / "x.nc", grid, "axes")
    whole = xr.open_dataset(tmp_path / "x.nc").load()
    last = whole.isel(lon=[0])
    last = last.assign_coords(lon=("lon", whole.lon.values[:1] + 360, whole.lon.attrs))
    xr.concat(
        [whole, last],
        "lon",
        data_vars="minimal",
        join="outer",
        coords="minimal",
        compat="override",
        combine_attrs="override",
    ).to_netcdf(tmp_path / "y.nc")
    found = XarraySource(path=str(tmp_path / "y.nc")).header.grid
    assert found.shape == grid.shape
    assert found.bounds is not None
    np.testing.assert_allclose(found.bounds.load()[1], grid.bounds.load()[1])  # type: ignore[union-attr]


@carries_out(
    "correct the file, or write `cells: made` to take cells between the nodes in place of what files state",
    "leave it out, or write `method: conservative`",
)
def test_bounds_of_a_file_that_do_not_fit_are_refused_when_they_are_needed(tmp_path: Path) -> None:
    choice = written(tmp_path / "x.nc", ICON, "cells")
    dataset = xr.open_dataset(tmp_path / "x.nc").load()
    dataset["clat_bnds"] = ("cell", dataset["clat"].values)
    dataset.to_netcdf(tmp_path / "y.nc")
    wrong = PluginChoice(plugin="xarray", path=str(tmp_path / "y.nc"))
    healpix = Target(healpix=2)
    assert Regrid(source=wrong, to=healpix, method="bilinear").header.names == ("t",)
    with pytest.raises(DataError, match=r"`clat_bnds` has the dimensions .*, to which bounds add one"):
        Regrid(source=wrong, to=healpix, method="conservative")
    assert Regrid(source=wrong, to=healpix, method="conservative", cells="made").header.names == ("t",)
    with pytest.raises(DataError, match="`cells` is made, and counts for `method: conservative` alone"):
        Regrid(source=choice, to=healpix, cells="made")
    assert Regrid(source=choice, to=healpix).header.names == ("t",)


def test_other_bounds_have_other_weights_in_the_cache(tmp_path: Path) -> None:
    choice = written(tmp_path / "x.nc", UNEVEN, "axes")
    bounds = UNEVEN.bounds
    assert bounds is not None
    rows, columns = bounds.load()
    moved = replace(UNEVEN, bounds=CellBounds.of(rows, columns - 0.5, along_axes=True))
    other = written(tmp_path / "y.nc", moved, "axes")
    first, second = (Regrid(source=each, to=Target(healpix=2), method="conservative") for each in (choice, other))
    values = [each.read(each.header.times, ["t"]) for each in (first, second)]
    assert np.abs(values[0] - values[1]).max() > 1e-3
    assert bounds.identity != moved.bounds.identity  # type: ignore[union-attr]
    assert bounds.identity == UNEVEN.bounds.identity  # type: ignore[union-attr]


def test_a_node_in_a_cell_that_is_not_convex() -> None:
    star = np.array([[0.0, 0.0], [-10, 0], [0, 30], [10, 0]])[:, ::1]
    grid = replace(Grid.unstructured([0.0], [20.0]), bounds=CellBounds.of(star[None, :, 0], star[None, :, 1]))
    assert grid.bounds is not None
    assert areas(stated_polygons(grid, grid.bounds).corners)[0] > 0
    outside = Grid.unstructured([5.0], [1.0])
    arrow = np.array([[-10.0, 0.0], [0, 8], [10, 0], [0, 30]])  # its second corner points inwards
    bounds = CellBounds.of(arrow[None, :, 0], arrow[None, :, 1])
    with pytest.raises(DataError, match="1 of 1 cells have vertices not around it"):
        stated_polygons(outside, bounds)
    assert unit_vectors(np.array([0.0]), np.array([20.0])).shape == (1, 3)


def test_the_nodes_of_a_list_have_the_areas_of_their_cells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    choice = written(tmp_path / "x.nc", ICON, "cells")
    grid = made(choice).header.grid
    np.testing.assert_allclose(grid.area_weights, stated_areas(ICON))
    assert np.ptp(grid.area_weights) > 0.2 * grid.area_weights.mean()
    assert not caplog.messages
    dataset = xr.open_dataset(tmp_path / "x.nc").load()
    dataset["clat_bnds"] = -dataset["clat_bnds"]
    dataset.to_netcdf(tmp_path / "y.nc")
    wrong = XarraySource(path=str(tmp_path / "y.nc")).header.grid
    np.testing.assert_allclose(wrong.area_weights, 1 / 512)
    assert "have vertices not around it" in caplog.messages[0]
    assert "the 512 nodes form no grid that wxml knows, so all of them count the same" in caplog.messages[1]


def test_the_land_of_a_real_grid_is_kept() -> None:
    """`lat_bnds` of ECHAM are halfway between Gaussian latitudes: the areas differ from the Gauss–Legendre weights."""
    path = SHARED / "static-fields" / "sftlf_mod1_rectilinear_grid_2D.nc"
    if not path.exists():
        pytest.skip(f"real data are not here: {path}")
    choice = PluginChoice(plugin="xarray", path=str(path), time="2000-01-01")
    grid = made(choice).header.grid
    land = made(choice).read(made(choice).header.times, ["sftlf"])[0, 0, 0].astype("f8")
    found = {}
    for cells_from in ("stated", "made"):
        there = Regrid(source=choice, to=Target(octahedral=32), method="conservative", cells=cells_from)
        values = there.read(there.header.times, ["sftlf"])[0, 0, 0]
        found[cells_from] = there.header.grid.area_weights @ values
    rows = np.ptp(np.sin(np.radians(xr.open_dataset(path)["lat_bnds"].values)), axis=1)
    stated = np.repeat(rows, grid.shape[1]) / rows.sum() / grid.shape[1]
    assert found["stated"] == pytest.approx(stated @ land, rel=1e-6)
    assert found["made"] == pytest.approx(grid.area_weights @ land, rel=1e-6)
    assert abs(found["made"] / found["stated"] - 1) > 1e-5
