"""HDF5 files that lead to other files, or whose values are no numbers: refused, and nothing else is read."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import opening
from wxml_dataset_sources.xarray_source import XarraySource

SHAPE = (2, 3, 4)
VALUES = np.arange(24, dtype=np.float32).reshape(SHAPE)
AXES = {"time": [0.0, 6.0], "latitude": [50.0, 40.0, 30.0], "longitude": [0.0, 10.0, 20.0, 30.0]}
UNITS = {"time": "hours since 2020-01-01", "latitude": "degrees_north", "longitude": "degrees_east"}

Change = Callable[[Any, Path], None]


def made(path: Path, change: Change, other: Path = Path(), place: str = "/") -> Path:
    """A file with the variable `plain` on a grid, and with a change at the root or in a group."""
    with h5py.File(path, "w") as file:
        for name, values in AXES.items():
            axis = file.create_dataset(name, data=values)
            axis.attrs["units"] = UNITS[name]
            axis.make_scale(name)
        on_grid(file.create_dataset("plain", data=VALUES))
        change(file.require_group(place), other)
    return path


def on_grid(variable: Any) -> None:
    for number, name in enumerate(AXES):
        variable.dims[number].attach_scale(variable.file[name])


def external_storage(group: Any, other: Path) -> None:
    on_grid(group.create_dataset("t", shape=SHAPE, dtype="f4", external=[(str(other), 0, VALUES.nbytes)]))


def external_link(group: Any, other: Path) -> None:
    group["t"] = h5py.ExternalLink(str(other), "/plain")


def virtual(group: Any, other: Path) -> None:
    layout = h5py.VirtualLayout(SHAPE, "f4")
    layout[:] = h5py.VirtualSource(str(other), "plain", SHAPE)
    on_grid(group.create_virtual_dataset("t", layout))


def dangling(group: Any, _: Path) -> None:
    group["t"] = h5py.SoftLink("/nowhere")


def group_in_itself(group: Any, _: Path) -> None:
    group.create_group("t")["again"] = group


def half_floats(group: Any, _: Path) -> None:
    on_grid(group.create_dataset("t", data=VALUES.astype(np.float16)))


def unknown_filter(group: Any, _: Path) -> None:
    creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    creation.set_chunk(SHAPE)
    creation.set_filter(40000, h5py.h5z.FLAG_OPTIONAL, ())
    space = h5py.h5s.create_simple(SHAPE)
    variable = h5py.Dataset(h5py.h5d.create(group.id, b"t", h5py.h5t.NATIVE_FLOAT, space, creation))
    variable[...] = VALUES
    on_grid(variable)


def as_numbers(group: Any, _: Path) -> None:
    on_grid(group.create_dataset("t", data=VALUES, compression="gzip"))


def check_values(path: Path) -> None:
    """Whether both variables of a file are read."""
    source = XarraySource(path=str(path))
    for name in ("plain", "t"):
        np.testing.assert_array_equal(source.read(source.header.times, [name]).reshape(SHAPE), VALUES)


def of_type(dtype: Any) -> Change:
    return lambda group, _: on_grid(group.create_dataset("t", shape=SHAPE, dtype=dtype))


ELSEWHERE = (external_storage, external_link, virtual, dangling, group_in_itself, half_floats)
NO_NUMBERS = {
    "is packed by the filter 40000": unknown_filter,
    "holds records": of_type([("a", "f4")]),
    "holds opaque bytes": of_type("V4"),
    "holds lists of varying length": of_type(h5py.vlen_dtype(np.float32)),
    "holds references": of_type(h5py.ref_dtype),
}


@pytest.mark.carries_out("write the data again, as numbers, into one file without links")
@pytest.mark.parametrize("place", ["/", "g/h"])
@pytest.mark.parametrize("engine", ["auto", "netcdf"])
@pytest.mark.parametrize("change", ELSEWHERE, ids=lambda change: change.__name__)
def test_a_file_that_leads_elsewhere(change: Change, engine: Any, place: str, tmp_path: Path) -> None:
    other = made(tmp_path / "other.nc", lambda group, _: None)
    path = made(tmp_path / "a.nc", change, other, place)
    with pytest.raises(DataError, match=rf"`{re.escape(str(path))}` .*, so the file is not opened"):
        XarraySource(path=str(path), engine=engine, variables=["plain"])
    check_values(made(tmp_path / "b.nc", as_numbers))


@pytest.mark.parametrize("change", [external_storage, virtual], ids=lambda change: change.__name__)
def test_without_the_check_the_other_file_is_read(
    change: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tests above can fail."""
    monkeypatch.setattr(opening, "check_hdf5_file", lambda path: {})
    other = made(tmp_path / "other.nc", lambda group, _: None)
    source = XarraySource(path=str(made(tmp_path / "a.nc", change, other)), variables=["t"])
    read = source.read(source.header.times, ["t"]).tobytes()
    secret = other.read_bytes()[: VALUES.nbytes] if change is external_storage else VALUES.tobytes()
    assert read == secret


@pytest.mark.filterwarnings("ignore:.* has unsupported datatype")
@pytest.mark.parametrize("variables", [None, ["t"], ["plain", "t"]], ids=str)
@pytest.mark.parametrize("words", NO_NUMBERS)
def test_values_that_are_no_numbers(words: str, variables: list[str] | None, tmp_path: Path) -> None:
    path = made(tmp_path / "a.nc", NO_NUMBERS[words])
    if words in ("holds opaque bytes", "holds references") and variables is None:
        # NetCDF does not have such a variable: it is no field, like text
        assert XarraySource(path=str(path)).header.names == ("plain",)
        return
    with pytest.raises(DataError, match=rf"`{re.escape(str(path))}`: the variable `t` {words}"):
        XarraySource(path=str(path), variables=variables)


@pytest.mark.carries_out("{}; or leave it out with `variables`")
@pytest.mark.parametrize("words", ["is packed by the filter 40000", "holds records", "holds lists of varying length"])
def test_values_that_are_written_again_or_left_out(words: str, tmp_path: Path) -> None:
    path = made(tmp_path / "a.nc", NO_NUMBERS[words])
    with pytest.raises(DataError, match=f"the variable `t` {words}"):
        XarraySource(path=str(path))
    assert XarraySource(path=str(path), variables=["plain"]).header.names == ("plain",)
    check_values(made(tmp_path / "a.nc", as_numbers))


@pytest.mark.filterwarnings("ignore:.* has unsupported datatype")
@pytest.mark.parametrize("words", NO_NUMBERS)
def test_a_file_without_other_values(words: str, tmp_path: Path) -> None:
    def only(group: Any, other: Path) -> None:
        NO_NUMBERS[words](group, other)
        del group["plain"]

    with pytest.raises(DataError, match=rf"the variable `t` {words}"):
        XarraySource(path=str(made(tmp_path / "a.nc", only)))


@pytest.mark.filterwarnings("ignore:.* has unsupported datatype")
@pytest.mark.parametrize("words", NO_NUMBERS)
def test_what_is_not_selected_does_no_harm(words: str, tmp_path: Path) -> None:
    source = XarraySource(path=str(made(tmp_path / "a.nc", NO_NUMBERS[words])), variables=["plain"])
    np.testing.assert_array_equal(source.read(source.header.times, ["plain"]).reshape(SHAPE), VALUES)


@pytest.mark.carries_out("write the variable again, as numbers, with a usual compression such as zlib")
@pytest.mark.filterwarnings("ignore:.* has unsupported datatype")
@pytest.mark.parametrize("axis", ["latitude", "longitude"])
@pytest.mark.parametrize("words", ["is packed by the filter 40000", "holds opaque bytes"])
def test_an_axis_that_cannot_be_read_is_named(words: str, axis: str, tmp_path: Path) -> None:
    def replace(group: Any, _: Path) -> None:
        del group[axis]
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        kind = h5py.h5t.NATIVE_DOUBLE if "filter" in words else h5py.h5t.py_create(np.dtype("V4"))
        space = h5py.h5s.create_simple((len(AXES[axis]),))
        if "filter" in words:
            creation.set_chunk((len(AXES[axis]),))
            creation.set_filter(40000, h5py.h5z.FLAG_OPTIONAL, ())
        made = h5py.Dataset(h5py.h5d.create(group.id, axis.encode(), kind, space, creation))
        if "filter" in words:
            made[...] = AXES[axis]
        made.attrs["units"] = UNITS[axis]
        made.make_scale(axis)
        group["plain"].dims[list(AXES).index(axis)].attach_scale(made)

    with pytest.raises(DataError, match=rf"variable `{axis}` {words}"):
        XarraySource(path=str(made(tmp_path / "a.nc", replace)))
    check_values(made(tmp_path / "a.nc", as_numbers))


PACKINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "zlib": {"compression": "zlib", "complevel": 1},
    "zlib without shuffle": {"compression": "zlib", "shuffle": False},
    "checksums": {"fletcher32": True, "compression": "zlib"},
    "szip": {"compression": "szip"},
    "zstd": {"compression": "zstd"},
    "bzip2": {"compression": "bzip2"},
    "blosc": {"compression": "blosc_lz4"},
    "quantised": {"compression": "zlib", "significant_digits": 5, "quantize_mode": "GranularBitRound"},
    "contiguous": {"contiguous": True},
}
FORMATS = ("NETCDF4", "NETCDF4_CLASSIC", "NETCDF3_CLASSIC", "NETCDF3_64BIT_OFFSET", "NETCDF3_64BIT_DATA")


def written(path: Path, dtype: str = "f4", form: Any = "NETCDF4", **packing: Any) -> Path:
    """A file with 400 values of `t`, as netCDF4 writes it."""
    with netCDF4.Dataset(path, "w", format=form) as file:
        for axis, values in {"time": [0.0], "latitude": [10.0, 0.0], "longitude": np.arange(200) * 0.5}.items():
            file.createDimension(axis, len(values))
            file.createVariable(axis, "f8", (axis,))[...] = values
            file[axis].units = UNITS[axis]
        file.createVariable("t", dtype, tuple(AXES), **packing)[...] = np.arange(400).reshape(1, 2, 200)
    return path


def check_read(path: Path) -> None:
    source = XarraySource(path=str(path))
    np.testing.assert_allclose(source.read(source.header.times, ["t"]).ravel(), np.arange(400), rtol=1e-4)


@pytest.mark.parametrize("name", PACKINGS)
def test_a_file_with_a_usual_packing_is_read(name: str, tmp_path: Path) -> None:
    try:
        path = written(tmp_path / "a.nc", **PACKINGS[name])
    except RuntimeError as error:
        pytest.skip(f"this build of netCDF4 does not have it: {error}")
    check_read(path)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("dtype", ["i2", "i4", "f4", "f8"])
def test_every_format_of_netcdf_is_read(form: str, dtype: str, tmp_path: Path) -> None:
    check_read(written(tmp_path / "a.nc", dtype, form))


def test_links_within_the_file_are_read(tmp_path: Path) -> None:
    def change(group: Any, _: Path) -> None:
        group["soft"], group["hard"] = h5py.SoftLink("/plain"), group["plain"]

    source = XarraySource(path=str(made(tmp_path / "a.nc", change)))
    for name in ("plain", "soft", "hard"):
        np.testing.assert_array_equal(source.read(source.header.times, [name]).reshape(SHAPE), VALUES)


@pytest.mark.parametrize("first", ["h5py", "netCDF4"])
def test_both_libraries_read_in_one_process(first: str, tmp_path: Path) -> None:
    """Wheels of the two that bring the same file of libhdf5_hl break each other."""
    path = made(tmp_path / "a.nc", lambda group, _: None)
    shutil.copy(path, tmp_path / "b.nc")
    script = f"""
import {first}, h5py, netCDF4
with netCDF4.Dataset({str(path)!r}) as one, h5py.File({str(path)!r}) as two:
    assert (one["plain"][...] == two["plain"][...]).all()
    assert one["plain"].dimensions == {tuple(AXES)}
with netCDF4.Dataset({str(tmp_path / "c.nc")!r}, "w") as made:
    made.createDimension("x", 2)
    made.createVariable("x", "f4", ("x",))[...] = [1, 2]
with h5py.File({str(tmp_path / "d.nc")!r}, "w") as made:
    made.create_dataset("x", (2,)).make_scale()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
