"""Grid: the nodes on the sphere at which the data are given."""

__all__ = ["Grid"]

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.data.cell_bounds import CellBounds
from wxml.data.grid_part import GridPart, check_parts
from wxml.data.sphere import cell_bounds, curvilinear_areas, gauss_legendre, healpix_centres, spans_globe, wrapped
from wxml.errors import DataError, nearest

GAUSSIAN_TOLERANCE = 1e-3  # degrees: files round their latitudes, a regular spacing differs by far more

SAME_MERIDIAN = 1e-6  # degrees: as far as `Grid.identity` tells nodes apart


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Nodes on the sphere, one entry per node in every array.

    Build one with the class method that fits: `regular`, `reduced_gaussian`, `octahedral`, `healpix`, `curvilinear`, or
    `unstructured`.
    """

    latitudes: NDArray[np.float64]
    """Degrees north, shape `[node]`."""
    longitudes: NDArray[np.float64]
    """Degrees east in [0, 360), shape `[node]`."""
    area_weights: NDArray[np.float64]
    """The share of the grid's area that each node stands for, shape `[node]`; sums to 1."""
    shape: tuple[int, ...]
    """`(latitude, longitude)` for a regular grid, `(y, x)` for a curvilinear one, else `(node,)`."""
    is_regular: bool = False
    """Whether the nodes are all pairs of some latitudes and some longitudes; the longitude varies fastest."""
    parts: tuple[GridPart, ...] = ()
    """The grids whose nodes these are, one behind the other; empty for one grid."""
    bounds: CellBounds | None = None
    """Where the cells end, if the source of the grid states it; no part of `identity`, nor of artefacts."""
    names: tuple[str, ...] = ()
    """The names of the nodes, where these are stations; likewise."""

    def __post_init__(self) -> None:
        count = int(np.prod(self.shape))
        if not (self.latitudes.shape == self.longitudes.shape == self.area_weights.shape == (count,)) or not count:
            raise DataError(
                f"a grid of shape {self.shape} needs {count} latitudes, longitudes and area weights, got "
                f"{self.latitudes.shape}, {self.longitudes.shape}, {self.area_weights.shape}",
                fix="give one entry per node",
            )
        if not np.all(np.abs(self.latitudes) <= 90 + 1e-6):
            worst = self.latitudes[np.argmax(np.abs(self.latitudes))]
            raise DataError(f"`latitudes` must lie within -90 and 90 degrees, got {worst}", fix="check the unit")
        check_parts(self.parts, count)
        if len(self.names) not in (0, count):
            raise DataError(
                f"`names` of a grid must name each of {count} nodes, got {len(self.names)} names",
                fix="name each node, or none",
            )

    @classmethod
    def regular(cls, latitudes: ArrayLike, longitudes: ArrayLike) -> Self:
        """Make a node for each pair of `latitudes` and `longitudes` (degrees); the longitude varies fastest.

        Cell areas are exact between the midpoints of neighbouring latitudes, or the Gauss–Legendre weights where the
        latitudes are the Gaussian ones.

        Raises:
            DataError: two longitudes are the same meridian, or the axes neither rise nor fall.
        """
        lat, lon = np.asarray(latitudes, np.float64), np.asarray(longitudes, np.float64)
        nodes, weights = gauss_legendre(len(lat))
        if len(lat) > 2 and np.allclose(np.sort(lat), np.sort(nodes), atol=GAUSSIAN_TOLERANCE):
            rows = weights
        else:
            bounds = np.sin(np.radians(np.clip(cell_bounds(lat), -90, 90)))
            rows = np.abs(np.diff(bounds))
        _check_columns(lon)
        steps = np.diff(lon)
        rising = np.all(steps > 0) or np.all(steps < 0)  # else they jump by 360 degrees at the date line or Greenwich
        columns = np.abs(np.diff(cell_bounds(lon if rising else np.unwrap(lon, period=360))))
        return cls._of(
            np.repeat(lat, len(lon)),
            np.tile(lon, len(lat)),
            np.outer(rows, columns).ravel(),
            (len(lat), len(lon)),
            True,
        )

    @classmethod
    def reduced_gaussian(cls, points_per_latitude: Sequence[int]) -> Self:
        """Make a reduced Gaussian grid with `points_per_latitude` from north to south; each row begins at 0°E."""
        counts = np.asarray(points_per_latitude)
        latitudes, weights = gauss_legendre(len(counts))
        longitudes = np.concatenate([np.arange(n) * (360.0 / n) for n in counts])
        return cls._of(
            np.repeat(latitudes, counts),
            longitudes,
            np.repeat(weights / counts, counts),
            (int(counts.sum()),),
        )

    @classmethod
    def octahedral(cls, number: int) -> Self:
        """Make the octahedral grid O*n* of n = `number`: 20 points on the polar rows, 4 more on each next one."""
        half = [20 + 4 * row for row in range(number)]
        return cls.reduced_gaussian(half + half[::-1])

    @classmethod
    def healpix(cls, nside: int) -> Self:
        """Make the 12 · nside² equal-area HEALPix cells in ring order (Górski et al. 2005, doi:10.1086/427976)."""
        latitudes, longitudes = healpix_centres(nside)
        return cls._of(latitudes, longitudes, np.ones(len(latitudes)), (len(latitudes),))

    @classmethod
    def curvilinear(cls, latitudes: ArrayLike, longitudes: ArrayLike) -> Self:
        """Make a projected grid of two-dimensional `latitudes` and `longitudes` (degrees), shape `[y, x]`."""
        lat, lon = np.asarray(latitudes, np.float64), np.asarray(longitudes, np.float64)
        return cls._of(lat.ravel(), lon.ravel(), curvilinear_areas(lat, lon).ravel(), lat.shape)

    @classmethod
    def unstructured(cls, latitudes: ArrayLike, longitudes: ArrayLike, areas: ArrayLike | None = None) -> Self:
        """Make a grid of any nodes (degrees); without `areas` (any unit) all nodes have the same area."""
        lat, lon = np.asarray(latitudes, np.float64), np.asarray(longitudes, np.float64)
        return cls._of(lat, lon, np.ones(lat.shape) if areas is None else np.asarray(areas, np.float64), lat.shape)

    @classmethod
    def _of(
        cls,
        latitudes: NDArray[np.float64],
        longitudes: NDArray[np.float64],
        areas: NDArray[np.float64],
        shape: tuple[int, ...],
        is_regular: bool = False,
    ) -> Self:
        return cls(latitudes, wrapped(longitudes), areas / areas.sum(), shape, is_regular)

    def __len__(self) -> int:
        return len(self.latitudes)

    @property
    def ranges(self) -> dict[str, slice]:
        """The nodes of each of the `parts`, by its name."""
        ends = np.cumsum([part.count for part in self.parts]).tolist()
        return {part.name: slice(end - part.count, end) for part, end in zip(self.parts, ends, strict=True)}

    def part(self, name: str) -> "Grid":
        """Return one of the `parts` as a grid of its own, without rows and columns.

        Raises:
            DataError: there is no such part.
        """
        if name not in self.ranges:
            raise DataError(f"the grid has no part {name!r}", fix=nearest(name, list(self.ranges)))
        nodes = self.ranges[name]
        found = Grid.unstructured(self.latitudes[nodes], self.longitudes[nodes], self.area_weights[nodes])
        bounds = None if self.bounds is None else self.bounds.of_nodes(np.arange(len(self))[nodes])
        return replace(found, bounds=bounds)

    @property
    def is_global(self) -> bool:
        """Whether the nodes surround the whole sphere (else the grid is a limited area)."""
        return spans_globe(self.latitudes, self.longitudes)

    @property
    def identity(self) -> str:
        """A hash of the nodes' places (to 1e-6 degrees), the shape and the parts: equal for equal grids everywhere."""
        places = np.round(np.stack([self.latitudes, wrapped(self.longitudes)]) * 1e6).astype("<i8")
        places[1] %= 360_000_000  # 359.9999999 is 0
        digest = hashlib.sha256(repr(tuple(int(n) for n in self.shape)).encode() + places.tobytes())
        digest.update(repr([(part.name, int(part.count)) for part in self.parts]).encode() if self.parts else b"")
        return digest.hexdigest()[:16]


def _check_columns(longitudes: NDArray[np.float64]) -> None:
    """Refuse longitudes of which two are the same meridian, such as 0 and 360: its area would count twice."""
    around = np.sort(wrapped(longitudes))
    gaps = np.diff(around, append=around[0] + 360.0)
    if len(around) > 1 and gaps.min() < SAME_MERIDIAN:
        twice = around[np.argmin(gaps)]
        raise DataError(
            f"the longitudes of a regular grid hold the meridian {twice:g}°E twice, from {longitudes[0]:g} to "
            f"{longitudes[-1]:g}",
            fix="leave one of the two out, for example the last one with `dataset.isel(longitude=slice(None, -1))`",
        )
