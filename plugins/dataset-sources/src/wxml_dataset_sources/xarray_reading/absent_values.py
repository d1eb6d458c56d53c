"""Refuses what zarr makes up: chunks that a store does not have, and whose fill value is no missing value."""

__all__ = ["AbsentChunkError", "check_coordinates", "check_read"]

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.opening import absent_chunks, stored_times
from wxml_dataset_sources.zarr_reading.stored_arrays import Part


class AbsentChunkError(Exception):
    """A chunk that was read is not there; who knows the times of the file makes a DataError of it."""

    def __init__(self, what: str, filled: float, time: int) -> None:
        """Name the array in its file, the value in place of the chunk's, and the position of the first of its times."""
        super().__init__(what)
        self.filled, self.time = filled, time

    def at(self, when: str) -> DataError:
        """The sentence for the user; `when` names the time, or is empty."""
        return _absent(f"{self}{when}, and does not say that it is missing: it would be read as {self.filled:g}")


def check_read(
    file: DataFile,
    variable: xr.Variable,
    name: str,
    positions: Mapping[Hashable, NDArray[np.intp]],
    order: Sequence[Hashable],
    values: NDArray[np.float32],
    time: Hashable | None,
) -> None:
    """Look whether chunks that these values are from are not there; missing values in their place are right.

    Args:
        file: the file.
        variable: of the open dataset.
        name: its name.
        positions: those that were read along each dimension of `variable`.
        order: the dimensions of `values`.
        values: NaN where missing.
        time: the dimension of the times.

    Raises:
        AbsentChunkError: a chunk is not there, and its fill value is no missing value.
    """
    absent = absent_chunks(file)
    for part in absent.parts(name) if absent else ():
        inside = _inside(file, variable, positions, part)
        if inside is None:
            continue
        filled = float(values[tuple(inside[dim] for dim in order)])
        if np.isnan(filled) and absent:
            absent.accept(name)  # all of its absent chunks have the same fill value
            return
        row = inside.get(time, 0)
        raise AbsentChunkError(f"`{file.path}` lacks a chunk of `{name}`", filled, row)


def _inside(
    file: DataFile,
    variable: xr.Variable,
    positions: Mapping[Hashable, NDArray[np.intp]],
    part: Sequence[tuple[int, int]],
) -> dict[Hashable, int] | None:
    """Where in what was read a part of the array begins, by dimension; None if nothing of it was read."""
    times, inside = stored_times(file), dict[Hashable, int]()
    for dim, (first, last) in zip(variable.dims, part, strict=True):
        stored = positions[dim] if times is None or dim != "time" else times[positions[dim]]
        within = np.flatnonzero((stored >= first) & (stored < last))
        if not len(within):
            return None
        inside[dim] = int(within[0])
    return inside


def check_coordinates(file: DataFile, dataset: xr.Dataset, found: Collection[str]) -> None:
    """Refuse coordinates of which chunks are not there, unless they are missing there or the order bears them out.

    Writers leave out a chunk of a single 0, such as the first time of an axis that counts from there. An axis on which
    the fill value is as far from its neighbours as others are from theirs is right.

    Args:
        file: the file.
        dataset: as it is open.
        found: the names of its coordinates; what has one dimension counts as one, and so do bounds.

    Raises:
        DataError: a chunk of a coordinate is not there.
    """
    absent = absent_chunks(file)
    lacking = absent.arrays() if absent else []
    bounds = {str(variable.attrs.get("bounds")) for variable in dataset.variables.values()}
    for name in lacking:
        if name not in dataset.variables or (dataset[name].ndim > 1 and name not in bounds.union(found)):
            continue
        values = np.asarray(dataset[name].values)
        if absent and (values.ndim == 0 or (values.ndim == 1 and _fits(values, absent.parts(name)))):
            absent.accept(name)
        elif values.dtype.kind != "f" or not np.isnan(values).any():  # who uses coordinates refuses missing ones
            raise _absent(f"`{file.path}` lacks a chunk of its coordinate `{name}`")


def _fits(values: NDArray[Any], parts: Sequence[Part]) -> bool:
    """Whether numbers in the place of absent parts are as far from their neighbours as usual; a single one is."""
    if len(values) < 2 or values.dtype.kind not in "iuf":
        return len(values) < 2
    steps = np.diff(values.astype(np.float64))
    filled = np.concatenate([np.arange(*span) for (span,) in parts])
    beside = np.concatenate([filled[filled > 0] - 1, filled[filled < len(steps)]])
    usual = float(np.median(steps))
    return usual != 0 and bool(np.allclose(steps[beside], usual, rtol=1e-6, atol=0))


def _absent(what: str) -> DataError:
    return DataError(
        what,
        fix="copy the store again, or write it again; if it leaves out chunks that hold nothing but its fill value, "
        "write `absent_chunks: fill`",
    )
