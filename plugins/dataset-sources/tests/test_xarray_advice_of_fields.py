"""What errors of the source `xarray` propose for fields, names and files, carried out: the right fields are read."""

import json
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import files as file_names
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
Way = Callable[[Path], dict[str, Any]]
"""Writes files into a folder, and returns the options that read them."""


def field(name: str = "x", start: float = 0.0, **attributes: str) -> xr.Dataset:
    """Two times of one variable on 2 × 2 nodes, 1 everywhere."""
    return xr.Dataset(
        {name: (("time", "lat", "lon"), np.ones((2, 2, 2), "f4"), attributes)},
        {
            "time": ("time", [start, start + 6], {"units": "hours since 2020-01-01"}),
            "lat": ("lat", [1.0, 0.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 1.0], {"units": "degrees_east"}),
        },
    )


def along(name: str, numbers: Any, of: xr.Dataset | None = None, **attributes: str) -> xr.Dataset:
    """A field with one more axis; `numbers` may be the length of an axis without a coordinate."""
    content = field() if of is None else of
    if isinstance(numbers, int):
        return content.expand_dims({name: numbers})
    return content.expand_dims({name: len(numbers)}).assign_coords({name: (name, numbers, attributes)})


def summed(times: list[float], name: str = "x", *, start: float = 0.0, step: float = 6.0) -> xr.Dataset:
    """Sums over two periods of `step` hours from the hour `start` on."""
    content = field(name, cell_methods="time: sum")
    content["time"] = ("time", times, {"units": "hours since 2020-01-01", "bounds": "time_bnds"})
    ends = start + step * np.arange(3)
    return content.assign(time_bnds=(("time", "nv"), np.stack([ends[:-1], ends[1:]], axis=1)))


def bare(latitude: str = "a", longitude: str = "b", **attributes: dict[str, str]) -> xr.Dataset:
    """A field whose axes have other names, and no attributes but these."""
    content = field().rename(lat=latitude, lon=longitude)
    for name in (latitude, longitude):
        content[name].attrs = attributes.get(name, {})
    return content


def on_a_plane(dims_of_longitude: tuple[str, ...]) -> xr.Dataset:
    """A field with latitudes `[y, x]` and longitudes of these dimensions."""
    north, east = np.meshgrid([1.0, 0.0], [0.0, 1.0], indexing="ij")
    longitude = east if len(dims_of_longitude) == 2 else east[0]
    return (
        field()
        .drop_vars(["lat", "lon"])
        .rename(lat="y", lon="x_axis")
        .assign_coords(latitude=(("y", "x_axis"), north), longitude=(dims_of_longitude, longitude))
    )


def files(*contents: xr.Dataset, **options: Any) -> Way:
    """One NetCDF file for each content; the option `only` is the number of the one that is read."""
    only = options.pop("only", None)

    def way(folder: Path) -> dict[str, Any]:
        paths = [str(folder / f"{number}.nc") for number in range(len(contents))]
        for path, content in zip(paths, contents, strict=True):
            content.to_netcdf(path)
        return {"path": paths if only is None else paths[only], **options}

    return way


def named(path: str) -> Way:
    """Reads `folder/right.nc` by another name."""

    def way(folder: Path) -> dict[str, Any]:
        (folder / "folder").mkdir()
        field().to_netcdf(folder / "folder/right.nc")
        return {"path": str(folder / path)}

    return way


def store(change: Callable[[Path], object] = lambda array: None) -> Way:
    """A zarr store, of whose array `x` something is changed afterwards."""

    def way(folder: Path) -> dict[str, Any]:
        field().to_zarr(folder / "a.zarr", zarr_format=2, consolidated=False)
        change(folder / "a.zarr/x")
        return {"path": str(folder / "a.zarr")}

    return way


def pickled(array: Path) -> None:
    """Name a codec that may run any code."""
    metadata = json.loads((array / ".zarray").read_text())
    (array / ".zarray").write_text(json.dumps(metadata | {"compressor": {"id": "pickle"}}))


LEVELS = along("lev", [850.0, 500.0], units="hPa")
HEIGHTS = along("lev", [500.0, 100.0], field("x", 12.0), units="m")
MEMBERS = along("number", [0, 1])
TWO = field().merge(along("other", 3, field("y")))
CASES = [
    # Places and axes
    (
        carries_out("correct the coordinates of the file"),
        files(on_a_plane(("x_axis",))),
        [(files(on_a_plane(("y", "x_axis"))), ("x",))],
    ),
    (
        carries_out(
            "if they are there, {}; of series at one point, say where it is: place: {latitude: 46.8, longitude: -71.2}"
        ),
        files(bare()),
        [
            (files(bare(), rename={"a": "latitude", "b": "longitude"}), ("x",)),
            (files(bare(a={"units": "degrees_north"}, b={"standard_name": "longitude"})), ("x",)),
        ],
    ),
    (
        carries_out("{}; or leave the variable out with `variables`"),
        files(TWO),
        [
            (files(TWO, rename={"other": "member"}), ("x", "y")),
            (
                files(field().merge(along("other", [3.0, 2.0, 1.0], field("y"), units="hPa"))),
                ("x", "y_3", "y_2", "y_1"),
            ),
            (files(TWO, variables=["x"]), ("x",)),
        ],
    ),
    (
        carries_out("{}; or leave the variable out with `variables`"),
        files(along("other", [1, 2])),
        [
            (files(along("other", [1, 2]), rename={"other": "member"}), ("x",)),
            (files(along("other", [1, 2]), rename={"other": "level"}), ("x_1", "x_2")),
            (files(along("other", [1, 2], standard_name="realization")), ("x",)),
        ],
    ),
    (
        carries_out("write numbers into the coordinate `{}`, or leave its variables out with `variables`"),
        files(field().merge(along("lev", ["low", "high"], field("y")))),
        [
            (files(field().merge(along("lev", [850.0, 500.0], field("y")))), ("x", "y_850", "y_500")),
            (files(field().merge(along("lev", ["low", "high"], field("y"))), variables=["x"]), ("x",)),
        ],
    ),
    # One name in several places
    (
        carries_out(
            "read them apart with `path` or `grib_filter`, or give one of them another name: "
            "rename: {'file.nc:name': new_name}"
        ),
        files(MEMBERS, field(start=12.0)),
        [
            (files(MEMBERS, field(start=12.0), only=0), ("x",)),
            (files(MEMBERS, field(start=12.0), rename={"1.nc:x": "y"}), ("x", "y")),
        ],
    ),
    (
        carries_out(
            "choose one with `path` or `grib_filter` (for example by typeOfLevel), or give one of them another "
            "name: rename: {'file.nc:name': new_name}"
        ),
        files(field(standard_name="air_temperature"), field(start=12.0, standard_name="soil_temperature")),
        [
            (
                files(
                    field(standard_name="air_temperature"), field(start=12.0, standard_name="soil_temperature"), **more
                ),
                names,
            )
            for more, names in (({"only": 1}, ("x",)), ({"rename": {"1.nc:x": "soil"}}, ("x", "soil")))
        ],
    ),
    (
        carries_out(
            "choose one with `path`, `levels` or `grib_filter` (by typeOfLevel), or give one of them another "
            "name: rename: {'file.nc:name': new_name}"
        ),
        files(LEVELS, HEIGHTS),
        [
            (files(LEVELS, HEIGHTS, only=1), ("x_500", "x_100")),
            (files(LEVELS, HEIGHTS, levels=[850, 100]), ("x_850", "x_100")),
            (files(LEVELS, HEIGHTS, rename={"1.nc:x": "y"}), ("x_850", "x_500", "y_500", "y_100")),
        ],
    ),
    # Periods
    (
        carries_out("correct the times or the bounds, or leave the variable out with `variables`"),
        files(summed([6.0, 11.0])),
        [
            (files(summed([6.0, 12.0])), ("x",)),
            (files(summed([6.0, 11.0]).merge({"y": field("y").y.variable}), variables=["y"]), ("y",)),
        ],
    ),
    (
        carries_out("write the ends of the periods as the times of all files"),
        files(summed([6.0, 12.0]), summed([12.0, 18.0], start=12.0)),
        [(files(summed([6.0, 12.0]), summed([18.0, 24.0], start=12.0)), ("x",))],
    ),
    # What is chosen
    (
        carries_out("leave `{}` out, or choose among {}"),
        files(field(), variables=[]),
        [(files(field()), ("x",)), (files(field(), variables=["x"]), ("x",))],
    ),
    (
        carries_out("leave `{}` out, or choose among {}"),
        files(LEVELS, levels=[]),
        [(files(LEVELS), ("x_850", "x_500")), (files(LEVELS, levels=[850]), ("x_850",))],
    ),
    (
        carries_out("leave {} out, or add its level to `levels`"),
        files(LEVELS, variables=["x_850", "x_500"], levels=[850]),
        [
            (files(LEVELS, variables=["x_850"], levels=[850]), ("x_850",)),
            (files(LEVELS, variables=["x_850", "x_500"], levels=[850, 500]), ("x_850", "x_500")),
        ],
    ),
    (
        carries_out("{}known: {}"),  # and not the name itself
        files(field().assign(series=("time", [1.0, 2.0])), variables=["series"]),
        [(files(field().assign(series=("time", [1.0, 2.0])), variables=["x"]), ("x",))],
    ),
    (
        carries_out("{}known: {}"),
        files(field("temperature"), variables=["temprature"]),
        [(files(field("temperature"), variables=["temperature"]), ("temperature",))],
    ),
    (
        carries_out("{}known: {}"),
        files(field(), rename={"xx": "y"}),
        [(files(field(), rename={"x": "y"}), ("y",))],
    ),
    (
        carries_out("{}known: {}"),
        files(field(), rename={"1.nc:x": "y"}),
        [(files(field(), rename={"0.nc:x": "y"}), ("y",))],
    ),
    # Files
    (carries_out("write the data again, as numbers, with usual codecs"), store(pickled), [(store(), ("x",))]),
    (
        carries_out("write the data again, or copy them again from where they were made"),
        store(lambda array: (array / ".zarray").unlink()),
        [(store(), ("x",))],
    ),
    (carries_out("_nearby()"), named("folder/rihgt.nc"), [(named("folder/right.nc"), ("x",))]),
    (carries_out("_nearby()"), named("folder/*.grib"), [(named("folder/*.nc"), ("x",))]),
    (carries_out("_nearby()"), named("nowhere/right.nc"), [(named("folder/right.nc"), ("x",))]),
]


@pytest.mark.parametrize(
    ("broken", "ways"),
    [
        pytest.param(broken, ways, marks=fix, id=f"{number} {fix.args[0]}")
        for number, (fix, broken, ways) in enumerate(CASES)
    ],
)
def test_the_fix_helps(broken: Way, ways: list[tuple[Way, tuple[str, ...]]], tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    with pytest.raises(DataError):
        XarraySource(**broken(tmp_path / "broken"))
    for number, (way, names) in enumerate(ways):
        (tmp_path / str(number)).mkdir()
        source = XarraySource(**way(tmp_path / str(number)))
        assert set(source.header.names) == set(names)
        assert np.nanmin(source.read(source.header.times, names)) == 1


@carries_out("narrow the pattern, or write fewer files")
def test_a_pattern_that_fits_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_names, "MOST_FILES", 3)
    for number in range(4):
        field(start=12.0 * number).to_netcdf(tmp_path / f"{number}.nc")
    with pytest.raises(DataError, match="more than 3 files match"):
        XarraySource(path=str(tmp_path / "*.nc"))
    assert XarraySource(path=str(tmp_path / "[12].nc")).header.times.size == 4
    contents = [field(start=12.0 * number) for number in range(4)]
    xr.concat(contents, "time").to_netcdf(tmp_path / "all.nc")
    for number in range(4):
        (tmp_path / f"{number}.nc").unlink()
    assert XarraySource(path=str(tmp_path / "*.nc")).header.times.size == 8


@carries_out("check that it is still there")
def test_a_file_that_comes_back(tmp_path: Path) -> None:
    field().to_netcdf(tmp_path / "a.nc")
    source = XarraySource(path=str(tmp_path / "a.nc"))
    records = source.provenance(), source.stamp()
    (tmp_path / "a.nc").rename(tmp_path / "b.nc")
    for method in (source.provenance, source.stamp):
        with pytest.raises(DataError, match="cannot be read: No such file"):
            method()
    (tmp_path / "b.nc").rename(tmp_path / "a.nc")
    assert (source.provenance(), source.stamp()) == records


@carries_out("check the file and its mode")
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="the system has no file whose bytes cannot be read")
def test_a_file_whose_bytes_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    path.symlink_to("/proc/self/mem")
    with pytest.raises(DataError, match="cannot be read: Input/output error"):
        XarraySource(path=str(path))
    path.unlink()
    field().to_netcdf(path)
    assert XarraySource(path=str(path)).header.names == ("x",)


@carries_out("the file is damaged or cut short: fetch or write it again")
def test_values_that_are_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    noise = np.random.default_rng(0).normal(size=(400, 2, 2))
    axes = {
        "time": ("time", np.arange(400.0), {"units": "hours since 2020-01-01"}),
        "lat": [1.0, 0.0],
        "lon": [0.0, 1.0],
    }
    content = xr.Dataset({"x": (("time", "lat", "lon"), noise)}, axes)

    def write() -> None:
        content.to_netcdf(path, encoding={"x": {"zlib": True, "chunksizes": (400, 2, 2)}})

    write()
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 1000] = bytes(1000)
    path.write_bytes(damaged)
    source = XarraySource(path=str(path))
    with pytest.raises(DataError, match=r"`x` cannot be read from"):
        source.read(source.header.times, ["x"])
    write()
    source = XarraySource(path=str(path))
    np.testing.assert_allclose(source.read(source.header.times, ["x"]).reshape(noise.shape), noise, rtol=1e-6)


def vast(path: Path, members: int, *levels: float) -> str:
    """A field with so many members on 500 × 500 nodes, of which nothing is written, so it takes no room."""
    axes = {
        "time": [0.0],
        "number": members,
        "lev": levels,
        "lat": np.linspace(1, 0, 500),
        "lon": np.linspace(0, 1, 500),
    }
    units = {"time": "hours since 2020-01-01", "lev": "hPa", "lat": "degrees_north", "lon": "degrees_east"}
    with netCDF4.Dataset(path, "w") as file:
        file.set_fill_off()
        for name, values in axes.items():
            file.createDimension(name, values if isinstance(values, int) else len(values))
            if name in units:
                file.createVariable(name, "f8", (name,))[:] = values
                file[name].units = units[name]
        file.createVariable("x", "f4", tuple(axes), contiguous=True)
    return str(path)


@contextmanager
def memory(more: int) -> Iterator[None]:
    """Let the process have only so many more bytes."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the system does not say what a process uses")
@carries_out(
    "a length in it may be damaged: fetch or write the file again; else choose fewer `levels`, or write the data into "
    "several files"
)
def test_values_that_need_more_memory_than_there_is(tmp_path: Path) -> None:
    rename, levels = {"number": "member"}, range(1, 11)
    path = vast(tmp_path / "a.nc", 20, *levels)
    whole, chosen = (XarraySource(path=path, rename=rename, levels=some) for some in (None, [1]))
    paths = [vast(tmp_path / f"{level}.nc", 20, level) for level in levels]
    several = XarraySource(path=paths, rename=rename)
    short = XarraySource(path=vast(tmp_path / "b.nc", 2, *levels), rename=rename)
    with memory(300 * 2**20):
        with pytest.raises(DataError, match=f"`x` of `{path}` needs more memory than there is"):
            whole.read(whole.header.times, whole.header.names)
        shapes = [source.read(source.header.times, ["x_1"]).shape for source in (chosen, several, short)]
    assert shapes == [(1, 20, 1, 250_000), (1, 20, 1, 250_000), (1, 2, 1, 250_000)]
