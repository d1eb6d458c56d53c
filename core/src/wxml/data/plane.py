"""Grids of rows and columns, seen as flat, and the wavenumbers of waves on them."""

__all__ = ["Plane", "plane_of"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.sphere import angular_distance, unit_vectors

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plane:
    """A grid of rows and columns, seen as flat."""

    shape: tuple[int, int]
    """The number of rows and of columns."""
    relative: tuple[float, float]
    """How much longer the longer side is than the side along y, and than that along x."""

    def wavenumber(self, along_y: NDArray[np.int64], along_x: NDArray[np.int64]) -> NDArray[np.int64]:
        """Count waves along the longer side, whatever their direction, to the nearest whole number.

        Args:
            along_y: waves along the side y, shape `[row, 1]`.
            along_x: waves along the side x, shape `[column]`.
        """
        radius: Array = np.hypot(along_y * self.relative[0], along_x * self.relative[1])
        return np.floor(radius + 0.5 + 1e-6).astype(np.int64)  # the same where machines have other last bits


def plane_of(grid: Grid) -> Plane | None:
    """The rows and columns of a regular or curvilinear grid; None if it has none."""
    if len(grid.shape) != 2 or min(grid.shape) < 2:
        return None
    rows, columns = grid.shape
    points = unit_vectors(grid.latitudes, grid.longitudes).reshape(rows, columns, 3)
    along_y = float(angular_distance(points[1:], points[:-1]).mean()) * rows
    along_x = float(angular_distance(points[:, 1:], points[:, :-1]).mean()) * columns
    longer = max(along_y, along_x)
    return Plane((rows, columns), (longer / along_y, longer / along_x))
