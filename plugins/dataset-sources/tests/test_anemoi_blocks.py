"""Blocks of what blosc made, read and unpacked without the others: the same bytes, or a refusal."""

import os
import tempfile
import time
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import create
from wxml.errors import DataError
from wxml_dataset_sources.anemoi_reading import chunk_files, kept_chunks
from wxml_dataset_sources.anemoi_reading.blosc_blocks import HEADER, BloscBlocks
from wxml_dataset_sources.anemoi_reading.opened_file import OpenedFile, opened_file
from wxml_dataset_sources.anemoi_source import AnemoiSource

VALUES = np.cumsum(np.random.default_rng(0).normal(size=50_000)).astype("f4")
DATES = np.datetime64("2020-01-01", "s") + 6 * np.arange(4) * np.timedelta64(1, "h")


def packed(count: int, block: int, codec: str = "lz4", shuffle: int = 1) -> bytes:
    """Some of the values, packed in blocks of so many bytes."""
    done: bytes = numcodecs.Blosc(codec, 5, shuffle, blocksize=block).encode(VALUES[:count])
    return done


def in_other_order(made: bytes) -> bytes:
    """The same with its blocks in another order, as several threads write them."""
    *_, size, block, length = HEADER.unpack_from(made)
    count = -(-size // block)
    starts = np.frombuffer(made, "<u4", count, HEADER.size)
    parts = [made[first:end] for first, end in zip(starts, [*starts[1:], length], strict=True)]
    new, body, place = np.zeros(count, "<u4"), b"", HEADER.size + 4 * count
    for number in np.random.default_rng(1).permutation(count):
        new[number], body = place + len(body), body + parts[number]
    return made[: HEADER.size] + new.tobytes() + body


@given(
    st.integers(2, 50_000),
    st.sampled_from([1024, 4096, 65536]),
    st.sampled_from(["lz4", "zstd", "blosclz"]),
    st.sampled_from([0, 1, 2]),
    st.booleans(),
    st.data(),
)
@settings(
    max_examples=settings.default.max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_blocks_are_those_of_all_values(tmp_path, count, block, codec, shuffle, swapped, data):
    made = packed(count, block, codec, shuffle)
    path = tmp_path / "chunk"
    path.write_bytes(made)
    with opened_file(str(path)) as file:
        blocks = BloscBlocks.of(file, 4 * count)
    if blocks is None:
        return
    if swapped:
        path.write_bytes(in_other_order(made))
    first = data.draw(st.integers(0, len(blocks.starts) - 1))
    stop = data.draw(st.integers(first + 1, len(blocks.starts)))
    expected = VALUES[:count].view(np.uint8)[first * blocks.block : stop * blocks.block].view(np.float32)
    room = np.empty_like(expected)
    with opened_file(str(path)) as file:
        again = BloscBlocks.of(file, 4 * count)
        assert again is not None
        again.fill(file, first, stop, room)
    np.testing.assert_array_equal(room, expected)


def test_thousands_of_blocks_and_one_are_read(tmp_path):
    path = tmp_path / "chunk"
    for count, block in ((50_000, 128), (20, 4096)):
        path.write_bytes(packed(count, block))
        with opened_file(str(path)) as file:
            blocks = BloscBlocks.of(file, 4 * count)
            if count == 20:
                assert blocks is None
                continue
            assert blocks is not None
            assert len(blocks.starts) > 1024
            room = np.empty(64, np.float32)
            blocks.fill(file, 1200, 1200 + 256 // blocks.block, room)
            np.testing.assert_array_equal(room, VALUES[1200 * blocks.block // 4 :][:64])


def written(folder: Path, block: int = 1024) -> str:
    """A store of 4 dates, 6 variables of 500 nodes, 2000 bytes each, in blocks."""
    root = zarr.open_group(folder, mode="w", zarr_format=2)
    root.attrs.update({"variables": list("abcdef")})
    packer = numcodecs.Blosc("zstd", 5, 1, blocksize=block)
    options = {"dtype": "f4", "fill_value": np.nan, "chunks": (1, 6, 1, 500), "compressors": packer}
    root.create_array("data", shape=(4, 6, 1, 500), **options)[:] = VALUES[:12_000].reshape(4, 6, 1, 500)
    root.create_array("dates", data=DATES)
    for name in ("latitudes", "longitudes"):
        root.create_array(name, data=np.linspace(0, 50, 500))
    return str(folder)


@pytest.fixture
def bytes_read(monkeypatch) -> list[int]:
    """How many bytes of files were read, each time."""
    found: list[int] = []
    read_into = OpenedFile.read_into

    def counted(file: OpenedFile, room, first: int) -> None:
        found.append(room.nbytes)
        read_into(file, room, first)

    monkeypatch.setattr(OpenedFile, "read_into", counted)
    return found


@pytest.fixture
def unpacked(monkeypatch) -> list[int]:
    """How many bytes of values blosc unpacked into memory of ours, each time."""
    found: list[int] = []
    unpack = numcodecs.blosc.decompress

    def counted(packed, room=None):
        if room is not None:
            found.append(room.nbytes)
        return unpack(packed, room)

    monkeypatch.setattr(numcodecs.blosc, "decompress", counted)
    return found


def test_one_variable_of_many_unpacks_its_blocks_alone(tmp_path, unpacked):
    source = AnemoiSource(path=written(tmp_path / "s.zarr"))
    found = source.read(DATES[[1]], ["b"])
    np.testing.assert_array_equal(found[0, 0, 0], VALUES[3500:4000])
    assert unpacked == [3 * 1024]  # bytes 2000 to 4000 lie in blocks 1, 2 and 3 of 12
    found = source.read(DATES[[1]], ["b", "a"])
    np.testing.assert_array_equal(found[0, 0], [VALUES[3500:4000], VALUES[3000:3500]])
    assert unpacked == [3 * 1024, 1024]  # block 0 was lacking


def test_what_is_not_packed_is_read_in_part(tmp_path, bytes_read):
    folder = written(tmp_path / "s.zarr")
    root = zarr.open_group(folder, mode="a", zarr_format=2)
    del root["data"]
    shape = (4, 6, 1, 50_000)
    values = np.resize(VALUES, shape)
    options = {"dtype": "f4", "fill_value": np.nan, "chunks": (1, 6, 1, 50_000), "compressors": None}
    root.create_array("data", shape=shape, **options)[:] = values
    for name in ("latitudes", "longitudes"):
        del root[name]
        root.create_array(name, data=np.linspace(0, 50, 50_000))
    found = AnemoiSource(path=folder).read(DATES[[2]], ["c"], nodes=[3, 5])
    np.testing.assert_array_equal(found[0, 0, 0], values[2, 2, 0, [3, 5]])
    assert sum(bytes_read) <= 2 * chunk_files.PLAIN_BLOCK


@pytest.mark.parametrize("where", ["blocks", "a block", "one beyond"])
def test_damaged_blocks_are_refused(tmp_path, where):
    source = AnemoiSource(path=written(tmp_path / "s.zarr"))
    file = tmp_path / "s.zarr" / "data" / "1.0.0.0"
    made = bytearray(file.read_bytes())
    if where == "blocks":
        made[8:12] = (1).to_bytes(4, "little")  # of one byte each: more places than the file has
    elif where == "a block":
        made[HEADER.size + 4 * 12 : HEADER.size + 4 * 12 + 40] = b"\xff" * 40
    else:
        made[HEADER.size : HEADER.size + 4] = (len(made) + 5).to_bytes(4, "little")
    file.write_bytes(made)
    with pytest.raises(DataError, match=r"s.zarr` cannot be read"):
        source.read(DATES[[1]], ["a"])


def test_a_chunk_that_is_another_one_is_refused_and_read_by_who_opens_the_store_then(tmp_path):
    path = written(tmp_path / "s.zarr")
    source = AnemoiSource(path=path)
    source.read(DATES[[0]], ["a"])
    file, other = (tmp_path / "s.zarr" / "data" / f"{number}.0.0.0" for number in (0, 3))
    time.sleep(0.02)  # the clock of files goes in steps of up to 10 ms
    os.replace(other, file)
    with pytest.raises(DataError, match=r"s.zarr` was written again while it was in use"):
        source.read(DATES[[0]], ["a"])
    np.testing.assert_array_equal(AnemoiSource(path=path).read(DATES[[0]], ["a"])[0, 0, 0], VALUES[9000:9500])


def test_sources_of_one_file_that_are_joined_unpack_it_once_for_many_times(tmp_path, monkeypatch, unpacked):
    path = written(tmp_path / "s.zarr")
    parts = [
        {"plugin": "subset", "source": {"plugin": "anemoi", "path": path}, "select": list(names)}
        for names in ("abc", "def")
    ]
    joined = create("data-source", "join", {"sources": parts})
    monkeypatch.setattr(kept_chunks, "KEPT_BYTES", 2 * 12_000)
    monkeypatch.setattr("wxml_dataset_sources.combining.beside.READ_TOGETHER", 2 * 12_000)
    found = joined.read(DATES, list("abcdef"))
    np.testing.assert_array_equal(found[:, 0].ravel(), VALUES[:12_000])
    assert sum(unpacked) == 4 * 12_000


@settings(max_examples=settings.default.max_examples, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6), st.integers(0, 3)), min_size=1, max_size=6))
def test_any_ranges_of_variables_are_those_of_all_values(ranges):
    """In any order, with blocks that are asked for in part, whole, and again."""
    with tempfile.TemporaryDirectory() as folder:
        source = AnemoiSource(path=written(Path(folder) / "s.zarr"))
        for first, count, date in ranges:
            names = list("abcdef")[first : first + count]
            found = source.read(DATES[[date]], names)[0, 0]
            expected = VALUES[date * 3000 : date * 3000 + 3000].reshape(6, 500)[first : first + count]
            np.testing.assert_array_equal(found, expected)


def test_a_block_is_unpacked_twice_at_most_and_not_kept_the_first_time(tmp_path, unpacked):
    """Half of the variables are 6000 bytes: blocks 0 to 4 whole, and a part of block 5, which is kept for the rest."""
    source = AnemoiSource(path=written(tmp_path / "s.zarr"))
    for _ in range(4):
        found = source.read(DATES[[1]], list("abc"))
        np.testing.assert_array_equal(found[0, 0].ravel(), VALUES[3000:4500])
    assert unpacked == [5 * 1024, 1024, 5 * 1024]
    source.read(DATES[[1]], list("def"))
    assert unpacked[3:] == [12_000 - 6 * 1024]
