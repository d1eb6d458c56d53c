"""Spherical harmonics of fields whose nodes lie in rows around the globe."""

__all__ = ["SphericalHarmonics"]

from itertools import groupby, islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from wxml import Grid
from wxml.data.grid_rows import Quadrature, Rows, quadrature, rows_of
from wxml.data.legendre import legendre_functions, resolved_degree
from wxml.errors import ConfigError, Fault

from wxml_losses.spectral.transform import Transform, Waves, check_truncation, table

Array = NDArray[np.float64]


class SphericalHarmonics(Transform):
    """c_lm = (1/4π) ∫ f Ȳ_lm dΩ, by a fast Fourier transform of each row and a sum over the rows for each m.

    The harmonics are the real ones, Ȳ_l0 = P̄_l0 and Ȳ_lm = √2 P̄_lm cos mλ, −√2 P̄_lm sin mλ, whose mean square over the
    sphere is 1; l is the wavenumber. On a grid that resolves the truncation the transform is exact up to rounding.

    Attributes:
        truncation: the greatest l.
    """

    def __init__(self, rows: Rows, weights: Quadrature, truncation: int) -> None:
        """Make the tables in double precision.

        Args:
            rows: the rows of nodes.
            weights: those of the rows.
            truncation: the greatest l, less than half the length of the longest row.
        """
        degrees, orders = np.tril_indices(truncation + 1)
        super().__init__(Waves(orders > 0, degrees))
        self.truncation = truncation
        order = np.concatenate(rows.nodes)
        is_ordered = np.array_equal(order, np.arange(len(order)))
        self.order: Tensor | None
        self.register_buffer("order", None if is_ordered else torch.from_numpy(order), persistent=False)
        self._runs = [(length, len(list(run))) for length, run in groupby(rows.lengths.tolist())]
        self.legendre: Tensor
        self.shift: Tensor | None
        self.places: Tensor
        self.register_buffer("legendre", table(_functions(weights, truncation)), persistent=False)
        shift = table(_shifts(rows.first, truncation)) if np.any(rows.first) else None
        self.register_buffer("shift", shift, persistent=False)
        first = 2 * (orders * (truncation + 1) + degrees)  # in an array [m, l, part]
        self.register_buffer("places", torch.from_numpy(self.waves.places(first)), persistent=False)

    @classmethod
    def of(cls, grid: Grid, truncation: int | None) -> "SphericalHarmonics | None":
        """Make the transform of a grid; None if its nodes do not lie in rows around the globe.

        Args:
            grid: the places of the nodes.
            truncation: the greatest l; None: the greatest that the grid resolves.

        Raises:
            ConfigError: the grid has too few rows or nodes for the truncation, or resolves no l without one.
        """
        rows = rows_of(grid)
        weights = None if rows is None else quadrature(rows.latitudes)
        if rows is None or weights is None:
            return None
        longest = (int(rows.lengths.max()) - 1) // 2
        if truncation is None:
            return cls(rows, weights, _resolved(rows, weights, min(weights.degree // 2, longest)))
        check_truncation(truncation, min(len(rows.nodes) - 1, longest))
        return cls(rows, weights, truncation)

    def forward(self, fields: Tensor) -> Tensor:
        """See `Transform.forward`."""
        ordered = fields if self.order is None else fields.index_select(-1, self.order)
        runs = torch.split(ordered, [length * count for length, count in self._runs], dim=-1)
        waves = torch.cat([self._zonal(run, length) for run, (length, _) in zip(runs, self._runs, strict=True)], dim=-3)
        if self.shift is not None:
            waves = _turned(waves, self.shift)
        columns = waves.reshape(-1, *waves.shape[-3:]).permute(2, 1, 0, 3)  # [m, row, field, part]
        sums = torch.bmm(self.legendre, columns.flatten(2))  # [m, l, field · part]
        coefficients = sums.reshape(*sums.shape[:2], -1, 2).permute(2, 0, 1, 3).flatten(1)  # [field, m · l · part]
        return coefficients.index_select(-1, self.places).reshape(*fields.shape[:-1], -1)

    def _zonal(self, fields: Tensor, length: int) -> Tensor:
        """The Fourier coefficients of rows of one length: `[..., row, m, part]`, 0 where a row has too few nodes."""
        known = min(self.truncation, (length - 1) // 2) + 1
        waves = torch.fft.rfft(fields.reshape(*fields.shape[:-1], -1, length), norm="forward")[..., :known]
        return functional.pad(torch.view_as_real(waves), (0, 0, 0, self.truncation + 1 - known))


def _resolved(rows: Rows, weights: Quadrature, most: int) -> int:
    degree = resolved_degree(weights, rows.lengths, most)
    if degree < 2:
        raise ConfigError(
            [Fault("truncation", f"the rows near the poles are too short for wavenumbers beyond {degree}")],
            fix="write a `truncation`, at which these rows are too coarse by little",
        )
    return degree


def _functions(weights: Quadrature, truncation: int) -> Array:
    """½ w P̄_lm, times √2 for m > 0, shape `[m, l, row]`; 0 for l < m."""
    functions = np.zeros((truncation + 1, truncation + 1, len(weights.points)))
    for degree, values in enumerate(islice(legendre_functions(weights.points), truncation + 1)):
        functions[: degree + 1, degree] = values * weights.weights / 2
    functions[1:] *= np.sqrt(2)
    return functions


def _shifts(first: Array, truncation: int) -> Array:
    """The cosines of mλ, and the sines of −mλ, of the first longitudes of the rows, shape `[row, m, 2]`."""
    angles = np.radians(first)[:, None] * np.arange(truncation + 1)
    return np.stack([np.cos(angles), -np.sin(angles)], axis=-1)


def _turned(waves: Tensor, shift: Tensor) -> Tensor:
    """The product of two complex numbers whose last axis is real and imaginary part."""
    (a, b), (c, d) = waves.unbind(-1), shift.unbind(-1)
    return torch.stack([a * c - b * d, a * d + b * c], dim=-1)
