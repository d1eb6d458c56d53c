"""The arrays of the layout, made and opened with zarr."""

__all__ = [
    "array_form",
    "create_array",
    "data_array",
    "finish_group",
    "group_attributes",
    "hide",
    "make_data",
    "read_array",
]

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numcodecs import Blosc, blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.storage import LocalStore

from wxml_dataset_builder.geometry import Geometry

DIMENSIONS = ("time", "variable", "ensemble", "cell")
LEVEL = 1
"""The effort of the compression: 1 is fastest, and gains nearly as much for fields of the atmosphere."""
METADATA = ("zarr.json", ".zgroup", ".zattrs", ".zmetadata")
"""The metadata of a group."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Without zarr's warnings about dates, and about consolidated metadata, in format 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _compressor(geometry: Geometry) -> Any:
    if geometry.compression == "none":
        return None
    if geometry.format == 2:
        return Blosc(cname=geometry.compression, clevel=LEVEL, shuffle=Blosc.SHUFFLE)
    return BloscCodec(cname=geometry.compression, clevel=LEVEL, shuffle="shuffle")  # type: ignore[arg-type]


def _labels(geometry: Geometry, dimensions: Sequence[str]) -> dict[str, Any]:
    """The names of the dimensions, as each format keeps them; anemoi-datasets reads the attribute in both."""
    labels: dict[str, Any] = {"attributes": {"_ARRAY_DIMENSIONS": list(dimensions)}}
    return labels if geometry.format == 2 else {**labels, "dimension_names": list(dimensions)}


def make_data(store: Path, geometry: Geometry) -> None:
    """Make the array `data`, whose chunks are written later."""
    with _quietly():
        zarr.create_array(
            LocalStore(store),
            name="data",
            shape=geometry.shape,
            chunks=geometry.chunks,
            shards=geometry.shards,
            dtype=geometry.dtype,
            fill_value=np.nan,
            compressors=_compressor(geometry),
            zarr_format=geometry.format,  # type: ignore[arg-type]
            overwrite=True,
            **_labels(geometry, DIMENSIONS),
        )


def group_attributes(store: Path) -> dict[str, Any]:
    """The attributes of the root."""
    return dict(zarr.open_group(LocalStore(store, read_only=True), mode="r", use_consolidated=False).attrs)


def array_form(store: Path) -> dict[str, Any]:
    """Shape, chunks, shards, type and format of the array `data`, as `Geometry` has them."""
    data = zarr.open_array(LocalStore(store, read_only=True), path="data", mode="r")
    form = {name: getattr(data, name) for name in ("shape", "chunks", "shards")}
    return {**form, "dtype": str(data.dtype), "format": data.metadata.zarr_format}


def data_array(store: Path) -> Any:
    """Open the array `data` to write it; a chunk of NaN alone is written like any other."""
    blosc.use_threads = False  # blocks that several threads pack come in any order
    array = zarr.open_array(LocalStore(store), path="data", mode="r+")
    return array.with_config({"write_empty_chunks": True})


def read_array(store: Path, name: str) -> NDArray[Any]:
    """All values of an array, which may be in a group: `_build/flags`."""
    return np.asarray(zarr.open_array(LocalStore(store, read_only=True), path=name, mode="r")[...])


def create_array(
    store: Path, name: str, values: NDArray[Any], geometry: Geometry, dimensions: Sequence[str], rows: int = 0
) -> None:
    """Write a whole array.

    Args:
        store: the folder of the store.
        name: of the array.
        values: all of its values.
        geometry: that of the data, for the format.
        dimensions: one name for each.
        rows: how many of the first dimension are in a chunk; 0: all.
    """
    chunks = (rows or max(1, len(values)), *(max(1, size) for size in values.shape[1:]))
    with _quietly():
        array = zarr.create_array(
            LocalStore(store),
            name=name,
            shape=values.shape,
            chunks=chunks,
            dtype=values.dtype,
            fill_value=None if values.dtype.kind in "Mb" else 0,
            compressors=None if values.dtype.kind in "Mb" else _compressor(geometry),
            zarr_format=geometry.format,  # type: ignore[arg-type]
            overwrite=True,
            config={"write_empty_chunks": True},
            **_labels(geometry, dimensions),
        )
        array[...] = values


def hide(store: Path) -> None:
    """Remove the metadata of the root, which zarr makes with every array, so that no reader takes it for a dataset."""
    for name in METADATA:
        (store / name).unlink(missing_ok=True)


def finish_group(store: Path, groups: Sequence[str], attributes: Mapping[str, Any], geometry: Geometry) -> None:
    """Write the metadata of the groups and of the root, those of the root last: from then on it is a dataset."""
    for folder in (*(store / name for name in groups), store):
        hide(folder)
    with _quietly():
        for name in groups:
            zarr.create_group(LocalStore(store), path=name, zarr_format=geometry.format)  # type: ignore[arg-type]
        hide(store)
        root = zarr.create_group(LocalStore(store), zarr_format=geometry.format)  # type: ignore[arg-type]
        root.update_attributes(dict(attributes))
        zarr.consolidate_metadata(root.store)
