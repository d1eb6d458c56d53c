"""Values of a store: only the chunks that hold what is asked for are read, several at a time."""

__all__ = ["read_values"]

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from typing import Any, Final, NamedTuple

import numpy as np
import zarr
from numpy.typing import NDArray
from wxml import ReadRequest
from wxml.data.read_request import Positions, run
from wxml.data.times import format_time
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.anemoi_reading.chunk_files import ChunkFiles
from wxml_dataset_sources.anemoi_reading.chunk_requests import ChunkRequests
from wxml_dataset_sources.anemoi_reading.chunks import Chunk, bounds, chunks_of, is_all, taken
from wxml_dataset_sources.anemoi_reading.store import COPY_AGAIN, damaged, data_array, written
from wxml_dataset_sources.remote.documents import StoreAt
from wxml_dataset_sources.zarr_reading.local_store import FoundArray, check_chunk
from wxml_dataset_sources.zarr_reading.whole_chunks import WholeChunks

KEPT_OPEN: Final = 64
THREADS: Final = 8
"""At most so many chunks are unpacked at a time."""
Values = NDArray[np.float32]


class _Data(NamedTuple):
    """The array of a store, and how its chunks are read."""

    path: str
    array: "zarr.Array[Any]"
    sizes: tuple[int, ...]
    """The length of a chunk along each axis."""
    files: ChunkFiles | ChunkRequests | None
    """None: zarr reads them."""


def read_values(
    path: str, dates: NDArray[np.datetime64], request: ReadRequest, out: Values, at: StoreAt | FoundArray
) -> None:
    """Write what is asked for of a store to `out[time, member, variable, node]`.

    Args:
        path: the store, which `opened` accepts.
        dates: the instants on its axis, for messages.
        request: positions on the axes of the store.
        out: the array to fill, perhaps a view.
        at: the store on another machine, or the array of the data on this one as it was found.

    Raises:
        DataError: a chunk is damaged, was written again since the store was found, or is not there though it would not
            be read as missing values.
    """
    with damage_errors(lambda error: damaged(path, error)):
        data = _opened(path, at)
        room = out.swapaxes(1, 2)
        wanted = (run(request.times), run(request.variables), request.members, request.nodes)
        chunks = chunks_of(wanted, data.sizes)
        if len(chunks) == 1:
            _read_or_fill(data, dates, room, at, chunks[0])
        else:
            _each(partial(_read_or_fill, data, dates, room, at), chunks, _at_once(at))


def _opened(path: str, at: StoreAt | FoundArray) -> _Data:
    """The array, which is opened once; raise a DataError if it was written again as another one."""
    if isinstance(at, StoreAt):
        return _data(path, written(path, at), os.getpid(), at)
    now = written(path)
    if now != at.written:
        at.check_same()
    return _data(path, now, os.getpid(), None)


def _at_once(at: StoreAt | FoundArray) -> int:
    """How many chunks are read at a time."""
    return at.remote.options.concurrency if isinstance(at, StoreAt) else min(len(os.sched_getaffinity(0)), THREADS)


def _each(read: Callable[[Chunk], None], chunks: Sequence[Chunk], count: int) -> None:
    """Read all chunks, so many at a time: codecs unpack without Python's lock, and requests wait without it."""
    if count == 1:
        for chunk in chunks:
            read(chunk)
        return
    for _ in _pool(os.getpid(), count).map(read, chunks):
        pass


def _read_or_fill(
    data: _Data, dates: NDArray[np.datetime64], room: Values, at: StoreAt | FoundArray, chunk: Chunk
) -> None:
    """Write what is asked for of a chunk to its places in `room`, or NaN where the store says that it is missing."""
    is_there = True
    try:
        _read_chunk(data, chunk, room)
    except FileNotFoundError:
        is_there = False
    if isinstance(at, FoundArray):  # after the read, so that no change is between the two
        check_chunk(data.path, f"data/{_key(data.array, chunk)}", at.time)
    if not is_there:
        first = chunk.numbers[0] * data.sizes[0]
        _check_missing(data.path, data.array, dates[first : first + data.sizes[0]])
        _assign(room, chunk.places, np.float32(np.nan))


def _key(array: "zarr.Array[Any]", chunk: Chunk) -> str:
    """The name of the file that a chunk is in."""
    shard = array.shards or array.chunks
    starts = (number * size for number, size in zip(chunk.numbers, array.chunks, strict=True))
    return array.metadata.encode_chunk_key(tuple(start // size for start, size in zip(starts, shard, strict=True)))


def _read_chunk(data: _Data, chunk: Chunk, room: Values) -> None:
    """Write what is asked for of a chunk to its places in `room`, `[time, variable, member, node]`."""
    files = data.files
    if files is None:
        _read_with_zarr(data, chunk, room)
        return
    target = _target(room, chunk.places)
    fits = target is not None and target.flags.c_contiguous and files.dtype == target.dtype
    if target is not None and fits and all(map(is_all, chunk.own, data.sizes)):
        files.fill(chunk.numbers, target)
    elif target is not None and fits and files.has_ranges and _is_range(chunk, data.sizes):
        own: Any = chunk.own[1]
        files.fill_range(chunk.numbers, own.start * math.prod(data.sizes[2:]), target)
    else:
        values = files.values(chunk.numbers, *bounds(chunk.own, data.sizes))
        _assign(room, chunk.places, taken(values, chunk.own))


def _target(room: Values, places: Sequence[Positions]) -> Values | None:
    """The view of `room` at these places; None if they are no slices."""
    for each in places:
        if not isinstance(each, slice):
            return None
    return room[tuple(places)]


def _is_range(chunk: Chunk, sizes: Sequence[int]) -> bool:
    """Whether variables that follow each other are asked for of one date, whole."""
    rest = all(map(is_all, chunk.own[2:], sizes[2:]))
    return sizes[0] == 1 and is_all(chunk.own[0], 1) and isinstance(chunk.own[1], slice) and rest


def _read_with_zarr(data: _Data, chunk: Chunk, room: Values) -> None:
    """Write what is asked for of a chunk; raise a FileNotFoundError where zarr would fill in what is no NaN."""
    array = data.array
    starts = [number * size for number, size in zip(chunk.numbers, data.sizes, strict=True)]
    ends = [min(start + size, length) for start, size, length in zip(starts, data.sizes, array.shape, strict=True)]
    values = np.asarray(array[tuple(map(slice, starts, ends))])
    if not _is_nan(array.fill_value) and _is_absent(array, starts):
        raise FileNotFoundError(f"the chunk {chunk.numbers}")
    _assign(room, chunk.places, taken(values, chunk.own))


def _is_absent(array: "zarr.Array[Any]", starts: Sequence[int]) -> bool:
    """Whether the chunk that begins there, which was read, is not in its store, or not in its shard."""
    store = array.store
    return isinstance(store, WholeChunks) and any(
        all(first <= start < last for start, (first, last) in zip(starts, part, strict=True))
        for part in store.absent.parts(array.path)
    )


def _assign(room: Values, places: Sequence[Positions], values: Any) -> None:
    target = _target(room, places)
    if target is not None:
        target[...] = values
    else:
        axes = [np.arange(size)[each] for size, each in zip(room.shape, places, strict=True)]
        room[np.ix_(*axes)] = values


def _check_missing(path: str, array: "zarr.Array[Any]", dates: NDArray[np.datetime64]) -> None:
    """Raise a DataError for a chunk that is not there, if the store does not fill it with NaN."""
    if not _is_nan(array.fill_value):
        raise DataError(
            f"`{path}` lacks a chunk of its data at {format_time(dates[0])}, and does not say that it is missing: it "
            f"would be read as {array.fill_value}",
            fix=COPY_AGAIN,
        )


def _is_nan(fill: object) -> bool:
    return isinstance(fill, float | np.floating) and bool(np.isnan(fill))


@lru_cache(maxsize=KEPT_OPEN)
def _data(path: str, written: int, process: int, at: StoreAt | None) -> _Data:
    """The array of the data; every process opens its own, and opens it again once its metadata were written again."""
    array = data_array(path, at)
    if at is not None:
        return _Data(path, array, array.chunks, ChunkRequests.of(at.remote, "data", array))
    return _Data(path, array, array.chunks, ChunkFiles.of(os.path.join(path, "data"), array))


@lru_cache(maxsize=4)
def _pool(process: int, count: int) -> ThreadPoolExecutor:
    """The threads of this process; after a fork, those of the parent are not there."""
    return ThreadPoolExecutor(count, "wxml-read")
