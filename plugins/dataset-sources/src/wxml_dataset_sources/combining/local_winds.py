"""Vorticity and divergence of winds on nodes of any kind, from slopes that are fitted to the nearest nodes; and back.

The slopes are those of the components along the directions east and north of the node in question, which are fixed in
space: the part of a derivative that lies in the plane that touches the sphere is the one that counts. Back, vorticity
and divergence go to the rows of an octahedral grid by such fits, winds are made there through spherical harmonics, and
come back to the nodes.
"""

__all__ = ["LocalSlopes", "ThroughRows"]

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.errors import DataError

from wxml_dataset_sources.combining.kept_matrix import kept_matrix
from wxml_dataset_sources.combining.local_fits import Fit, frame, local_fits
from wxml_dataset_sources.combining.spectral_winds import MOST_ROWS, Transform, even_rows, transform, wind_u, wind_v
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
MOST_NODES = 1_000_000
"""The matrices take 1.3 kB for each node, and some times as much while they are made."""
COARSER = "bring the source to a coarser grid first, with `regrid` and for example to: {degrees: 1.0}"
FINER, FEWEST = 1.5, 8
"""So many times as near; and the smallest number of such a grid."""
VERSION = 1  # rises when the same grid gets other matrices


@dataclass(frozen=True, slots=True, eq=False)
class LocalSlopes:
    """From winds to vorticity and divergence."""

    of_vorticity: "csr_array"
    """Shape `[node, 2 · node]`, for u and v behind each other."""
    of_divergence: "csr_array"

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """Those of a grid, from the cache if they are there.

        Raises:
            DataError: there are too many nodes, or they lie on too few lines.
        """
        _check_count(grid)
        size = 2 * len(grid)
        matrix = kept_matrix(f"winds-{grid.identity}-{VERSION}", (size, size), lambda: _slopes(grid))
        return cls(matrix[: len(grid)], matrix[len(grid) :])

    def vorticity(self, u: Array, v: Array) -> Array:
        """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
        return _applied(self.of_vorticity, u, v)

    def divergence(self, u: Array, v: Array) -> Array:
        """In s⁻¹, of winds `[..., node]` in m s⁻¹."""
        return _applied(self.of_divergence, u, v)


@dataclass(frozen=True, slots=True, eq=False)
class ThroughRows:
    """From vorticity and divergence to winds, through the rows of an octahedral grid."""

    transform: Transform
    there: "csr_array"
    """Brings fields to the rows."""
    back_u: "csr_array"
    """Brings u and v on the rows, behind each other, to the eastward wind at the nodes."""
    back_v: "csr_array"

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """The way for a grid.

        Raises:
            DataError: the nodes are those of a region, whose winds vorticity and divergence do not give alone; or there
                are too many of them, or they lie on too few lines.
        """
        if not grid.is_global:
            raise DataError(
                "winds are made of vorticity and divergence around the globe, and this grid is a region: what is "
                "beyond its edge counts, too",
                fix="make the winds of a global source, and cut the region with `subset` around it",
            )
        _check_count(grid)
        # nearer to each other than so many nodes on the globe are
        rows = Grid.octahedral(max(round(FINER * np.sqrt(np.pi * len(grid)) / 4), FEWEST))
        names = [f"winds-{way}-{grid.identity}-{VERSION}" for way in ("there", "back")]
        there = kept_matrix(names[0], (len(rows), len(grid)), lambda: _values(grid, rows))
        back = kept_matrix(names[1], (2 * len(grid), 2 * len(rows)), lambda: _winds(rows, grid))
        return cls(_transform(rows), there, back[: len(grid)], back[len(grid) :])

    def wind_u(self, rotation: Array, spreading: Array) -> Array:
        """In m s⁻¹, of vorticity and divergence `[..., node]`."""
        return _applied(self.back_u, *self._on_rows(rotation, spreading))

    def wind_v(self, rotation: Array, spreading: Array) -> Array:
        """In m s⁻¹, of vorticity and divergence `[..., node]`."""
        return _applied(self.back_v, *self._on_rows(rotation, spreading))

    def _on_rows(self, rotation: Array, spreading: Array) -> tuple[Array, Array]:
        """The winds on the rows, `[..., node]`."""
        fields = [
            np.asarray((self.there @ each.reshape(-1, each.shape[-1]).T).T).reshape(*each.shape[:-1], -1)
            for each in (rotation, spreading)
        ]
        shape = fields[0].shape
        return wind_u(self.transform, *fields).reshape(shape), wind_v(self.transform, *fields).reshape(shape)


def _transform(rows: Grid) -> Transform:
    """The transforms of an octahedral grid."""
    found = even_rows(rows)
    if found is None:
        raise DataError(
            f"winds of vorticity and divergence are made at most on {MOST_ROWS} rows of an octahedral grid, and this "
            f"grid needs one of {len(rows)} nodes",
            fix=COARSER,
        )
    return transform(found)


def _check_count(grid: Grid) -> None:
    """Raise a DataError if there are too many nodes."""
    if len(grid) > MOST_NODES:
        raise DataError(
            f"vorticity and divergence are made of at most {MOST_NODES} nodes that are no even rows around the globe, "
            f"and this grid has {len(grid)} of shape {grid.shape}",
            fix=COARSER,
        )


def _applied(matrix: "csr_array", u: Array, v: Array) -> Array:
    """The matrix times u and v behind each other."""
    both = np.concatenate([u.reshape(-1, u.shape[-1]), v.reshape(-1, v.shape[-1])], axis=1)
    return np.asarray((matrix @ both.T).T).reshape(*u.shape[:-1], -1)


def _slopes(grid: Grid) -> "csr_array":
    """Vorticity ∂(V · n) / ∂x − ∂(V · e) / ∂y and divergence ∂(V · e) / ∂x + ∂(V · n) / ∂y at each node."""
    from scipy.sparse import csr_array, vstack

    fit = local_fits(grid, grid, "vorticity and divergence")
    (of_east_e, of_east_n), (of_north_e, of_north_n) = _components(fit, grid, grid)
    along, up = fit.east / EARTH_RADIUS, fit.north / EARTH_RADIUS
    return csr_array(
        vstack(
            [
                _matrix(fit, len(grid), (along * of_east_n - up * of_east_e, along * of_north_n - up * of_north_e)),
                _matrix(fit, len(grid), (along * of_east_e + up * of_east_n, along * of_north_e + up * of_north_n)),
            ]
        )
    )


def _values(source: Grid, target: Grid) -> "csr_array":
    """Brings fields from one grid to another."""
    fit = local_fits(source, target, "winds")
    return _matrix(fit, len(source), (fit.value,))


def _winds(source: Grid, target: Grid) -> "csr_array":
    """The same for winds: u and v behind each other, in the directions at their own nodes."""
    from scipy.sparse import csr_array, vstack

    fit = local_fits(source, target, "winds")
    parts = zip(*_components(fit, source, target), strict=True)
    return csr_array(vstack([_matrix(fit, len(source), tuple(fit.value * each for each in part)) for part in parts]))


def _components(fit: Fit, source: Grid, target: Grid) -> tuple[tuple[Array, Array], ...]:
    """How much of the directions east and north at the nodes of a fit lies in those at its place."""
    own = frame(target)
    return tuple(
        (np.einsum("nkx,nx->nk", axis[fit.nodes], own[0]), np.einsum("nkx,nx->nk", axis[fit.nodes], own[1]))
        for axis in frame(source)
    )


def _matrix(fit: Fit, size: int, weights: tuple[Array, ...]) -> "csr_array":
    """The weights of fits as a matrix, side by side for several fields of `size` nodes each."""
    from scipy.sparse import csr_array

    row = np.broadcast_to(np.arange(len(fit.nodes))[:, None], fit.nodes.shape).ravel()
    columns = [fit.nodes.ravel() + number * size for number in range(len(weights))]
    values = np.concatenate([each.ravel() for each in weights])
    places = (np.tile(row, len(weights)), np.concatenate(columns))
    found = csr_array((values, places), shape=(len(fit.nodes), size * len(weights)))
    found.sum_duplicates()
    found.eliminate_zeros()
    return found
