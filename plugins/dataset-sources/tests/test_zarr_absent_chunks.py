"""Chunks that a zarr store does not have: refused, unless they are missing values or the user takes the fill value."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml.errors import DataError
from wxml.testing.file_server import FileServer
from wxml_dataset_sources.xarray_source import XarraySource

TIMES, LEVELS, NODES = 6, 4, 12
PACKINGS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2, "t": {"chunks": (2, 1, 3, 4), "_FillValue": None}},
    "whole numbers": {"zarr_format": 3, "type": "i2", "t": {"chunks": (1, 1, 3, 4), "fill_value": 0}},
    "format 3": {"zarr_format": 3, "t": {"chunks": (2, 1, 3, 4), "fill_value": 0.0}},
    "shards": {"zarr_format": 3, "t": {"chunks": (1, 1, 3, 4), "shards": (4, 2, 3, 4), "fill_value": 0.0}},
    "shards beyond the end": {"zarr_format": 3, "t": {"chunks": (2, 1, 3, 3), "shards": (4, 3, 3, 6), "fill_value": 0}},
    "nodes apart": {"zarr_format": 3, "t": {"chunks": (3, 4, 2, 2), "fill_value": 0.0}},
}
"""Format and encoding of `t[time, level, lat, lon]`."""
REFUSED = r"lacks a chunk of `t` at 2000-01-0\dT\d\d, and does not say that it is missing: it would be read as 0"


def world() -> xr.Dataset:
    """Values 1 … 288, with 0 in some chunks."""
    values = 1 + np.arange(TIMES * LEVELS * NODES, dtype="f4").reshape(TIMES, LEVELS, 3, 4)
    values[2:4, 1:3], values[5, 3] = 0, 0
    return xr.Dataset(
        {"t": (("time", "level", "lat", "lon"), values, {"units": "K"})},
        {
            "time": ("time", 6 * np.arange(TIMES), {"units": "hours since 2000-01-01"}),
            "level": ("level", [1000, 850, 500, 250], {"units": "hPa", "standard_name": "air_pressure"}),
            "lat": ("lat", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def write(path: Path, packing: dict[str, Any], dataset: xr.Dataset | None = None) -> Path:
    """A store without the chunks that hold nothing but 0."""
    encoding = {"t": {"write_empty_chunks": False} | packing["t"]}
    values = (world() if dataset is None else dataset).astype(packing.get("type", "f4"))
    values.to_zarr(
        path, zarr_format=packing["zarr_format"], encoding=encoding, consolidated=packing["zarr_format"] == 2
    )
    return path


def sizes(packing: dict[str, Any]) -> tuple[int, int, int, int]:
    """The lengths of the chunks that are left out one by one."""
    found: tuple[int, int, int, int] = packing["t"]["chunks"]
    return found


def lacks(packing: dict[str, Any], time: int, level: int) -> bool:
    """Whether a chunk at a time and level holds nothing but 0."""
    times, levels = (
        slice(number // size * size, (number // size + 1) * size)
        for number, size in zip((time, level), sizes(packing), strict=False)
    )
    return not world().t.values[times, levels].any()


def at(path: object, **options: Any) -> XarraySource:
    return XarraySource(path=str(path), **options)


@pytest.fixture
def place(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """Says where a store is: on this machine, on a server, or behind references to its chunks."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    with FileServer(tmp_path) as server:

        def where(path: Path) -> str:
            if request.param == "references":
                return str(references(path))
            return f"{server.url}/{path.name}" if request.param == "server" else str(path)

        yield where


def references(path: Path) -> Path:
    """References to all chunks of a store, with its metadata inside."""
    files = [file for file in path.rglob("*") if file.is_file() and file.name != ".zmetadata"]
    names = {file: file.relative_to(path).as_posix() for file in files}
    refs: dict[str, Any] = {names[file]: [f"{path.name}/{names[file]}", 0, file.stat().st_size] for file in files}
    is_text = [file for file in files if file.name.startswith(".z") or file.name == "zarr.json"]
    refs |= {names[file]: file.read_text() for file in is_text}
    target = path.with_suffix(".json")
    target.write_text(json.dumps({"version": 1, "refs": refs}))
    return target


@pytest.mark.parametrize(
    ("place", "name"),
    [
        *(("folder", name) for name in PACKINGS),
        *((place, name) for place in ("server", "references") for name in ("format 2", "shards")),
    ],
    indirect=["place"],
)
def test_what_touches_an_absent_chunk_is_refused_and_nothing_else(
    name: str, place: Callable[..., str], tmp_path: Path
) -> None:
    packing = PACKINGS[name]
    where = place(write(tmp_path / "a.zarr", packing))
    expected = world().t.values.reshape(TIMES, LEVELS, NODES)
    absent, source = 0, at(where)
    for time in range(TIMES):
        for level, variable in enumerate(("t_1000", "t_850", "t_500", "t_250")):
            moment = source.header.times[[time]]
            if lacks(packing, time, level):
                absent += 1
                with pytest.raises(DataError, match=REFUSED):
                    source.read(moment, [variable])
            else:
                np.testing.assert_array_equal(source.read(moment, [variable])[0, 0, 0], expected[time, level])
    assert absent or name == "nodes apart"
    source = at(where, absent_chunks="fill")
    found = source.read(source.header.times, source.header.names)[:, 0]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.carries_out(
    "copy the store again, or write it again; if it leaves out chunks that hold nothing but its fill value, "
    "write `absent_chunks: fill`"
)
def test_the_sentence_names_the_time_and_what_it_proposes_reads_the_values(tmp_path: Path) -> None:
    whole = write(tmp_path / "whole.zarr", PACKINGS["format 3"], world() + 1)
    copy = tmp_path / "copy.zarr"
    shutil.copytree(whole, copy)
    (copy / "t/c/1/2/0/0").unlink()
    source = at(copy)
    with pytest.raises(DataError, match=r"copy.zarr` lacks a chunk of `t` at 2000-01-01T12.*it would be read as 0"):
        source.read(source.header.times[[0, 3]], ["t_500"])
    assert at(copy, absent_chunks="fill").provenance()["options"]["absent_chunks"] == "fill"
    shutil.copytree(whole, copy, dirs_exist_ok=True)
    np.testing.assert_array_equal(
        at(copy).read(source.header.times, ["t_500"])[:, 0, 0].reshape(-1, 3, 4), world().t.values[:, 2] + 1
    )


@pytest.mark.parametrize("missing", [{"_FillValue": np.nan}, {"_FillValue": -9.0}, {"_FillValue": None, "limit": True}])
@pytest.mark.parametrize("form", [2, 3])
def test_a_chunk_whose_fill_value_is_missing_is_missing(form: int, missing: dict[str, Any], tmp_path: Path) -> None:
    dataset = world() + 1
    encoding = {"chunks": (1, 4, 3, 4), "_FillValue": missing["_FillValue"]}
    if "limit" in missing:
        dataset.t.attrs["valid_min"] = np.float32(0.5)
    if form == 3:
        encoding["fill_value"] = missing["_FillValue"] or 0.0
    write(tmp_path / "a.zarr", {"zarr_format": form, "t": encoding}, dataset)
    (tmp_path / "a.zarr/t" / ("2.0.0.0" if form == 2 else "c/2/0/0/0")).unlink()
    source = at(tmp_path / "a.zarr")
    found = source.read(source.header.times, source.header.names)
    assert np.isnan(found[2]).all()
    assert not np.isnan(np.delete(found, 2, 0)).any()


@pytest.mark.parametrize("form", [2, 3])
def test_an_axis_that_counts_from_0_need_not_have_the_chunk_of_its_0(form: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    dataset = (world() + 1).assign_coords(lat=("lat", [10.0, 0.0, -10.0], {"units": "degrees_north"}))
    zero = {"chunks": (1,), "write_empty_chunks": False} | ({"fill_value": 0} if form == 3 else {})
    encoding = {"time": zero, "lat": zero | {"_FillValue": None}, "lon": zero | {"_FillValue": None}}
    dataset.to_zarr(path, zarr_format=form, encoding=encoding, consolidated=False)
    files = sorted(file.relative_to(path).as_posix() for file in (path / "time").rglob("[0-9]"))
    assert files == [f"time/{'c/' * (form == 3)}{number}" for number in range(1, 6)]
    source = at(path)
    assert source.header.times[0] == np.datetime64("2000-01-01")
    assert source.header.grid.latitudes[::4].tolist() == [10, 0, -10]


@pytest.mark.parametrize(("name", "number"), [("time", 3), ("lat", 1), ("lat", 2), ("lon", 1), ("level", 2)])
def test_a_coordinate_of_which_a_chunk_is_lost_is_refused(name: str, number: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    encoding = {axis: {"chunks": (1,), "fill_value": 0, "_FillValue": None} for axis in ("time", "lat", "lon", "level")}
    (world() + 1).to_zarr(path, zarr_format=3, encoding=encoding, consolidated=False)
    (path / name / "c" / str(number)).unlink()
    with pytest.raises(DataError, match=rf"a.zarr` lacks a chunk of its coordinate `{name}`"):
        at(path)


def test_places_of_nodes_of_which_a_chunk_is_lost_are_refused(tmp_path: Path) -> None:
    path, places = tmp_path / "a.zarr", ("y", "x")
    dataset = xr.Dataset(
        {"t": (("time", *places), np.ones((2, 4, 4), "f4"), {"units": "K"})},
        {
            "time": ("time", [0, 6], {"units": "hours since 2000-01-01"}),
            "lat": (places, np.linspace(40, 50, 16).reshape(4, 4), {"units": "degrees_north"}),
            "lon": (places, np.linspace(1, 9, 16).reshape(4, 4), {"units": "degrees_east"}),
        },
    )
    encoding = {axis: {"chunks": (2, 2), "fill_value": 0.0, "_FillValue": None} for axis in ("lat", "lon")}
    dataset.to_zarr(path, zarr_format=3, encoding=encoding, consolidated=False)
    assert len(at(path).header.grid) == 16
    (path / "lat/c/1/1").unlink()
    with pytest.raises(DataError, match=r"a.zarr` lacks a chunk of its coordinate `lat`"):
        at(path)


def test_times_that_a_store_says_to_hold_no_data_do_not_move_the_chunks(tmp_path: Path) -> None:
    dataset = (world() + 1).assign_attrs(valid_time_start="2000-01-01T12", valid_time_stop="2000-01-02T06")
    path = write(tmp_path / "a.zarr", {"zarr_format": 3, "t": {"chunks": (1, 4, 3, 4), "fill_value": 0.0}}, dataset)
    for number in (0, 1, 4):
        (path / "t/c" / str(number) / "0/0/0").unlink()
    source = at(path)
    assert len(source.header.times) == 4
    good = source.header.times[[0, 1, 3]]
    expected = world().t.values[[2, 3, 5]].reshape(3, LEVELS, NODES) + 1
    np.testing.assert_array_equal(source.read(good, source.header.names)[:, 0], expected)
    with pytest.raises(DataError, match="at 2000-01-02T00"):
        source.read(source.header.times, ["t_1000"])


def test_shards_within_shards_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", PACKINGS["shards"])
    file = path / "t" / "zarr.json"
    document = json.loads(file.read_text())
    inner = document["codecs"][0]["configuration"]
    inner["codecs"] = [{"name": "sharding_indexed", "configuration": inner | {"chunk_shape": [1, 1, 3, 2]}}]
    file.write_text(json.dumps(document))
    source = at(path)
    with pytest.raises(DataError, match="shards are packed, transposed, or within shards"):
        source.read(source.header.times, ["t_1000"])


@pytest.mark.parametrize("where", ["start", "end"])
@pytest.mark.parametrize("codec", ["blosc", "zstd"])
def test_a_whole_shard_is_read_wherever_its_index_is(where: str, codec: str, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", PACKINGS["format 3"])
    values = world().t.values
    sharding = zarr.codecs.ShardingCodec(
        chunk_shape=(1, 1, 3, 4),
        codecs=[zarr.codecs.BytesCodec(), zarr.codecs.BloscCodec() if codec == "blosc" else zarr.codecs.ZstdCodec()],
        index_location=where,
    )
    group = zarr.open_group(path, mode="r+")
    attributes = dict(group["t"].attrs)
    group.create_array(
        "t",
        shape=values.shape,
        chunks=(2, 2, 3, 4),
        dtype="f4",
        serializer=sharding,
        compressors=None,
        filters=None,
        fill_value=0.0,
        dimension_names=("time", "level", "lat", "lon"),
        attributes=attributes,
        overwrite=True,
    )[:] = values
    source = at(path)
    names = source.header.names
    np.testing.assert_array_equal(
        source.read(source.header.times[:2], names)[:, 0], values[:2].reshape(2, LEVELS, NODES)
    )
    with pytest.raises(DataError, match=REFUSED):
        source.read(source.header.times[2:4], names)
    shard = path / "t" / "c/0/0/0/0"
    shard.write_bytes(shard.read_bytes()[: 40 if where == "start" else -40])
    with pytest.raises(DataError, match="cannot be read"):
        at(path).read(source.header.times[:2], names)
