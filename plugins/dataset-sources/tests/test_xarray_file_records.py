"""The record of a data file: what it tells, what changes it, and how much of a large file is read for it."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading.file_records import file_record, stamp_of
from wxml_dataset_sources.xarray_source import XarraySource

KIB, GIB = 2**10, 2**30
BLOCK, BLOCKS = 16 * KIB, 16
LONG = BLOCK * BLOCKS + 12_345
STARTS = [(LONG - BLOCK) * number // (BLOCKS - 1) for number in range(BLOCKS)]
counted = pytest.mark.skipif(not os.path.exists("/proc/self/io"), reason="the system does not count what is read")


def bytes_read() -> int:
    """The bytes that this process has read from files so far."""
    return int(Path("/proc/self/io").read_text().split()[1])


def record_of(path: Path) -> dict[str, Any]:
    """The record without the name."""
    record = file_record(str(path))
    assert record.pop("name") == str(path)
    return record


def random_bytes(size: int, seed: int = 0) -> bytes:
    return np.random.default_rng(seed).bytes(size)


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK * BLOCKS])
def test_a_short_file_is_hashed_whole(size: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content := random_bytes(size))
    assert record_of(tmp_path / "a") == {"bytes": size, "sample_sha256": hashlib.sha256(content).hexdigest()}


@pytest.mark.parametrize("size", [BLOCK * BLOCKS + 1, LONG, 5_000_001])
def test_a_long_file_is_sampled_from_its_first_byte_to_its_last(size: int, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content := random_bytes(size))
    blocks = [content[start : start + BLOCK] for start in ((size - BLOCK) * i // 15 for i in range(16))]
    assert content.startswith(blocks[0])
    assert content.endswith(blocks[-1])
    expected = hashlib.sha256(b"".join(blocks)).hexdigest()
    assert record_of(tmp_path / "a") == {"bytes": size, "sample_sha256": expected}


@given(block=st.integers(0, BLOCKS - 1), offset=st.integers(0, BLOCK - 1), bit=st.integers(0, 7))
@example(block=0, offset=0, bit=0)
@example(block=BLOCKS - 1, offset=BLOCK - 1, bit=7)
@settings(max_examples=40)
def test_a_changed_byte_of_the_sample_changes_the_record(
    block: int, offset: int, bit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(random_bytes(LONG))
    path = tmp_path_factory.mktemp("changed") / "a"
    path.write_bytes(content)
    before = record_of(path)
    content[STARTS[block] + offset] ^= 1 << bit
    path.write_bytes(content)
    assert record_of(path) != before


@given(first=st.integers(0, 3 * BLOCK * BLOCKS), other=st.integers(0, 3 * BLOCK * BLOCKS))
@settings(max_examples=40)
def test_another_size_is_another_record(first: int, other: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("sizes") / "a"
    records = []
    for size in (first, other):
        path.write_bytes(bytes(size))
        records.append(record_of(path))
    assert (records[0] == records[1]) == (first == other)


def test_a_copy_has_the_record_of_its_original(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(random_bytes(LONG))
    shutil.copyfile(tmp_path / "a", tmp_path / "b")
    os.utime(tmp_path / "b", (1, 1))
    write_store(tmp_path / "a.zarr")
    shutil.copytree(tmp_path / "a.zarr", tmp_path / "b.zarr", copy_function=shutil.copyfile)
    assert record_of(tmp_path / "a") == record_of(tmp_path / "b")
    assert record_of(tmp_path / "a.zarr") == record_of(tmp_path / "b.zarr")


def test_a_file_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.nc` cannot be read: No such file"):
        file_record(str(tmp_path / "gone.nc"))


# Zarr stores


def write_store(path: Path) -> None:
    """A store of 40 chunks of 400 bytes, uncompressed."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    array = root.create_array("t", shape=(40, 100), chunks=(1, 100), dtype="f4", compressors=None)
    array[:] = np.arange(4000.0, dtype="f4").reshape(40, 100)


def rename(store: Path) -> None:
    (store / "t" / "7.0").rename(store / "t" / "99.0")


def exchange(store: Path) -> None:
    (store / "t" / "0.0").rename(store / "other")
    (store / "t" / "39.0").rename(store / "t" / "0.0")
    (store / "other").rename(store / "t" / "39.0")


def edit_metadata(store: Path) -> None:
    path = store / "t" / ".zarray"
    path.write_text(path.read_text().replace("<f4", "<i4"))


CHANGES: dict[str, Callable[[Path], Any]] = {
    "a chunk is added": lambda store: (store / "t" / "40.0").write_bytes(b""),
    "a chunk is removed": lambda store: (store / "t" / "7.0").unlink(),
    "a chunk is renamed": rename,
    "a chunk has another size": lambda store: (store / "t" / "7.0").write_bytes(bytes(399)),
    "metadata of the same size": edit_metadata,
    "a chunk of the sample has other bytes": lambda store: (store / "t" / "0.0").write_bytes(bytes([1] * 400)),
    "two chunks of the sample are exchanged": exchange,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_store_changes_its_record(change: str, tmp_path: Path) -> None:
    write_store(store := tmp_path / "a.zarr")
    before = record_of(store)
    assert before["bytes"] == sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
    CHANGES[change](store)
    assert record_of(store) != before


def test_a_link_to_nothing_in_a_store_is_no_file_of_it(tmp_path: Path) -> None:
    write_store(store := tmp_path / "a.zarr")
    before = record_of(store)
    (store / "link").symlink_to(tmp_path / "nowhere")
    assert record_of(store) == before


# Times


def test_the_stamp_changes_with_the_time_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    write_store(tmp_path / "b.zarr")
    paths = [str(tmp_path / "a"), str(tmp_path / "b.zarr")]
    stamps = [stamp_of(paths), stamp_of(paths)]
    assert stamps[0] == stamps[1]
    for name in ("a", "b.zarr/t/7.0", "b.zarr/.zgroup"):
        os.utime(tmp_path / name, (1, 1))
        stamps.append(stamp_of(paths))
    assert len(set(stamps)) == 4


def test_a_checksum_needs_no_stamp(tmp_path: Path) -> None:
    write_vast(tmp_path / "a.nc", "NETCDF4", numbers=1)  # all of it is read in the background
    plain, summed = (XarraySource(path=str(tmp_path / "a.nc"), variables=["t"], checksum=c) for c in (False, True))
    assert plain.stamp() == stamp_of([str(tmp_path / "a.nc")])
    assert summed.stamp() == ""


# What is read


def write_vast(path: Path, form: Any, numbers: int = 16 * GIB) -> None:
    """A small field `t` beside 64 GiB of `vast`, of which only the last value is written, so they take no room."""
    axis = {"time": 6, "lat": 3, "lon": 4, "number": numbers}
    with netCDF4.Dataset(path, "w", format=form) as file:
        file.set_fill_off()
        for name, size in axis.items():
            file.createDimension(name, size)
        for name in ("time", "lat", "lon"):
            file.createVariable(name, "f8", (name,))[:] = np.arange(axis[name])
        file["time"].units = "hours since 2000-01-01"
        contiguous = {"contiguous": True} if form == "NETCDF4" else {}
        file.createVariable("t", "f4", ("time", "lat", "lon"), **contiguous)[:] = np.ones((6, 3, 4))
        file.createVariable("vast", "f4", ("number",), fill_value=False, **contiguous)[-1] = 1.0


@counted
@pytest.mark.parametrize("form", ["NETCDF3_64BIT_DATA", "NETCDF4"])
def test_of_a_vast_file_little_is_read(form: Any, tmp_path: Path) -> None:
    write_vast(path := tmp_path / "vast.nc", form)
    assert path.stat().st_size > 64 * GIB
    xr.open_dataset(path).close()  # what the library imports on first use is not counted
    before = bytes_read()
    source = XarraySource(path=str(path), variables=["t"])
    (record,) = source.provenance()["files"]
    values = source.read(source.header.times, ["t"])
    assert bytes_read() - before < GIB / 64
    assert record["bytes"] == path.stat().st_size
    assert values.mean() == 1.0


@counted
def test_the_sample_of_a_file_has_a_bound(tmp_path: Path) -> None:
    for size in (0, 1, LONG, GIB, 64 * GIB):
        (tmp_path / "a").write_bytes(b"")
        os.truncate(tmp_path / "a", size)
        before = bytes_read()
        record = record_of(tmp_path / "a")
        assert bytes_read() - before < BLOCK * (BLOCKS + 1)
        assert record["bytes"] == size


def test_what_the_source_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_vast(Path("a.nc"), "NETCDF4")
    source = XarraySource(path="a.nc", rename={"t": "temperature"}, variables=["temperature"])
    options = {"engine": "auto", "rename": {"t": "temperature"}, "variables": ["temperature"]}
    assert source.provenance() == {"source": "xarray", "files": [file_record("a.nc")], "options": options}
