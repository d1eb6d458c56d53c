"""Data that would run code, or that never end: refused with a sentence before anything is decoded."""

import json
import os
import pickle  # noqa: TID251  # what a hostile store brings
import re
import shutil
import socket
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
from numcodecs.abc import Codec
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import files
from wxml_dataset_sources.xarray_source import XarraySource
from wxml_dataset_sources.zarr_reading import opening


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.marker), "w")


class Intruder(Codec):  # type: ignore[misc]
    """A codec as another package may add one: unpickles what it decodes."""

    codec_id = "intruder"

    def encode(self, buf: Any) -> Any:
        return buf

    def decode(self, buf: Any, out: Any = None) -> Any:
        pickle.loads(bytes(buf)).close()  # noqa: S301
        return np.array([10.0, 0.0])


def dataset() -> xr.Dataset:
    axes = {"time": ("time", [0.0], {"units": "hours since 2020-01-01"}), "lat": [10.0, 0.0], "lon": [0.0, 10.0]}
    return xr.Dataset({"t": (("time", "lat", "lon"), np.arange(4.0).reshape(1, 2, 2))}, axes)


def hostile(folder: Path, codec: str, dtype: str, where: str) -> str:
    """A store of format 2 whose axis `lat`, which is decoded as soon as the store is opened, has the codec."""
    store = folder / "a.zarr"
    dataset().to_zarr(store, zarr_format=2, consolidated=where == "consolidated")
    file = store / "lat" / ".zarray"
    changes = {"filters": [{"id": codec}], "compressor": None, "dtype": dtype}
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    (store / "lat" / "0").write_bytes(pickle.dumps(Payload(folder / "marker")))
    if where == "consolidated":
        merged = json.loads((store / ".zmetadata").read_text())
        merged["metadata"]["lat/.zarray"] |= changes
        (store / ".zmetadata").write_text(json.dumps(merged))
    return str(store)


@pytest.mark.parametrize("codec", ["pickle", "intruder"])
@pytest.mark.parametrize("dtype", ["|O", "<f8"])
@pytest.mark.parametrize("where", ["plain", "consolidated"])
@pytest.mark.parametrize("engine", ["auto", "zarr"])
def test_a_store_that_would_run_code(
    codec: str, dtype: str, where: str, engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True)  # as the versions before 0.16.6
    monkeypatch.setitem(numcodecs.registry.codec_registry, "intruder", Intruder)
    store = hostile(tmp_path, codec, dtype, where)
    with pytest.raises(DataError, match=rf"names the codec '{codec}', which is not known to be safe"):
        XarraySource(path=store, engine=engine)
    assert not (tmp_path / "marker").exists()


def test_without_the_check_the_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests above can fail."""
    monkeypatch.setitem(numcodecs.registry.codec_registry, "intruder", Intruder)
    monkeypatch.setattr(opening, "check_zarr_store", lambda path: None)
    XarraySource(path=hostile(tmp_path, "intruder", "<f8", "plain"))
    assert (tmp_path / "marker").exists()


FILTERS = [
    numcodecs.Delta(dtype="<f8"),
    numcodecs.FixedScaleOffset(offset=0, scale=1, dtype="<f8", astype="<i2"),
    numcodecs.BitRound(keepbits=20),
    numcodecs.Shuffle(elementsize=8),
]
COMPRESSORS = [
    numcodecs.Blosc(),
    numcodecs.Zstd(),
    numcodecs.GZip(),
    numcodecs.Zlib(),
    numcodecs.LZ4(),
    numcodecs.LZMA(),
    numcodecs.BZ2(),
]


@pytest.mark.parametrize("codec", [*FILTERS, *COMPRESSORS, None], ids=str)
def test_harmless_stores_of_format_2_are_read(codec: Any, tmp_path: Path) -> None:
    encoding = {"filters": [codec]} if codec in FILTERS else {"compressors": codec}
    dataset().to_zarr(tmp_path / "a.zarr", zarr_format=2, encoding={"t": encoding})
    source = XarraySource(path=str(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[0, 0, 0], np.arange(4))


@pytest.mark.parametrize("shards", [None, (1, 2, 2)])
def test_harmless_stores_of_format_3_are_read(shards: Any, tmp_path: Path) -> None:
    encoding = {"t": {"chunks": (1, 1, 2), "shards": shards}}
    dataset().to_zarr(tmp_path / "a.zarr", zarr_format=3, consolidated=False, encoding=encoding)
    source = XarraySource(path=str(tmp_path / "a.zarr"))
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[0, 0, 0], np.arange(4))


@pytest.mark.parametrize("engine", ["auto", "netcdf", "grib", "zarr"])
@pytest.mark.parametrize("is_pattern", [False, True])
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
def test_what_is_neither_file_nor_folder(kind: str, is_pattern: bool, engine: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.nc"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        here = os.getcwd()
        os.chdir(tmp_path)  # the name of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("a.nc")
        os.chdir(here)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=rf"`{re.escape(str(path))}` is neither a file nor a folder"):
        XarraySource(path=str(tmp_path / "*.nc") if is_pattern else str(path), engine=engine)


def test_a_pattern_of_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_FILES", 3)
    for number in range(4):
        (tmp_path / f"{number}.nc").touch()
    with pytest.raises(DataError, match=r"more than 3 files match `.*\*\.nc`"):
        XarraySource(path=str(tmp_path / "*.nc"))


ADDRESSES = [
    "simplecache::x",
    "http::x",
    "zip::x",
    "reference::x",
    "memory::x",
    "file:",
    "http:",
    "s3:x",
    "x#mode=bytes",
]


@pytest.mark.parametrize("is_pattern", [False, True])
@pytest.mark.parametrize("suffix", ["zarr", "nc"])
@pytest.mark.parametrize("name", ADDRESSES)
def test_a_name_that_looks_like_an_address_is_a_file(
    name: str, suffix: str, is_pattern: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    path = Path(f"{name}.{suffix}")
    path.parent.mkdir(exist_ok=True)
    dataset().to_netcdf("plain.nc")
    dataset().to_zarr("plain.zarr", zarr_format=2, consolidated=False)
    Path(f"plain.{suffix}").rename(path)
    Path(f"x.{suffix}").write_text("{}")  # what an address with `::` would name
    source = XarraySource(path=f"?{str(path)[1:]}" if is_pattern else str(path))
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[0, 0, 0], np.arange(4))


@pytest.mark.parametrize("engine", ["auto", "netcdf", "grib", "zarr"])
@pytest.mark.parametrize("path", ["ftp://a.b/x.nc", "file:///x.nc", "github://a/x", "simplecache::s3://a/x.zarr"])
def test_an_address_of_another_protocol_is_refused(path: str, engine: Any) -> None:
    with pytest.raises(DataError, match=r"names the protocol .*, which is not read"):
        XarraySource(path=path, engine=engine)


REFERENCES = {"version": 1, "refs": {".zgroup": '{"zarr_format": 2}', "t/0": ["/etc/hostname", 0, 8]}}


@pytest.mark.parametrize("engine", ["auto", "netcdf", "grib", "zarr"])
@pytest.mark.parametrize("name", ["a.zarr", "a.nc", "a.zip", "b.zarr"])
def test_references_and_archives_are_no_stores(name: str, engine: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    if name in ("a.zip", "b.zarr"):
        dataset().to_zarr(tmp_path / "store", zarr_format=2, consolidated=False)
        Path(shutil.make_archive(str(tmp_path / "made"), "zip", tmp_path / "store")).rename(path)
    else:
        path.write_text(json.dumps(REFERENCES))
    with pytest.raises(DataError, match=rf"`{re.escape(str(path))}` (cannot be read as|is a file of unknown format)"):
        XarraySource(path=str(path), engine=engine)


@pytest.mark.parametrize("separator", ["../", "/../", "..", "\0", ""])
def test_the_chunks_of_a_store_are_in_the_store(separator: str, tmp_path: Path) -> None:
    dataset().to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    file = tmp_path / "a.zarr" / "t" / ".zarray"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"dimension_separator": separator}))
    with pytest.raises(DataError, match="cannot be read as zarr"):
        XarraySource(path=str(tmp_path / "a.zarr"))


def test_consolidated_metadata_do_not_count(tmp_path: Path) -> None:
    """The metadata of each array decide; what `.zmetadata` says of them is checked, and not used."""
    dataset().to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=True)
    file = tmp_path / "a.zarr" / ".zmetadata"
    merged = json.loads(file.read_text())
    merged["metadata"]["t/.zarray"]["dtype"] = "<i8"
    merged["metadata"]["../../other/.zarray"] = merged["metadata"]["t/.zarray"]
    file.write_text(json.dumps(merged))
    source = XarraySource(path=str(tmp_path / "a.zarr"))
    assert source.header.names == ("t",)
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[0, 0, 0], np.arange(4))


def test_an_axis_that_no_memory_holds(tmp_path: Path) -> None:
    dataset().to_zarr(tmp_path / "a.zarr", zarr_format=2, consolidated=False)
    for name, shape in (("time", [10**14]), ("t", [10**14, 2, 2])):
        file = tmp_path / "a.zarr" / name / ".zarray"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"shape": shape}))
    with pytest.raises(DataError, match=r"a\.zarr` needs more memory than there is: Unable to allocate"):
        XarraySource(path=str(tmp_path / "a.zarr"))
