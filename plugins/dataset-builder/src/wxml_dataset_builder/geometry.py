"""The shape of the data and of its chunks, and the files that hold the chunks of a date."""

__all__ = ["Geometry", "make_geometry"]

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import ceil, prod
from typing import Final

import numpy as np
from wxml.errors import DataError

from wxml_dataset_builder.recipe import Output

Four = tuple[int, int, int, int]

SPLIT_FROM: Final = 32 * 2**20
"""A chunk of so many bytes is split along the grid."""
LARGEST: Final = 2**31 - 1
"""The most bytes that Blosc packs at once."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Dates, variables, ensembles and values: how many there are, and how many in a chunk and in a file."""

    shape: Four
    chunks: Four
    shards: Four | None
    """None: each chunk is a file."""
    dtype: str
    format: int
    """Of zarr: 2 or 3."""
    compression: str

    @property
    def unit(self) -> int:
        """The number of dates that are written together, since they share files."""
        return (self.shards or self.chunks)[0]

    @property
    def units(self) -> int:
        """The number of units on the axis of dates."""
        return ceil(self.shape[0] / self.unit)

    @property
    def date_bytes(self) -> int:
        """The bytes of one date as it is read."""
        return 4 * prod(self.shape[1:])

    def dates_of(self, unit: int) -> range:
        """The positions of the dates of a unit."""
        return range(unit * self.unit, min((unit + 1) * self.unit, self.shape[0]))

    def files_of(self, unit: int) -> Iterator[str]:
        """The names of the files of a unit, from the root of the store on."""
        sizes = self.shards or self.chunks
        counts = [ceil(length / size) for length, size in zip(self.shape[1:], sizes[1:], strict=True)]
        for places in product(*map(range, counts)):
            keys = [str(place) for place in (unit, *places)]
            yield "data/" + (".".join(keys) if self.format == 2 else "/".join(["c", *keys]))


def make_geometry(shape: Four, output: Output) -> Geometry:
    """The chunks of a recipe for data of a shape.

    Raises:
        DataError: a chunk would have more bytes than Blosc can pack, or shards do not fit the format or the chunks.
    """
    wanted, item = output.chunks, np.dtype(output.dtype).itemsize
    variables, ensembles = (
        min(length, size or length)
        for length, size in zip(shape[1:3], (wanted.variables, wanted.ensembles), strict=True)
    )
    dates = wanted.dates  # also if there are fewer, since more may be appended
    each = item * dates * variables * ensembles
    values = min(shape[3], wanted.values) if wanted.values else _values(shape[3], each)
    if each * values > LARGEST:
        raise DataError(
            f"`output.chunks` makes chunks of {each * values} bytes, and Blosc packs {LARGEST} at most",
            fix="write less `values` or `dates` into `output.chunks`",
        )
    chunks = (dates, variables, ensembles, values)
    return Geometry(
        shape, chunks, _shards(shape, chunks, output), output.dtype, int(output.format[-1]), output.compression
    )


def _values(length: int, each: int) -> int:
    """The values in a chunk: all of them, or a quarter, and so on, until a chunk has less than `LARGEST` bytes."""
    parts = 4 if each * length >= SPLIT_FROM else 1
    while each * ceil(length / parts) > LARGEST and parts < length:
        parts *= 2
    return ceil(length / parts)


def _shards(shape: Four, chunks: Four, output: Output) -> Four | None:
    if output.shards is None:
        return None
    if output.format != "zarr3" or output.shards % chunks[0]:
        raise DataError(
            f"`output.shards` must be a multiple of `output.chunks.dates` ({chunks[0]}) in the format zarr3, got "
            f"{output.shards} in {output.format}",
            fix="take out `output.shards`",
        )
    whole = [ceil(length / size) * size for length, size in zip(shape[1:], chunks[1:], strict=True)]
    return (output.shards, whole[0], whole[1], whole[2])
