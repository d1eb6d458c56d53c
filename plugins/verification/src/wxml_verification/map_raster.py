"""The raster of a map: any grid as pixels, degrees east to the right and degrees north upwards."""

__all__ = ["MapRaster"]

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import cell_bounds, unit_vectors

from wxml_verification.arrays import Array

PIXELS = 480  # along a regular axis at most, and as many for each node as fit
COLUMNS = 300  # of pixels, for grids without rows and columns
NODES = 20_000  # of such a grid; a picture shows no more
BLOCK = 500  # points whose distances to all nodes are in memory at once


@dataclass(frozen=True, slots=True, eq=False)
class MapRaster:
    """The node that each pixel of a map shows; found once for all maps of a grid."""

    nodes: NDArray[np.intp]
    """Shape `[row, column]`, from north to south and from west to east; -1 where there is no node near."""
    west: float
    east: float
    south: float
    north: float

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Lay out a regular, curvilinear or unstructured grid.

        The longitudes of a limited area are taken without a jump, within half a turn of its middle.
        """
        x = grid.longitudes
        if not grid.is_global:
            middle = np.degrees(np.angle(np.exp(1j * np.radians(x)).mean()))
            x = np.mod(x - middle + 180, 360) - 180 + middle
        if not grid.is_regular:
            return cls(*_nearest(grid, x))
        longitudes, latitudes = x.reshape(grid.shape)[0], grid.latitudes.reshape(grid.shape)[:, 0]
        columns, west, east = _cells(longitudes)
        rows, south, north = _cells(latitudes)
        nodes = rows[::-1, None] * len(longitudes) + columns
        return cls(nodes, west, east, max(south, -90.0), min(north, 90.0))

    @property
    def is_wide(self) -> bool:
        """Whether it reaches most of the way around the globe."""
        return self.east - self.west > 300

    @property
    def height(self) -> float:
        """The height of a drawing of width 1: degrees are as long in both directions, as far as that can be."""
        degrees_north, degrees_east = self.north - self.south, self.east - self.west
        middle = 0.0 if degrees_east > 180 else (self.south + self.north) / 2
        return float(degrees_north / degrees_east / max(np.cos(np.radians(middle)), 0.2))

    def coarser(self, most: int) -> "MapRaster":
        """The same map with at most about `most` pixels, and with no more columns and rows than there are nodes."""
        rows, columns = self.nodes.shape
        step = max(1, int(np.ceil(np.sqrt(rows * columns / most))))
        is_regular = np.array_equal(
            self.nodes - self.nodes[:, :1], self.nodes[:1] - self.nodes[:1, :1] + 0 * self.nodes
        )
        lines = (self.nodes[:, 0], self.nodes[0]) if is_regular else ()
        down, across = [max(step, _repeated(line)) for line in lines] or (step, step)
        return replace(self, nodes=self.nodes[down // 2 :: down, across // 2 :: across])

    def pixels(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """The values `[node]` on the pixels, shape `[row, column]`; NaN where there is no node near."""
        return np.where(self.nodes >= 0, values[self.nodes], np.float32(np.nan))


def _repeated(line: NDArray[np.intp]) -> int:
    """How many pixels in a row show the same node, at least."""
    changes = np.flatnonzero(np.diff(line))
    return int(np.diff(changes).min()) if len(changes) > 1 else 1


Layout = tuple[NDArray[np.intp], float, float, float, float]


def _cells(centres: Array) -> tuple[NDArray[np.intp], float, float]:
    """For each pixel of a rising axis the number of the centre that it shows; and the two ends of the axis."""
    order = np.argsort(centres)
    bounds = cell_bounds(centres[order])
    number = len(centres) * (PIXELS // len(centres)) or PIXELS
    middles = bounds[0] + (np.arange(number) + 0.5) / number * (bounds[-1] - bounds[0])
    return order[np.searchsorted(bounds[1:-1], middles)], float(bounds[0]), float(bounds[-1])


def _nearest(grid: Grid, x: Array) -> Layout:
    """Every pixel shows the node that is nearest on the sphere, if it is no further off than nodes are apart.

    Of more than `NODES` nodes only some are shown, spread evenly over rows and columns.
    """
    y = grid.latitudes
    west, east, south, north = 0.0, 360.0, -90.0, 90.0
    if not grid.is_global:
        (west, east), (south, north) = (
            (float(ends.min() - room), float(ends.max() + room))
            for ends, room in ((x, 0.02 * np.ptp(x) + 0.02), (y, 0.02 * np.ptp(y) + 0.02))
        )
    rows = int(np.clip(COLUMNS * (north - south) / (east - west), 2, 2 * COLUMNS))
    across = west + (np.arange(COLUMNS) + 0.5) / COLUMNS * (east - west)
    down = north - (np.arange(rows) + 0.5) / rows * (north - south)
    step = int(np.ceil((len(grid) / NODES) ** (1 / len(grid.shape))))
    some = tuple(slice(None, None, step) for _ in grid.shape)
    shown = np.arange(len(grid)).reshape(grid.shape)[some].ravel()
    places = unit_vectors(y[shown], x[shown]).astype(np.float32)
    pixels = unit_vectors(*np.meshgrid(down, across, indexing="ij")).astype(np.float32)
    points = pixels.reshape(-1, 3)
    nearest, closeness = np.zeros(len(points), np.intp), np.zeros(len(points), np.float32)
    for start in range(0, len(points), BLOCK):
        cosines = points[start : start + BLOCK] @ places.T
        nearest[start : start + BLOCK] = cosines.argmax(axis=1)
        closeness[start : start + BLOCK] = cosines.max(axis=1)
    nodes = np.where(closeness >= (-1.0 if grid.is_global else _spacing(places)), shown[nearest], -1)
    return nodes.reshape(rows, COLUMNS), west, east, south, north


def _spacing(places: NDArray[np.float32]) -> float:
    """The cosine of the largest angle from one of some nodes to its neighbour, with a little room."""
    some = places[:: -(-len(places) // BLOCK)]
    cosines = np.where(np.isclose(some @ places.T, 1.0, rtol=0, atol=1e-7), -1.0, some @ places.T)
    return float(np.cos(1.1 * np.arccos(np.clip(cosines.max(axis=1).min(), -1, 1))))
