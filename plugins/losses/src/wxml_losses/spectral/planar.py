"""Fourier and cosine series of fields on grids of rows and columns."""

__all__ = ["CosineSeries", "FourierSeries"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from wxml.data.plane import Plane

from wxml_losses.spectral.transform import Transform, Waves, table

Array = NDArray[np.float64]


class FourierSeries(Transform):
    """Complex waves along both axes, of fields that are thought to repeat beyond the edges.

    Each node counts alike. The wavenumber counts waves along the longer side.
    """

    def __init__(self, plane: Plane) -> None:
        rows, columns = plane.shape
        row, column = np.arange(rows)[:, None], np.arange(columns // 2 + 1)
        along_y = np.where(2 * row <= rows, row, row - rows)
        has_mirror = 2 * column % columns == 0  # its rows i and −i are one wave
        kept = np.flatnonzero(~has_mirror | (2 * row <= rows))
        is_single = has_mirror & (2 * row % rows == 0)  # (−1)ⁿ has no sine
        super().__init__(Waves(~is_single.ravel()[kept], plane.wavenumber(along_y, column).ravel()[kept]))
        self.shape = plane.shape
        self.places: Tensor
        self.factor: Tensor
        factor = np.repeat(np.sqrt(self.waves.coefficients), self.waves.coefficients)
        self.register_buffer("places", torch.from_numpy(self.waves.places(2 * kept)), persistent=False)
        self.register_buffer("factor", table(factor), persistent=False)

    def forward(self, fields: Tensor) -> Tensor:
        """See `Transform.forward`."""
        waves = torch.fft.rfft2(fields.reshape(*fields.shape[:-1], *self.shape), norm="forward")
        return torch.view_as_real(waves).flatten(-3).index_select(-1, self.places) * self.factor


class CosineSeries(Transform):
    """cos(π p (y + ½) / Y) · cos(π q (x + ½) / X), whose slope is 0 at the edges, so that a field has no jump there.

    The discrete cosine transform II (Denis et al. 2002, doi:10.1175/1520-0493(2002)130<1812:SDOTDA>2.0.CO;2). Each node
    counts alike. The wavenumber counts half waves along the longer side.
    """

    def __init__(self, plane: Plane) -> None:
        rows, columns = plane.shape
        wavenumber = plane.wavenumber(np.arange(rows)[:, None], np.arange(columns)).ravel()
        super().__init__(Waves(np.zeros(rows * columns, bool), wavenumber))
        self.shape = plane.shape
        self.along_y: Tensor
        self.along_x: Tensor
        self.register_buffer("along_y", table(_turns(rows)), persistent=False)
        self.register_buffer("along_x", table(_turns(columns)), persistent=False)

    def forward(self, fields: Tensor) -> Tensor:
        """See `Transform.forward`."""
        of_rows = _cosines(fields.reshape(*fields.shape[:-1], *self.shape), self.along_x)
        return _cosines(of_rows.transpose(-1, -2), self.along_y).transpose(-1, -2).flatten(-2)


def _turns(count: int) -> Array:
    """The factors of `_cosines`: e^{−iπk/2n} / n, times √2 for k > 0; shape `[k, part]`."""
    angles = np.pi * np.arange(count) / (2 * count)
    size = np.where(np.arange(count) > 0, np.sqrt(2), 1.0) / count
    return np.stack([size * np.cos(angles), -size * np.sin(angles)], axis=-1)


def _cosines(values: Tensor, turns: Tensor) -> Tensor:
    """The cosine transform along the last axis, by a Fourier transform of the same length (Makhoul 1980)."""
    folded = torch.cat([values[..., ::2], values[..., 1::2].flip(-1)], dim=-1)
    waves = torch.view_as_real(torch.fft.fft(folded))
    return waves[..., 0] * turns[:, 0] - waves[..., 1] * turns[:, 1]
