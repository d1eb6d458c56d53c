"""Forecasts as a folder of zarr arrays, one chunk a step, many chunks a file."""

__all__ = ["ZarrWriter"]

import re
import warnings
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import zarr
from numcodecs import Blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from pydantic import Field
from wxml import ForecastHeader
from wxml.files.failures import damage_errors, damaged
from wxml.forecasting.layout import PROVENANCE, TIME, Coordinate, ForecastLayout
from zarr.codecs import BloscCodec
from zarr.storage import LocalStore

from wxml_forecast_writers.cf_writer import CfWriter
from wxml_forecast_writers.shards import ShardFolder, ranges, shard_counts

ARRAY_METADATA = (".zarray", "zarr.json")
GROUP_FILES = r"\.zgroup|\.zattrs|\.zmetadata|zarr\.json"
ARRAY_FILES = r"\.zarray|\.zattrs|zarr\.json|\d+(\.\d+)*|c(/\d+)*(\.partial)?"
"""The metadata of an array and its chunks, in formats 2 and 3."""
SHARDED = 3
"""The format that has shards."""

Compression = Literal["none", "lz4", "zstd"]


class ZarrWriter(CfWriter):
    """Writes a zarr group with consolidated metadata.

    In format 3 a file (a shard) holds up to 255 chunks, and each is there as soon as it is written. Format 2 has no
    shards, so that each step of a variable is a file; it is for tools that read nothing else.
    """

    suffixes = (".zarr",)

    def __init__(
        self,
        target: str,
        *,
        compression: Annotated[
            Compression, Field(description="How chunks are packed, losslessly, after a byte shuffle (Blosc)")
        ] = "lz4",
        level: Annotated[int, Field(ge=1, le=9, description="Effort of the compression: 1 is fastest")] = 1,
        zarr_format: Annotated[
            Literal[2, 3], Field(description="Version of the zarr format; 2 has a file for each step")
        ] = 3,
    ) -> None:
        super().__init__(target)
        self._zarr_format = zarr_format
        self._compressor: Any = None
        if compression != "none" and zarr_format == SHARDED:
            self._compressor = BloscCodec(cname=compression, clevel=level, shuffle="shuffle")
        elif compression != "none":
            self._compressor = Blosc(cname=compression, clevel=level, shuffle=Blosc.SHUFFLE)
        self._arrays: dict[str, zarr.Array[Any]] = {}
        self._shards: dict[str, ShardFolder] = {}
        self._steps: set[int] = set()
        """The steps that are in the store: initial time × the number of lead times + lead time."""
        self._leads = 1

    def mark(self) -> dict[str, Any]:
        """The numbers of the steps that are in the store, as ranges: every chunk is there after `write`."""
        return {"steps": ranges(self._steps)}

    def reopen(self, header: ForecastHeader, mark: dict[str, Any]) -> None:
        """Open the store again, and take away what came after the mark; see `ForecastWriter`.

        Raises:
            ArtefactError: it is damaged.
            OSError: the disk refuses.
        """
        layout = self._laid_out(header)
        for path in [path for path in Path(self.target).rglob("*.partial") if path.is_file()]:
            path.unlink()
        self._open_arrays(layout)
        self._steps = {number for first, last in mark["steps"] for number in range(first, last + 1)}
        for shards in self._shards.values():
            shards.cut(self._steps, layout.shape[1])
        self._take(header, layout)

    def extend(self, header: ForecastHeader) -> None:
        """Make room for more initial times; see `ForecastWriter`. Chunks that are there stay as they are.

        Raises:
            ArtefactError: it is damaged.
            OSError: the disk refuses.
        """
        layout = self._laid_out(header)
        group = self._open_arrays(layout)
        for array in self._arrays.values():
            self._steps.update(range(array.shape[0] * layout.shape[1]))
            array.resize(layout.shape)
        group.update_attributes(layout.attributes)
        del group[TIME]
        self._put_coordinate(group, next(one for one in layout.coordinates if one.name == TIME))
        _consolidate(group)
        self._take(header, layout)

    def _open_arrays(self, layout: ForecastLayout) -> zarr.Group:
        """Open the group and the arrays of its forecast variables."""
        with damage_errors(partial(damaged, f"`{self.target}`")):
            group = zarr.open_group(LocalStore(self.target), mode="r+", use_consolidated=False)
            for name in layout.variables:
                self._write_to(name, _array(group, name))
        return group

    def _create(self, layout: ForecastLayout, attributes: dict[str, dict[str, Any]]) -> None:
        group = zarr.open_group(LocalStore(self.target), mode="w-", zarr_format=self._zarr_format)
        group.update_attributes(layout.attributes)
        for one in layout.coordinates:
            self._put_coordinate(group, one)
        for name in layout.variables:
            array = group.create_array(
                name,
                shape=layout.shape,
                chunks=layout.chunks,
                dtype=np.float32,
                fill_value=np.nan,
                compressors=self._compressor,
                **self._shards_in(layout),
                **self._labels(tuple(layout.dimensions), attributes[name]),
            )
            self._write_to(name, array)
        _consolidate(group)

    def _put_coordinate(self, group: zarr.Group, one: Coordinate) -> None:
        array = group.create_array(
            one.name,
            shape=one.values.shape,
            chunks=one.values.shape,  # readers need all of it at once
            dtype=one.values.dtype,
            compressors=None,
            fill_value=None,  # nothing is missing
            config={"write_empty_chunks": True},
            **self._labels(one.dimensions, one.attributes),
        )
        array[...] = one.values

    def _shards_in(self, layout: ForecastLayout) -> dict[str, Any]:
        """Arguments of `create_array` for the shards."""
        if self._zarr_format != SHARDED:
            return {}
        counts = shard_counts(layout.chunks, layout.shape)
        shape = tuple(count * chunk for count, chunk in zip(counts, layout.chunks, strict=True))
        return {"shards": {"shape": shape, "index_location": "start"}}

    def _write_to(self, name: str, array: "zarr.Array[Any]") -> None:
        """Put what comes of a variable into an array."""
        self._arrays[name], self._leads = array, array.shape[1]
        if array.shards is not None:
            self._shards[name] = ShardFolder(Path(self.target, name), array)

    def _labels(self, dimensions: tuple[str, ...], attributes: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `create_array` for the names of the dimensions and for the attributes.

        Format 2 has no place for names of dimensions; xarray keeps them in the attribute `_ARRAY_DIMENSIONS`.
        """
        if self._zarr_format == SHARDED:
            return {"dimension_names": dimensions, "attributes": attributes}
        return {"attributes": {"_ARRAY_DIMENSIONS": list(dimensions), **attributes}}

    def _put(self, step: tuple[int, int], values: Mapping[str, NDArray[np.float32]]) -> None:
        self._steps.add(step[0] * self._leads + step[1])
        for name, array in values.items():
            self._put_array(name, step, array)

    def _put_array(self, name: str, step: tuple[int, int], values: NDArray[np.float32]) -> None:
        if name not in self._shards:
            self._arrays[name][step] = values
            return
        size, *others = self._arrays[name].chunks[2:]
        for number, start in enumerate(range(0, len(values), size)):  # only members are in several chunks
            chunk = np.full((size, *others), np.nan, np.float32)
            chunk[: len(values) - start] = values[start : start + size]
            self._shards[name].put((*step, number, *(0 for _ in others)), chunk)

    def _finish(self) -> None:
        self._arrays, self._shards = {}, {}

    @classmethod
    def _read_provenance_text(cls, target: str) -> Any:
        store = LocalStore(target, read_only=True)
        return zarr.open_group(store, mode="r", use_consolidated=False).attrs.get(PROVENANCE)

    @classmethod
    def foreign_files(cls, target: str) -> list[str]:
        """The files that are neither metadata nor chunks of the group and its arrays, see `ForecastWriter`."""
        root = Path(target)
        arrays = {path.name for path in root.iterdir() if any((path / name).is_file() for name in ARRAY_METADATA)}
        foreign = []
        for path in root.rglob("*"):
            first, _, rest = path.relative_to(root).as_posix().partition("/")
            is_own = re.fullmatch(ARRAY_FILES, rest) if first in arrays else re.fullmatch(GROUP_FILES, first)
            if not is_own and (path.is_symlink() or not path.is_dir()):
                foreign.append(path.relative_to(root).as_posix())
        return sorted(foreign)


def _consolidate(group: zarr.Group) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Consolidated metadata is currently not part", UserWarning)
        zarr.consolidate_metadata(group.store)


def _array(group: zarr.Group, name: str) -> "zarr.Array[Any]":
    found = group[name]
    if not isinstance(found, zarr.Array):
        raise ValueError(f"`{name}` is no array")
    return found
