"""Sums over the nodes near each node."""

__all__ = ["NearWindows", "RowWindows", "Windows", "goes_around", "windows_of"]

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import ConfigError, Fault

from wxml_verification.arrays import Array

EARTH_RADIUS = 6371.0  # km
PAIRS = 2**27  # of nodes near each other, which are kept as a matrix; a pair takes 12 bytes, and twice that while made
EVEN = 1e-3  # degrees by which longitudes may be uneven: files round them
RIM = 16  # directions in which the end of a window is looked at
BEYOND = 0.75  # of the distance between nodes: a rim that is further from all of them lies outside


class Windows(ABC):
    """The window of each node.

    Attributes:
        is_whole: whether a window lies within the area of the grid, shape `[node]`.
    """

    is_whole: NDArray[np.bool_]

    @abstractmethod
    def sums(self, values: Array) -> Array:
        """Return the sums over the window of each node, shape `[field, node]` like `values`."""


class RowWindows(Windows):
    """Windows on rows and columns, which in each row are some columns on both sides.

    A running sum along each row serves all its windows, so the cost grows with the rows of a window alone.
    """

    def __init__(self, shape: tuple[int, int], halves: NDArray[np.int64], *, around: bool) -> None:
        """Make windows.

        Args:
            shape: rows and columns.
            halves: how many columns on each side the windows of the nodes of a row (first axis) take of another row
                (second axis); -1 for none.
            around: whether the columns go around the globe.
        """
        self._shape, self._around = shape, around
        columns = shape[1]
        most = (columns - 1) // 2 if around else columns
        self._halves = np.minimum(halves, most + 1 if around else most)
        self._most = most
        self.is_whole = np.ones(shape[0] * columns, bool)

    @classmethod
    def of_pixels(cls, shape: tuple[int, int], length: int, *, around: bool) -> "RowWindows":
        """Squares of `length` by `length` nodes, an odd number."""
        half, rows = length // 2, np.arange(shape[0])
        halves = np.where(np.abs(rows[:, None] - rows) <= half, half, -1)
        made = cls(shape, halves, around=around)
        made.is_whole = made.sums(np.ones((1, len(made.is_whole))))[0] > length**2 - 0.5
        return made

    def sums(self, values: Array) -> Array:
        """See `Windows.sums`."""
        rows, columns = self._shape
        fields = values.reshape(len(values), rows, columns)
        side = self._most if self._around else 0
        wide = np.concatenate([fields[..., columns - side :], fields, fields[..., :side]], axis=-1)
        until = np.concatenate([np.zeros((*fields.shape[:2], 1)), np.cumsum(wide, axis=-1)], axis=-1)
        whole = fields.sum(axis=-1, keepdims=True)
        places, out = np.arange(columns) + side, np.zeros_like(fields)
        for row, halves in enumerate(self._halves):
            for other in np.flatnonzero(halves >= 0):
                half = halves[other]
                if self._around and half > self._most:
                    out[:, row] += whole[:, other]
                    continue
                first, last = np.maximum(places - half, 0), np.minimum(places + half + 1, until.shape[-1] - 1)
                out[:, row] += until[:, other, last] - until[:, other, first]
        return out.reshape(values.shape)


class NearWindows(Windows):
    """The nodes within a great-circle distance, on any grid: a sparse matrix."""

    def __init__(self, grid: Grid, angle: float) -> None:
        """Find the nodes.

        Args:
            grid: the places of the nodes.
            angle: the radius as an angle at the centre of the Earth, in radians.

        Raises:
            ConfigError: there are too many.
        """
        from scipy.sparse import coo_array, eye_array  # where they are needed, as every train loads these plugins
        from scipy.spatial import cKDTree

        points = unit_vectors(grid.latitudes, grid.longitudes)
        tree, chord = cKDTree(points), 2 * np.sin(angle / 2)
        count = int(tree.count_neighbors(tree, chord))
        if count > PAIRS:
            problem = f"the window of {EARTH_RADIUS * angle:.0f} km holds {count // len(grid)} nodes of {len(grid)}"
            raise ConfigError(
                [Fault(("verification", "metrics", "windows_km"), problem)],
                fix="choose smaller windows, or verify on a regular grid of latitudes and longitudes",
            )
        pairs = tree.query_pairs(chord, output_type="ndarray").astype(np.int32)
        near = coo_array((np.ones(len(pairs), np.float32), (pairs[:, 0], pairs[:, 1])), shape=(len(grid), len(grid)))
        self._near = (near + near.T + eye_array(len(grid), dtype=np.float32)).tocsr()
        self.is_whole = np.ones(len(grid), bool)

    def sums(self, values: Array) -> Array:
        """See `Windows.sums`."""
        return np.asarray((self._near @ values.T).T)


class OwnNode(Windows):
    """Each node alone."""

    def __init__(self, count: int) -> None:
        self.is_whole = np.ones(count, bool)

    def sums(self, values: Array) -> Array:
        """See `Windows.sums`."""
        return values


def windows_of(grid: Grid, radius: float) -> Windows:
    """The nodes within a great-circle distance of each node.

    Args:
        grid: the places of the nodes.
        radius: in km; 0 for each node alone.
    """
    if radius == 0:
        return OwnNode(len(grid))
    angle = min(radius / EARTH_RADIUS, np.pi)
    step = _even_step(grid)
    made = NearWindows(grid, angle) if step is None else _of_rows(grid, angle, step)
    if not grid.is_global:
        made.is_whole = _lies_inside(grid, angle)
    return made


def goes_around(grid: Grid) -> bool:
    """Whether the columns of a regular grid go around the globe."""
    step = _even_step(grid)
    return step is not None and abs(step * grid.shape[1] - 360.0) < EVEN * grid.shape[1]


def _even_step(grid: Grid) -> float | None:
    """The distance between the columns of a regular grid in degrees; None of another grid."""
    if not grid.is_regular or min(grid.shape) < 2:
        return None
    steps = np.mod(np.diff(grid.longitudes[: grid.shape[1]]) + 180, 360) - 180
    return float(abs(steps.mean())) if np.all(np.abs(steps - steps.mean()) < EVEN) else None


def _of_rows(grid: Grid, angle: float, step: float) -> RowWindows:
    """Cos d = sin φ sin ψ + cos φ cos ψ cos Δλ gives the columns of another row that are near."""
    latitudes = np.radians(grid.latitudes.reshape(grid.shape)[:, 0])
    sines = np.sin(latitudes)[:, None] * np.sin(latitudes)
    cosines = np.maximum(np.cos(latitudes)[:, None] * np.cos(latitudes), 1e-15)  # a pole is near to all or none
    along = np.clip((np.cos(angle) - sines) / cosines, -1, None)
    reach = np.degrees(np.arccos(np.minimum(along, 1.0)))
    halves = np.where(along > 1 + 1e-12, -1, np.floor(reach / step + 1e-9).astype(np.int64))
    rows, columns = grid.shape
    return RowWindows((rows, columns), halves, around=goes_around(grid))


def _lies_inside(grid: Grid, angle: float) -> NDArray[np.bool_]:
    """Whether all of the rim of each window is near to a node, for a limited area."""
    from scipy.spatial import cKDTree

    points = unit_vectors(grid.latitudes, grid.longitudes)
    tree = cKDTree(points)
    distances, near = (np.asarray(found) for found in tree.query(points, k=min(5, len(points))))
    spacing = distances[:, -1]  # the fourth nearest node is a step away in any lattice, but at its edges
    for _ in range(2):
        spacing = spacing[near].min(axis=1)
    east, north = _axes(points)
    inside = np.ones(len(points), bool)
    for turn in 2 * np.pi * np.arange(RIM) / RIM:
        rim = np.cos(angle) * points + np.sin(angle) * (np.cos(turn) * east + np.sin(turn) * north)
        distance, nearest = tree.query(rim)
        inside &= distance <= BEYOND * spacing[nearest]
    return inside


def _axes(points: Array) -> tuple[Array, Array]:
    """Two unit vectors along the surface, at right angles, at each point."""
    helper = np.where(np.abs(points[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    east = np.cross(helper, points)
    east /= np.linalg.norm(east, axis=1, keepdims=True)
    return east, np.cross(points, east)
