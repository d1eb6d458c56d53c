"""Regular grids from 0° to 360° with both ends: the last column is the first one once more, and is left out."""

__all__ = ["Placed", "find_grid", "warn_of_repeats", "without_repeat"]

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.cell_bounds import CellBounds
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.block import Block, Reader
from wxml_dataset_sources.xarray_reading.horizontal import SAME_PLACE, Arrangement, make_grid

logger = logging.getLogger("wxml")

SHARE_OF_RANGE = 1e-4
"""So far the two columns may differ, as a share of the range of all values that are read: packed files round."""
SHARE_OF_SIZE = 1e-6
"""The same, as a share of the largest value: float32 rounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """The grid of some fields of a file."""

    grid: Grid
    columns: int | None = None
    """The columns of the file, if its last one repeats the first and is not in `grid`; else None."""

    @property
    def nodes(self) -> int:
        """The number of nodes in the file."""
        return len(self.grid) if self.columns is None else self.grid.shape[0] * self.columns


def find_grid(
    latitudes: NDArray[np.float64],
    longitudes: NDArray[np.float64],
    arrangement: Arrangement,
    bounds: CellBounds | None = None,
    areas: NDArray[np.float64] | None = None,
) -> Placed:
    """The grid of the given coordinates, as `make_grid`, without a last column that is the meridian of the first.

    Raises:
        DataError: a latitude or longitude is missing, or another meridian is there twice.
    """
    if arrangement == "axes" and len(longitudes) > 1:
        around = float(abs(longitudes[-1] - longitudes[0]))
        if abs(around - 360.0) < SAME_PLACE:
            kept = np.arange(len(latitudes)), np.arange(len(longitudes) - 1)
            bounds = None if bounds is None else bounds.of_axes(*kept)
            areas = None if areas is None else areas[:, :-1]
            return Placed(make_grid(latitudes, longitudes[:-1], arrangement, bounds, areas), len(longitudes))
    return Placed(make_grid(latitudes, longitudes, arrangement, bounds, areas))


def without_repeat(block: Block, columns: int | None) -> Block:
    """The block, read without its last column if the file has `columns` of them and the last repeats the first."""
    if columns is None:
        return block
    return replace(block, reader=FirstColumnsReader(block.reader, columns, block.place))


def warn_of_repeats(blocks: Sequence[Block]) -> None:
    """Log one warning if a column is left out of some of the blocks."""
    paths = list(dict.fromkeys(block.path for block in blocks if isinstance(block.reader, FirstColumnsReader)))
    if paths:
        more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
        logger.warning(
            "the grid of `%s`%s has its first meridian twice, 360° apart: the last column of longitudes is left out",
            paths[0],
            more,
        )


@dataclass(frozen=True, slots=True)
class FirstColumnsReader:
    """Reads all columns but the last one, which must hold the values of the first one."""

    reader: Reader
    columns: int
    """The columns of the file, with the last one."""
    place: str
    """The name in the file, and the file, for messages."""

    @property
    def together(self) -> tuple[int, int, int]:
        """See `Reader.together`."""
        return self.reader.together

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`; the columns are compared at every read, of what it wants.

        Raises:
            DataError: the file is damaged, or its first and last column differ by more than rounding.
        """
        values = self.reader.read(times, members, levels)
        rows = values.reshape(*values.shape[:-1], -1, self.columns)
        self._check(rows)
        return rows[..., :-1].reshape(*values.shape[:-1], -1)

    def _check(self, rows: NDArray[np.float32]) -> None:
        """Compare the first and the last column of `rows`, shape `[time, member, level, latitude, longitude]`."""
        first, last = rows[..., 0].astype(np.float64), rows[..., -1].astype(np.float64)
        known, axes = np.isfinite(rows), (0, 1, 3, 4)  # each level has a range of its own
        highest = np.max(rows, axes, where=known, initial=-np.inf).astype(np.float64)
        lowest = np.min(rows, axes, where=known, initial=np.inf).astype(np.float64)
        highest, lowest = (np.where(known.any(axes), limit, 0.0) for limit in (highest, lowest))
        size = np.maximum(np.abs(highest), np.abs(lowest))
        allowed = SHARE_OF_RANGE * (highest - lowest) + SHARE_OF_SIZE * size
        differs = ~np.isclose(first, last, rtol=0, atol=allowed[:, None], equal_nan=True)
        if differs.any():
            where = np.unravel_index(int(np.argmax(differs)), differs.shape)
            raise DataError(
                f"{self.place} has its first meridian twice, 360° apart, with two values: {first[where]:g} in the "
                f"first column of longitudes and {last[where]:g} in the last one",
                fix="correct the file, or leave one column out: `dataset.isel(longitude=slice(None, -1))`",
            )
