"""The plane: any grid laid flat for drawing, degrees east to the right and degrees north upwards."""

__all__ = ["Palette", "Plane"]

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from matplotlib.axes import Axes
from matplotlib.tri import Triangulation
from numpy.typing import NDArray

from wxml.grid import Grid
from wxml.sphere import cell_bounds
from wxml_verification.metrics import Array

PIXELS = 400  # along an axis: a panel shows no more, so larger grids are thinned
NODES = 20_000  # likewise, of an unstructured grid
SEAM = 30  # degrees beyond 0 and 360 from which nodes are repeated, so that triangles close around the globe


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours, and the values at their ends."""

    name: str
    lower: float
    upper: float

    @property
    def style(self) -> dict[str, Any]:
        """How to paint with it; data are painted as pixels, whatever else is drawn as lines."""
        return {"cmap": self.name, "vmin": self.lower, "vmax": self.upper, "rasterized": True}


Paint = Callable[[Axes, NDArray[np.float32], Palette], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A grid laid flat once, to be drawn on many times."""

    paint: Paint
    """Draws values `[node]` on axes and returns what a colour bar needs."""
    west: float
    east: float
    south: float
    north: float

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Lay out a regular, curvilinear or unstructured grid."""
        x, y = _unwrapped(grid), grid.latitudes
        if grid.is_regular:
            x_bounds, y_bounds, paint = _regular(x.reshape(grid.shape)[0], y.reshape(grid.shape)[:, 0])
        elif len(grid.shape) == 2 and np.abs(np.diff(x.reshape(grid.shape))).max(initial=0) < 180:
            x_bounds, y_bounds, paint = x, y, _curvilinear(x.reshape(grid.shape), y.reshape(grid.shape))
        elif grid.is_global:
            x_bounds, y_bounds, paint = np.array([0.0, 360.0]), np.array([-90.0, 90.0]), _unstructured(x, y)
        else:
            x_bounds, y_bounds, paint = x, y, _unstructured(x, y)
        return cls(paint, float(x_bounds.min()), float(x_bounds.max()), float(y_bounds.min()), float(y_bounds.max()))

    @property
    def aspect(self) -> float:
        """How much longer a degree north is drawn than a degree east: as long as it is, save for a globe."""
        if self.east - self.west > 180:
            return 1.0
        return float(1 / max(np.cos(np.radians((self.south + self.north) / 2)), 0.2))

    @property
    def height(self) -> float:
        """The height of a drawing of width 1."""
        return self.aspect * max(self.north - self.south, 1e-6) / max(self.east - self.west, 1e-6)


def _unwrapped(grid: Grid) -> Array:
    """Longitudes without a jump inside a limited area: within half a turn of its middle; 0 to 360 for a globe."""
    if grid.is_global:
        return grid.longitudes
    middle = np.degrees(np.angle(np.exp(1j * np.radians(grid.longitudes)).mean()))
    return np.asarray(np.mod(grid.longitudes - middle + 180, 360) - 180 + middle)


def _regular(longitudes: Array, latitudes: Array) -> tuple[Array, Array, Paint]:
    """Every node a rectangle between the middles to its neighbours."""
    shape = len(latitudes), len(longitudes)
    rows, columns = slice(None, None, _step(shape[0])), np.argsort(longitudes)[:: _step(shape[1])]
    x, y = cell_bounds(longitudes[columns]), np.clip(cell_bounds(latitudes[rows]), -90, 90)

    def paint(axes: Axes, values: NDArray[np.float32], palette: Palette) -> Any:
        return axes.pcolormesh(x, y, values.reshape(shape)[rows][:, columns], **palette.style)

    return x, y, paint


def _curvilinear(longitudes: Array, latitudes: Array) -> Paint:
    shape = latitudes.shape
    thin = slice(None, None, _step(shape[0])), slice(None, None, _step(shape[1]))
    x, y = longitudes[thin], latitudes[thin]

    def paint(axes: Axes, values: NDArray[np.float32], palette: Palette) -> Any:
        return axes.pcolormesh(x, y, values.reshape(shape)[thin], shading="nearest", **palette.style)

    return paint


def _unstructured(longitudes: Array, latitudes: Array) -> Paint:
    """Triangles between neighbouring nodes, continued around the globe; points where the nodes lie on one line."""
    thin = np.arange(0, len(latitudes), -(-len(latitudes) // NODES))
    east, west = thin[longitudes[thin] < SEAM], thin[longitudes[thin] > 360 - SEAM]
    nodes = np.concatenate([thin, east, west])
    x = longitudes[nodes] + np.repeat([0.0, 360.0, -360.0], [len(thin), len(east), len(west)])
    y = latitudes[nodes]
    if np.linalg.matrix_rank(np.stack([x - x[0], y - y[0]]), tol=1e-6) < 2:
        return _points(x, y, nodes)
    triangulation = Triangulation(x, y)

    def paint(axes: Axes, values: NDArray[np.float32], palette: Palette) -> Any:
        triangulation.set_mask(np.isnan(values[nodes][triangulation.triangles]).any(axis=1))
        return axes.tripcolor(triangulation, np.nan_to_num(values[nodes]), **palette.style)

    return paint


def _points(x: Array, y: Array, nodes: NDArray[np.intp]) -> Paint:
    def paint(axes: Axes, values: NDArray[np.float32], palette: Palette) -> Any:
        return axes.scatter(x, y, s=40, c=values[nodes], **palette.style)

    return paint


def _step(length: int) -> int:
    """How many nodes to skip so that at most `PIXELS` are drawn."""
    return -(-length // PIXELS)
