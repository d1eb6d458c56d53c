"""Copies a dataset beside the place where it will stand, then renames it."""

__all__ = ["copy"]

from collections.abc import Iterator
from itertools import product
from math import ceil, prod
from pathlib import Path
from typing import Any, Final

import numpy as np
from wxml.errors import DataError
from wxml.files.staging import staged
from wxml.terminal import progress

from wxml_dataset_builder.arrays import create_array, data_array, finish_group, make_data
from wxml_dataset_builder.checksums import write_checksums
from wxml_dataset_builder.copying.attributes import copied_attributes
from wxml_dataset_builder.copying.selection import Selection
from wxml_dataset_builder.geometry import Geometry
from wxml_dataset_builder.replaceable import check_replaceable
from wxml_dataset_builder.stored import BLOCK_BYTES, Array, Stored, arrays_of
from wxml_dataset_builder.validating.files import build_faults, checksum_faults, chunk_faults, frame_faults
from wxml_dataset_builder.validating.subject import metadata_times, open_subject

MOMENTS: Final = "_build/moments"
DIMENSIONS: Final = {"dates": ("time",), "latitudes": ("cell",), "longitudes": ("cell",)}
"""The dimensions of arrays that do not name them."""
Region = tuple[slice, slice, slice, slice]


def copy(stored: Stored, target: Path, selection: Selection, geometry: Geometry, *, overwrite: bool = False) -> None:
    """Copy the selected dates and variables, bit for bit, and what belongs to them; statistics stay as they are.

    Args:
        stored: the dataset.
        target: where the copy will stand; nothing is there before it is whole.
        selection: what is copied.
        geometry: how it is stored.
        overwrite: replace a dataset that is there.

    Raises:
        ArtefactError: the target may not be written, or the disk is full.
        DataError: the dataset is damaged, or changes while it is copied.
    """
    check_replaceable(target, (stored.path,), overwrite=overwrite)
    before = list(metadata_times(stored.path))
    _require_whole(stored)
    with staged(target, overwrite=overwrite) as folder:
        folder.mkdir()
        _copy_data(stored, folder, selection, geometry)
        groups = _copy_arrays(stored, folder, selection, geometry)
        finish_group(folder, groups, copied_attributes(stored, selection, geometry), geometry)
        write_checksums(folder)
        if list(metadata_times(stored.path)) != before:
            raise DataError(f"`{stored.path}` was written while it was copied", fix="copy it once it is finished")


def _require_whole(stored: Stored) -> None:
    """Refuse a dataset of which a file is absent, or is not what was written."""
    faults = list(checksum_faults(stored.path, whole=True))
    subject = open_subject(stored.path, faults)
    if subject is not None:
        faults += [*build_faults(subject), *chunk_faults(subject), *frame_faults(subject)]
    if faults:
        raise DataError(
            f"`{stored.path}` is damaged: {faults[0]}",
            fix="build it again; all that is wrong: wxml dataset validate",
        )


def _copy_data(stored: Stored, folder: Path, selection: Selection, geometry: Geometry) -> None:
    make_data(folder, geometry)
    source, copied = stored.data, data_array(folder)
    regions = list(_regions(geometry))
    for region in progress(regions, len(regions), "copy"):
        dates, variables, members, nodes = region
        rows = slice(selection.dates.start + dates.start, selection.dates.start + dates.stop)
        copied[region] = source.get_orthogonal_selection((rows, selection.variables[variables], members, nodes))


def _regions(geometry: Geometry) -> Iterator[Region]:
    """Parts of the copy, of whole files: as many variables and nodes of a file's dates as `BLOCK_BYTES` hold."""
    sizes = list(geometry.shards or geometry.chunks)
    each = np.dtype(geometry.dtype).itemsize * prod(sizes)
    for axis in (3, 2, 1):
        files = ceil(geometry.shape[axis] / sizes[axis])
        together = max(1, min(files, BLOCK_BYTES // each))
        sizes[axis], each = sizes[axis] * together, each * together
    spans = [
        [slice(start, min(start + size, length)) for start in range(0, length, size)]
        for length, size in zip(geometry.shape, sizes, strict=True)
    ]
    yield from ((one, two, three, four) for one, two, three, four in product(*spans))


def _copy_arrays(stored: Stored, folder: Path, selection: Selection, geometry: Geometry) -> list[str]:
    """Copy all arrays but the data, without what is left out along dates and variables; return the groups."""
    is_shorter = geometry.shape[0] < len(stored.dates)
    groups: set[str] = set()
    for name, array in arrays_of(stored.root, stored.path):
        if name == "data" or (is_shorter and name.startswith("_build/")):
            continue  # what is kept of the build is about all dates
        dimensions = _dimensions(array, name)
        values = np.asarray(array[...])
        if "time" in dimensions:
            values = values[selection.dates]
        if "variable" in dimensions:
            values = values.take(selection.variables, axis=dimensions.index("variable"))
        create_array(folder, name, values, geometry, dimensions, array.chunks[0])
        groups.update(str(parent) for parent in Path(name).parents if str(parent) != ".")
    return sorted(groups)


def _dimensions(array: Array[Any], name: str) -> tuple[str, ...]:
    """The names of its dimensions, which format 2 keeps in an attribute; those of the layout if it has none."""
    said = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None)
    if isinstance(said, list | tuple) and len(said) == array.ndim and all(said):
        return tuple(map(str, said))
    return (
        DIMENSIONS.get(name, ("variable",)) if array.ndim == 1 else tuple(f"dim_{axis}" for axis in range(array.ndim))
    )
