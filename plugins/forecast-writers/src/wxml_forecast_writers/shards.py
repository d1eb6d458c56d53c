"""The shards of a zarr array (format 3), files to which chunks are appended one by one.

zarr-python writes a shard whole: each further chunk would have it read and written again. Here a shard begins with its
index, as the codec `sharding_indexed` allows (https://zarr-specs.readthedocs.io, sharding codec 1.0), chunks follow in
the order in which they come, and a chunk is there as soon as the index tells its place.
"""

__all__ = ["MOST", "ShardFolder", "ranges", "shard_counts"]

import math
import os
import shutil
from collections.abc import Collection, Sequence
from io import BufferedRandom
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numcodecs import Blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from zarr.codecs import BloscCodec

MOST = 255
"""So many chunks are in a shard at most: then its index lies in one page of memory, and a process that is killed has
written all of it or nothing."""
LARGEST = 256 * 2**20
"""So many bytes of values are in a shard at most, if it holds more than one chunk."""
CHECKSUM = 4
"""So many bytes of a checksum follow an index."""
ABSENT = 2**64 - 1
"""In the index: there is no such chunk."""


def shard_counts(chunks: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """How many chunks of an array are in a shard along each axis: whole steps, first those of one initial time.

    Args:
        chunks: the shape of a chunk: float32 of one initial time and one lead time, and of all nodes.
        shape: the shape of the array: initial time, lead time, members (if any), nodes.
    """
    members = -(-shape[2] // chunks[2])
    fitting = max(1, min(MOST, LARGEST // (4 * math.prod(chunks))))
    steps = max(1, fitting // members)
    leads = min(shape[1], steps)
    return (steps // leads, leads, min(members, MOST), *(1 for _ in shape[3:]))


class ShardFolder:
    """Appends chunks to the shards of one array."""

    def __init__(self, folder: Path, array: "zarr.Array[Any]") -> None:
        """Take an array of float32 with an index at the beginning of each shard.

        Args:
            folder: that of the array, which holds its metadata.
            array: the array; its chunks are packed by Blosc, or not at all.
        """
        self._folder = folder
        self._counts = tuple(n // of for n, of in zip(array.shards or array.chunks, array.chunks, strict=True))
        self._indices: dict[tuple[int, ...], NDArray[np.uint64]] = {}
        self._blosc = next((_blosc(one) for one in array.compressors if isinstance(one, BloscCodec)), None)

    def put(self, place: Sequence[int], values: NDArray[np.float32]) -> None:
        """Append a chunk; one at the same place is there no more.

        Args:
            place: the number of the chunk along each axis.
            values: all of the chunk.

        Raises:
            OSError: the disk refuses; what was there is there still.
        """
        plain = np.ascontiguousarray(values, "<f4")
        chunk = plain.tobytes() if self._blosc is None else self._blosc.encode(plain)
        shard = tuple(int(number // count) for number, count in zip(place, self._counts, strict=True))
        inside = np.ravel_multi_index([n % count for n, count in zip(place, self._counts, strict=True)], self._counts)
        path = self._folder.joinpath("c", *map(str, shard))
        with self._opened(path, shard) as file:
            start = file.seek(0, os.SEEK_END)
            file.write(chunk)
            file.flush()
            index = self._indices[shard].copy()
            index[inside] = (start, len(chunk))
            file.seek(0)
            file.write(_index_bytes(index))
        self._indices[shard] = index

    def cut(self, steps: Collection[int], leads: int) -> None:
        """Take away the chunks of all steps but some; they must be behind those that stay.

        Args:
            steps: the numbers of the steps that stay: initial time × `leads` + lead time.
            leads: the number of lead times.

        Raises:
            OSError: the disk refuses.
        """
        for path in [path for path in self._folder.joinpath("c").rglob("*") if path.is_file()]:
            shard = tuple(map(int, path.relative_to(self._folder / "c").parts))
            first, lead = (number * count for number, count in zip(shard[:2], self._counts[:2], strict=True))
            with path.open("r+b") as file:
                index = np.frombuffer(file.read(16 * math.prod(self._counts)), "<u8").reshape(-1, 2).copy()
                times, later, *_ = np.unravel_index(np.arange(len(index)), self._counts)
                numbers = (first + times) * leads + lead + later
                goes = (index[:, 0] != ABSENT) & ~np.isin(numbers, list(steps))
                if not goes.any() and os.path.getsize(path) == _end(index):
                    continue  # perhaps another store shares it
                index[goes] = ABSENT
                file.seek(0)
                file.write(_index_bytes(index))
                file.truncate(_end(index))

    def _opened(self, path: Path, shard: tuple[int, ...]) -> BufferedRandom:
        """The file of a shard; a new one has an index of nothing, and one that another store shares is copied."""
        empty = np.full((math.prod(self._counts), 2), ABSENT, np.uint64)
        if shard not in self._indices:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_name(f"{path.name}.partial")
            if not path.exists():
                beside.write_bytes(_index_bytes(empty))
                beside.replace(path)
            elif path.stat().st_nlink > 1:
                shutil.copyfile(path, beside)
                beside.replace(path)
        file = path.open("r+b")
        if shard not in self._indices:
            self._indices[shard] = np.frombuffer(file.read(empty.nbytes), "<u8").reshape(empty.shape)
        return file


def _blosc(codec: BloscCodec) -> Blosc:
    """The same codec for one chunk after the other; zarr's is for its own pipeline."""
    name = getattr(codec.cname, "value", codec.cname)  # an enum in zarr 3.1, text in zarr 3.4
    return Blosc(cname=name, clevel=codec.clevel, shuffle=Blosc.SHUFFLE)


def _end(index: NDArray[np.uint64]) -> int:
    """Where the last chunk of a shard ends; behind the index, if there is none."""
    there = index[index[:, 0] != ABSENT]
    return int(there.sum(axis=1).max()) if len(there) else index.nbytes + CHECKSUM


def ranges(numbers: Collection[int]) -> list[list[int]]:
    """The first and the last of each run of numbers.

    >>> ranges({0, 1, 2, 5})
    [[0, 2], [5, 5]]
    """
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return found


def _index_bytes(index: NDArray[np.uint64]) -> bytes:
    """The places of the chunks, and their checksum, both in little endian."""
    content = index.astype("<u8").tobytes()
    return content + int(google_crc32c.value(content)).to_bytes(4, "little")
