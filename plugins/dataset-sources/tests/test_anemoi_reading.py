"""How the source `anemoi` reads chunks: every packing, only what is asked for, and what is missing or damaged."""

import os
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from wxml import create
from wxml.errors import DataError
from wxml.testing.file_server import FileServer
from wxml_dataset_sources.anemoi_reading.opened_file import OpenedFile
from wxml_dataset_sources.anemoi_source import AnemoiSource
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore:The data type:FutureWarning")
DATES = np.datetime64("2020-01-01", "s") + 6 * np.arange(6) * np.timedelta64(1, "h")
NAMES = ["u", "v", "t", "q"]
SHAPE = (6, 4, 3, 12)
PACKINGS: dict[str, dict[str, Any]] = {
    "2 plain": {"zarr_format": 2, "compressors": None},
    "2 blosc": {"zarr_format": 2, "compressors": numcodecs.Blosc("lz4", shuffle=1)},
    "2 zstd": {"zarr_format": 2, "compressors": numcodecs.Zstd(1)},
    "2 lz4": {"zarr_format": 2, "compressors": numcodecs.LZ4()},
    "2 zlib": {"zarr_format": 2, "compressors": numcodecs.Zlib(1)},
    "2 delta": {"zarr_format": 2, "compressors": numcodecs.Blosc("lz4"), "filters": [numcodecs.Delta("f4")]},
    "2 columns first": {"zarr_format": 2, "compressors": None, "order": "F"},
    "2 big-endian": {"zarr_format": 2, "compressors": None, "dtype": ">f4"},
    "2 double": {"zarr_format": 2, "compressors": None, "dtype": "f8"},
    "3 plain": {"zarr_format": 3, "compressors": None},
    "3 blosc": {"zarr_format": 3, "compressors": BloscCodec(cname="zstd")},
    "3 zstd": {"zarr_format": 3, "compressors": ZstdCodec()},
    "3 gzip": {"zarr_format": 3, "compressors": GzipCodec()},
    "3 big-endian": {"zarr_format": 3, "compressors": None, "serializer": zarr.codecs.BytesCodec(endian="big")},
    "3 shards": {"zarr_format": 3, "compressors": ZstdCodec(), "shards": (2, 4, 3, 12)},
}
PLAIN = PACKINGS["2 plain"]


def fields() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 1000, SHAPE).astype("f4")


def write(path: Path, packing: dict[str, Any], chunks: tuple[int, ...] = (1, 4, 3, 12), fill: float = np.nan) -> str:
    """Write a store, and give its path."""
    root = zarr.open_group(path, mode="w", zarr_format=packing["zarr_format"])
    root.attrs.update({"variables": NAMES})
    options = {"dtype": "f4", "fill_value": fill, "chunks": chunks, "shape": SHAPE} | packing
    root.create_array("data", **{key: value for key, value in options.items() if key != "zarr_format"})[:] = fields()
    root.create_array("dates", data=DATES.astype("M8[s]"))
    root.create_array("latitudes", data=np.linspace(50, -50, 12))
    root.create_array("longitudes", data=np.linspace(0, 300, 12))
    return str(path)


def files_of(path: str) -> list[Path]:
    """The files of chunks, in order."""
    kept = [Path(folder) / name for folder, _, names in os.walk(f"{path}/data") for name in names]
    return sorted(file for file in kept if file.name not in (".zarray", ".zattrs", "zarr.json"))


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("chunks", [(1, 4, 3, 12), (1, 1, 1, 12), (2, 3, 2, 5)])
def test_a_part_is_that_of_the_array_however_it_is_packed(tmp_path, packing, chunks):
    if "shards" in packing and chunks != (1, 4, 3, 12):
        pytest.skip("these chunks do not divide the shards")
    fill = 0.0 if packing == "2 delta" else np.nan  # a difference to the NaN beyond the edge is NaN
    source = AnemoiSource(path=write(tmp_path / "s.zarr", PACKINGS[packing], chunks, fill))
    whole = fields().swapaxes(1, 2)
    for rows, columns, members, nodes in (
        ([0], [0, 1, 2, 3], None, None),
        ([0, 1], [1, 2], slice(1, 2), None),
        ([5, 0, 0, 3], [3, 0, 2], [2, 0], [11, 4, 4]),
        ([2], [2], [1], slice(3, 9)),
    ):
        found = source.read(DATES[rows], [NAMES[c] for c in columns], members=members, nodes=nodes)
        expected = whole[rows][:, slice(None) if members is None else members][:, :, columns]
        np.testing.assert_array_equal(found, expected[..., slice(None) if nodes is None else nodes])


@pytest.mark.parametrize("packing", ["2 plain", "2 blosc", "3 zstd"])
def test_only_the_chunks_of_what_is_asked_for_are_read(tmp_path, packing):
    path = write(tmp_path / "s.zarr", PACKINGS[packing], (1, 2, 1, 12))
    source = AnemoiSource(path=path)
    whole = source.read(DATES, NAMES)
    kept = [file for file in files_of(path) if str(file).replace("/", ".").endswith("3.1.2.0")]
    assert len(kept) == 1
    for file in set(files_of(path)) - set(kept):
        file.write_bytes(b"damaged")
    part = source.read(DATES[[3]], ["t", "q"], members=[2])
    np.testing.assert_array_equal(part, whole[3:4, 2:3, 2:4])
    for more in ({"members": [1, 2]}, {}):
        with pytest.raises(DataError, match="cannot be read"):
            source.read(DATES[[3]], ["t", "q"], **more)


@pytest.mark.parametrize("length", [0, 7, 20, -1, -20])
@pytest.mark.parametrize("packing", [name for name in PACKINGS if name != "3 shards"])
def test_a_chunk_that_is_cut_short_is_refused(tmp_path, packing, length):
    path = write(tmp_path / "s.zarr", PACKINGS[packing])
    file = files_of(path)[2]
    file.write_bytes(file.read_bytes()[:length])
    source = AnemoiSource(path=path)
    with pytest.raises(DataError, match=r"s.zarr` cannot be read"):
        source.read(DATES, NAMES)
    with pytest.raises(DataError, match=r"s.zarr` cannot be read"):
        source.read(DATES, ["v"], nodes=[0])


@pytest.mark.carries_out("build the store again, or copy it again from where it was made")
@pytest.mark.parametrize("packing", ["2 plain", "2 blosc", "2 delta", "3 plain", "3 shards"])
def test_a_chunk_that_is_not_there_is_no_zero(tmp_path, packing):
    path = write(tmp_path / "s.zarr", PACKINGS[packing], fill=0.0)
    files_of(path)[1].unlink()
    source = AnemoiSource(path=path)
    row = 2 if packing == "3 shards" else 1
    with pytest.raises(DataError, match=r"lacks a chunk of its data at 2020-01-01T(06|12).*would be read as 0"):
        source.read(DATES[[0, row]], ["t"])
    write(tmp_path / "s.zarr", PACKINGS[packing], fill=0.0)
    np.testing.assert_array_equal(AnemoiSource(path=path).read(DATES, NAMES), fields().swapaxes(1, 2))


@pytest.mark.parametrize("place", ["folder", "server"])
def test_an_inner_chunk_that_is_not_in_its_shard_is_no_zero(tmp_path, place):
    """zarr leaves out inner chunks that hold nothing but the fill value."""
    path = write(tmp_path / "s.zarr", PACKINGS["3 shards"] | {"shards": (6, 4, 3, 12)}, (1, 4, 1, 12), 0.0)
    array: Any = zarr.open_group(path, mode="r+")["data"]
    array[3, :, 1] = 0
    array[4, 2] = 0  # a part of other chunks, which stay
    with FileServer(tmp_path) as server:
        zarr.consolidate_metadata(path)
        source = AnemoiSource(path=f"{server.url}/s.zarr" if place == "server" else path)
        whole = fields().swapaxes(1, 2)
        whole[4, :, 2] = 0
        with pytest.raises(DataError, match=r"lacks a chunk of its data at 2020-01-01T18.*would be read as 0"):
            source.read(DATES, ["v"])
        np.testing.assert_array_equal(source.read(DATES[[3]], NAMES, members=[0, 2]), whole[[3]][:, [0, 2]])
        np.testing.assert_array_equal(source.read(DATES[[5, 4]], NAMES), whole[[5, 4]])


@pytest.mark.parametrize("packing", ["2 plain", "2 blosc", "2 delta", "3 plain"])
def test_a_chunk_that_is_not_there_is_missing_where_the_store_fills_with_nan(tmp_path, packing):
    path = write(tmp_path / "s.zarr", PACKINGS[packing])
    files_of(path)[1].unlink()
    found = AnemoiSource(path=path).read(DATES, NAMES)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(np.delete(found, 1, 0), np.delete(fields(), 1, 0).swapaxes(1, 2))


def test_a_chunk_that_two_sources_share_is_unpacked_once(tmp_path, monkeypatch):
    path = write(tmp_path / "s.zarr", PACKINGS["2 blosc"])
    whole = {"plugin": "anemoi", "path": path}
    halves = [{"plugin": "subset", "source": whole, "select": names} for names in (NAMES[:2], NAMES[2:])]
    expected = fields().swapaxes(1, 2)
    np.testing.assert_array_equal(create("data-source", "join", {"sources": halves}).read(DATES, NAMES), expected)
    first, second = (create("data-source", half.pop("plugin"), half) for half in halves)
    np.testing.assert_array_equal(first.read(DATES[[4]], NAMES[:2])[0], expected[4, :, :2])
    with monkeypatch.context() as patch:
        patch.delattr(OpenedFile, "read_into")  # nobody reads
        np.testing.assert_array_equal(second.read(DATES[[4]], NAMES[2:])[0], expected[4, :, 2:])
    os.utime(files_of(path)[4], ns=(0, 0))
    with pytest.raises(DataError, match="was written again"):
        second.read(DATES[[4]], NAMES[2:])
