"""Where the cells of a grid end, as its file states it: the bounds of latitude and longitude in CF."""

__all__ = ["CellBounds"]

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError

Array = NDArray[np.float64]
Ends = tuple[Array, Array]
ROUNDED = 1e6
"""Parts of a degree that `CellBounds.identity` tells apart."""


@dataclass(frozen=True, slots=True, eq=False)
class CellBounds:
    """Where the cells around the nodes of a grid end, read when it is needed.

    They say what a value is the mean of; where nodes are compared, bounds are not: data on the same nodes fit together.
    """

    load: Callable[[], Ends]
    """Gives latitudes and longitudes in degrees: of the vertices of each cell, `[node, vertex]`, NaN after its last
    one; or of the edges of rows, `[row, 2]`, and columns, `[column, 2]`. It can be pickled, as a function of a module
    and a `functools.partial` of one can."""
    along_axes: bool = False
    """Whether they are those of the rows and columns of a regular grid."""
    called: str = "the bounds of the cells"
    """What messages call them."""

    @classmethod
    def of(cls, latitudes: Array, longitudes: Array, along_axes: bool = False) -> Self:
        """Bounds that are known: see `load`."""
        ends = np.asarray(latitudes, np.float64), np.asarray(longitudes, np.float64)
        return cls(partial(_same, ends), along_axes)

    @property
    def identity(self) -> str:
        """A hash of all ends, to 1e-6 degrees; they are read for it."""
        digest = hashlib.sha256(str(self.along_axes).encode())
        for ends in self.load():
            rounded = np.where(np.isfinite(ends), np.round(ends * ROUNDED), 1e12).astype("<i8")
            digest.update(repr(ends.shape).encode() + rounded.tobytes())
        return digest.hexdigest()[:16]

    def vertices(self) -> Ends:
        """Latitudes and longitudes of the vertices of each cell, both `[node, vertex]`; NaN after the last one."""
        rows, columns = self.load()
        if not self.along_axes:
            return rows, columns
        shape = (len(rows), len(columns), 4)
        latitudes = np.broadcast_to(rows[:, None, [0, 0, 1, 1]], shape)
        longitudes = np.broadcast_to(columns[None, :, [0, 1, 1, 0]], shape)
        return latitudes.reshape(-1, 4), longitudes.reshape(-1, 4)

    def of_nodes(self, nodes: NDArray[np.intp]) -> "CellBounds":
        """Those of some nodes, in their order."""
        return CellBounds(partial(_of_nodes, self, nodes), called=self.called)

    def of_axes(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> "CellBounds":
        """Those of some rows and columns of a regular grid, in their order.

        Raises:
            DataError: they are not those of rows and columns.
        """
        if not self.along_axes:
            raise DataError(f"{self.called} are those of nodes, not of rows and columns", fix="use `of_nodes`")
        return CellBounds(partial(_of_axes, self, rows, columns), True, self.called)

    @staticmethod
    def joined(bounds: Sequence["CellBounds | None"]) -> "CellBounds | None":
        """Those of nodes behind each other; None if one of them is."""
        known = tuple(each for each in bounds if each is not None)
        if len(known) < len(bounds) or not known:
            return None
        return CellBounds(partial(_joined, known), called=" and ".join(dict.fromkeys(each.called for each in known)))


def _same(ends: Ends) -> Ends:
    return ends


def _of_nodes(bounds: CellBounds, nodes: NDArray[np.intp]) -> Ends:
    latitudes, longitudes = bounds.vertices()
    return latitudes[nodes], longitudes[nodes]


def _of_axes(bounds: CellBounds, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Ends:
    latitudes, longitudes = bounds.load()
    return latitudes[rows], longitudes[columns]


def _joined(bounds: Sequence[CellBounds]) -> Ends:
    """Vertices of all, each padded with NaN to the most that a cell has."""
    parts = [each.vertices() for each in bounds]
    most = max(part[0].shape[1] for part in parts)
    latitudes, longitudes = (np.concatenate([_padded(part[axis], most) for part in parts]) for axis in (0, 1))
    return latitudes, longitudes


def _padded(ends: Array, most: int) -> Array:
    return np.pad(ends, ((0, 0), (0, most - ends.shape[1])), constant_values=np.nan)
