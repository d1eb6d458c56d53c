"""Whether a source fits a trained model: the same nodes and the same units as in the training."""

__all__ = ["check_units", "on_grid"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.source import DataSource, SourceHeader
from wxml.data.variables import Variable
from wxml.errors import DataError

logger = logging.getLogger("wxml")


class _Reordered(DataSource):
    """A source with its nodes in the order of another grid."""

    def __init__(self, source: DataSource, grid: Grid, order: NDArray[np.intp]) -> None:
        """`order[n]` is the node of `source` at the place of node n of `grid`."""
        self.header = replace(source.header, grid=grid)
        self._source, self._order = source, order

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        names = [self.header.names[index] for index in variable_indices]
        out[:] = self._source.read(self.header.times[time_indices], names)[..., self._order]

    def provenance(self) -> dict[str, Any]:
        """That of the source as it is."""
        return self._source.provenance()


def on_grid(source: DataSource, grid: Grid) -> DataSource:
    """Give a source the order of nodes, the shape and the area weights of `grid`, whose nodes it must have.

    Raises:
        DataError: the source has other nodes; the error says how many and where the grids begin and end.
    """
    found = source.header.grid
    if found.identity == grid.identity:
        return source
    (wanted_order, wanted), (found_order, there) = (_sorted_places(one) for one in (grid, found))
    if not np.array_equal(wanted, there):
        raise DataError(
            f"the model was trained on a grid of shape {grid.shape}, the source has one of shape {found.shape} with "
            f"other nodes: {_described(grid)} in the training, {_described(found)} in the source",
            fix="read data on the grid of the training",
        )
    order = np.empty(len(grid), np.intp)
    order[wanted_order] = found_order
    return _Reordered(source, grid, order)


def _sorted_places(grid: Grid) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """The order that sorts the nodes by place, and their sorted places in 1e-6 degrees, shape `[2, node]`."""
    latitudes, longitudes = (np.round(values * 1e6).astype(np.int64) for values in (grid.latitudes, grid.longitudes))
    places = np.stack([latitudes, np.mod(longitudes, 360_000_000)])
    order = np.lexsort(places)
    return order, places[:, order]


def _described(grid: Grid) -> str:
    """The number of nodes, the first and the last, as in `48 nodes from 55°N 0°E to 45°N 10°E`."""
    first, last = (f"{grid.latitudes[i]:g}°N {grid.longitudes[i]:g}°E" for i in (0, -1))
    return f"{len(grid)} nodes from {first} to {last}"


def check_units(header: SourceHeader, trained: Sequence[Variable]) -> None:
    """Compare the units of a source with those of the training; units that one side does not state give a warning.

    Args:
        header: the header of the source.
        trained: the variables that the model reads, as in the training; those that the source lacks are passed over.

    Raises:
        DataError: a variable has other units than in the training; the error names both.
    """
    there = {variable.name: variable for variable in header.variables}
    pairs = [(variable, there[variable.name]) for variable in trained if variable.name in there]
    for wanted, found in pairs:
        if wanted.has_units_of(found):
            continue
        if wanted.units and found.units:
            raise DataError(
                f"the model was trained on {wanted.name!r} in {wanted.units!r}, and the source has it in "
                f"{found.units!r}",
                fix=f"convert it to {wanted.units!r} first; nothing is converted here",
            )
        logger.warning(
            "the units of %r cannot be compared: %r in the training, %r in the source",
            wanted.name,
            wanted.units,
            found.units,
        )
