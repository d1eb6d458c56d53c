"""Points of files: every format and name gives the same nodes, and what is no place is told."""

import logging
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import Grid, create
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.meshes.points import Points

carries_out = pytest.mark.carries_out
CONTEXT = BuildContext(Grid.octahedral(4))
PLACES = np.array([[90.0, 0.0], [47.25, -179.5], [-33.0, 12.125], [0.0, 359.75], [-90.0, 45.0]])
KINDS = ["csv", "npz", "netcdf-3", "netcdf-4"]
SUFFIX = {"csv": ".csv", "npz": ".npz", "netcdf-3": ".nc", "netcdf-4": ".nc4"}


def written(
    folder: Path, kind: str, places: Any = PLACES, names: tuple[str, str] = ("lat", "lon"), **units: str
) -> str:
    """A file of points, with the units of latitudes and longitudes where a format has them."""
    path = folder / f"points{SUFFIX[kind]}"
    path.unlink(missing_ok=True)
    values = np.asarray(places, float)
    if kind == "csv":
        rows = [
            ",".join(("name", *names)),
            *(f"point {i},{lat!r},{lon!r}" for i, (lat, lon) in enumerate(values.tolist())),
        ]
        path.write_text("# some points\n" + "\n".join(rows) + "\n")
    elif kind == "npz":
        np.savez(path, **{names[0]: values[:, 0], names[1]: values[:, 1], "other": np.zeros(3)})
    else:
        with netCDF4.Dataset(path, "w", format="NETCDF4" if kind == "netcdf-4" else "NETCDF3_CLASSIC") as file:
            file.createDimension("node", len(values))
            for column, name in enumerate(names):
                variable = file.createVariable(name, "f8", ("node",), fill_value=-9999.0)
                variable[:] = values[:, column]
                given = units.get(("latitude", "longitude")[column])
                if given is not None:
                    variable.units = given
    return str(path)


def points(path: str, **options: Any) -> MeshNodes:
    return Points(path=path, **options).build(CONTEXT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "names", [("lat", "lon"), ("latitudes", "longitudes"), ("CLAT", "Clon"), ("nav_lat", "nav_lon")]
)
def test_every_format_gives_the_points_in_their_order(tmp_path: Path, kind: str, names: tuple[str, str]) -> None:
    made = points(written(tmp_path, kind, names=names))
    np.testing.assert_array_equal(made.nodes.latitudes, PLACES[:, 0])
    np.testing.assert_allclose(made.nodes.longitudes, PLACES[:, 1] % 360)
    assert made.levels == ()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.floats(-89, 89), st.floats(-180, 360)),
        min_size=1,
        max_size=9,
        unique_by=lambda one: round(one[0], 3),
    ),
    st.sampled_from(KINDS),
    st.booleans(),
)
def test_degrees_and_radians_are_the_same_places(
    tmp_path: Path, places: list[tuple[float, float]], kind: str, stated: bool
) -> None:
    degrees = {"latitude": "degrees_north", "longitude": "degrees_east"} if stated else {}
    radians = dict.fromkeys(degrees, "radian")
    one = points(written(tmp_path, kind, places, **degrees))
    other = points(written(tmp_path, kind, np.radians(places), **radians), units="radians")
    np.testing.assert_allclose(one.points, other.points, atol=1e-9)


@pytest.mark.parametrize(
    "units", ["degrees_north", "degree_north", "degreesN", "degree_N", "degrees", "degree", "deg", "°", "Degrees"]
)
def test_degrees_are_written_in_many_ways(tmp_path: Path, units: str) -> None:
    assert len(points(written(tmp_path, "netcdf-4", latitude=units, longitude=units.replace("north", "east")))) == 5


@pytest.mark.parametrize("kind", ["netcdf-3", "netcdf-4"])
@pytest.mark.parametrize("units", ["radian", "rad"])
@carries_out("write `units: {}`")
def test_other_units_are_told(tmp_path: Path, kind: str, units: str) -> None:
    path = written(tmp_path, kind, np.radians(PLACES), latitude=units, longitude=units)
    with pytest.raises(DataError, match=f"`lat` .* must be in degrees, got the units '{units}'"):
        points(path)
    assert points(path, units="radians").nodes.latitudes[1] == pytest.approx(47.25)


@carries_out("convert it to degrees, or correct its attribute `units`")
def test_metres_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got the units 'm'"):
        points(written(tmp_path, "netcdf-4", longitude="m"))
    assert len(points(written(tmp_path, "netcdf-4", longitude="degrees_east"))) == 5


def test_radians_without_units_are_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="wxml")
    points(written(tmp_path, "csv"))
    points(written(tmp_path, "csv", np.radians(PLACES)), units="radians")
    assert not caplog.messages
    points(written(tmp_path, "csv", np.radians(PLACES)))
    assert "look like radians, and are taken for degrees" in caplog.text


NOT_PLACES: list[tuple[Any, str]] = [
    ([[np.nan, 0.0], [1.0, 1.0]], r"`lat` .* 1 of 2 values that do not; the first, of point 0, is nan"),
    ([[1.0, 0.0], [1.0, np.inf]], r"`lon` .* the first, of point 1, is inf"),
    ([[91.0, 0.0]], r"`lat` .* within -90 and 90 degrees"),
    ([[0.0, 400.0]], r"`lon` .* within -360 and 360 degrees"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("places", "message"), NOT_PLACES)
@carries_out("leave these points out, or correct the names or the `units` of latitude and longitude")
def test_what_is_no_place_is_told(tmp_path: Path, kind: str, places: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        points(written(tmp_path, kind, places))
    assert len(points(written(tmp_path, kind, [[1.0, 1.0]]))) == 1


@pytest.mark.parametrize("kind", ["netcdf-3", "netcdf-4"])
def test_a_missing_value_of_a_file_is_no_place(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind)
    with netCDF4.Dataset(path, "a") as file:
        file["lat"][2] = np.ma.masked
    with pytest.raises(DataError, match="1 of 5 values that do not; the first, of point 2, is nan"):
        points(path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("places", "message"),
    [
        ([[10.0, 20.0], [0.0, 0.0], [10.0, 20.0]], "2 of 3 points .* the first are 0 and 2 at 10°N 20°E"),
        ([[0.0, 0.0], [10.0, -180.0], [10.0, 180.0]], "the first are 1 and 2"),
        ([[-90.0, 3.0], [-90.0, 70.0]], "share their place"),
        ([[5.0, 0.0], [5.0, 360.0]], "share their place"),
    ],
)
@carries_out("write each place once")
def test_a_place_twice_is_told(tmp_path: Path, kind: str, places: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        points(written(tmp_path, kind, places))
    assert len(points(written(tmp_path, kind, places[:1]))) == 1


@pytest.mark.parametrize("kind", KINDS)
@carries_out("give the option `{}` the name that they have in the file")
def test_other_names_are_given_as_options(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, names=("phi", "lambda"))
    with pytest.raises(DataError, match="has no latitudes named latitude or latitudes or lat"):
        points(path)
    with pytest.raises(DataError, match="has no latitudes named ph: did you mean 'phi'"):
        points(path, latitude="ph", longitude="lambda")
    assert len(points(path, latitude="phi", longitude="lambda")) == 5


def test_a_standard_name_comes_before_a_usual_name(tmp_path: Path) -> None:
    path = written(tmp_path, "netcdf-4")
    with netCDF4.Dataset(path, "a") as file:
        true = file.createVariable("y", "f4", ("node",))
        true[:], true.standard_name, true.units = np.arange(5), "latitude", "degrees_north"
    assert points(path).nodes.latitudes.tolist() == [0, 1, 2, 3, 4]
    assert points(path, latitude="lat").nodes.latitudes.tolist() == PLACES[:, 0].tolist()


def test_packed_values_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "packed.nc"
    with netCDF4.Dataset(path, "w", format="NETCDF3_CLASSIC") as file:
        file.createDimension("n", 2)
        for name in ("lat", "lon"):
            variable = file.createVariable(name, "i2", ("n",))
            variable.scale_factor, variable.add_offset = 0.01, 10.0
            variable.set_auto_scale(False)
            variable[:] = [100, 200]
    np.testing.assert_allclose(points(str(path)).nodes.latitudes, [11, 12])


def test_two_dimensional_places_are_points_row_by_row(tmp_path: Path) -> None:
    latitudes, longitudes = np.meshgrid([10.0, 20.0], [1.0, 2.0, 3.0], indexing="ij")
    np.savez(tmp_path / "a.npz", lat=latitudes, lon=longitudes)
    made = points(str(tmp_path / "a.npz")).nodes
    assert made.latitudes.tolist() == [10, 10, 10, 20, 20, 20]
    assert made.longitudes.tolist() == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize("count", [2, 3])
@carries_out("write one of both for each point; rows and columns are the mesh `latitude-longitude`")
def test_axes_are_no_points(tmp_path: Path, count: int) -> None:
    path = tmp_path / "axes.nc"
    with netCDF4.Dataset(path, "w") as file:
        for name, size in (("lat", 2), ("lon", count)):
            file.createDimension(name, size)
            file.createVariable(name, "f8", (name,))[:] = np.arange(size)
    with pytest.raises(DataError, match=r"each point needs a latitude and a longitude.*along lat and lon"):
        points(str(path))
    assert len(points(written(tmp_path, "netcdf-4"))) == 5
    assert len(create("mesh-builder", "latitude-longitude", {"latitudes": 4}).build(CONTEXT)) == 32


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_columns_may_be_divided_otherwise(tmp_path: Path, mark: str) -> None:
    lines = [["id", " Latitude", "longitude"], ["1", "10", " 20"], ["2", "-10.5", "1e1"]]
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(mark.join(line) for line in lines).encode())
    assert points(str(path)).nodes.latitudes.tolist() == [10, -10.5]


@pytest.mark.parametrize(
    ("row", "got"), [("a,b,c", "'b'"), ("1", "a row of 1 columns"), ("1,,3", "''"), ("1,2 3,4", "'2 3'")]
)
@carries_out("correct the row, or leave it out")
def test_a_row_without_numbers_is_told(tmp_path: Path, row: str, got: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"id,lat,lon\n0,1,2\n{row}\n")
    with pytest.raises(DataError, match=f"`lat` of point 1 .* must be a number, got {got}"):
        points(str(path))
    path.write_text("id,lat,lon\n0,1,2\n")
    assert len(points(str(path))) == 1


@carries_out("write at least one")
def test_an_empty_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no point"):
        points(written(tmp_path, "npz", np.empty((0, 2))))
    assert len(points(written(tmp_path, "npz", [[0, 0]]))) == 1


@carries_out("give the file such a name")
def test_other_suffixes_are_told(tmp_path: Path) -> None:
    path = Path(written(tmp_path, "csv"))
    path.rename(tmp_path / "points")
    with pytest.raises(DataError, match=r"must end with \.npz, \.csv"):
        points(str(tmp_path / "points"))
    (tmp_path / "points").rename(tmp_path / "points.csv")
    assert len(points(str(tmp_path / "points.csv"))) == 5


@carries_out("write it again, with `numpy.savez`")
def test_pickles_and_other_files_are_never_read_as_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, lat=np.array([{"a": 1}], object), lon=np.zeros(1))
    with pytest.raises(DataError, match="cannot be read as arrays of NumPy"):
        points(str(path))
    path.write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(DataError, match="cannot be read as arrays of NumPy"):
        points(str(path))
    np.savez(path, lat=np.zeros(1), lon=np.zeros(1))
    assert len(points(str(path))) == 1


@carries_out("write it again, in UTF-8")
def test_text_of_another_encoding_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("lat,lon,größe\n1,2,3\n".encode("latin-1"))
    with pytest.raises(DataError, match="cannot be read as text"):
        points(str(path))
    path.write_text("lat,lon,größe\n1,2,3\n", encoding="utf-8")
    assert len(points(str(path))) == 1


@carries_out("write it again, as numbers")
def test_texts_are_no_places(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", lat=np.array(["1"]), lon=np.zeros(1))
    with pytest.raises(DataError, match=r"`lat` .* must be numbers, got <U1"):
        points(str(tmp_path / "a.npz"))
    np.savez(tmp_path / "a.npz", lat=np.array([1]), lon=np.zeros(1))
    assert len(points(str(tmp_path / "a.npz"))) == 1


def test_a_hdf5_file_that_leads_to_another_one_is_refused(tmp_path: Path) -> None:
    import h5py

    written(tmp_path, "netcdf-4")
    with h5py.File(tmp_path / "trap.nc", "w") as file:
        file["lat"] = h5py.ExternalLink(str(tmp_path / "points.nc4"), "lat")
        file["lon"] = np.zeros(5)
    with pytest.raises(DataError, match="so the file is not opened"):
        points(str(tmp_path / "trap.nc"))
