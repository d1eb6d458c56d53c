"""The transform between maps and the coefficients of real spherical harmonics."""

__all__ = ["SphericalHarmonics"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from acme_sfno.legendre import exact_degree, legendre_functions, quadrature_weights

Values = NDArray[np.float64]


class SphericalHarmonics(nn.Module):
    """Takes maps on a grid of latitudes and longitudes to coefficients and back.

    With φ, λ the latitude and the longitude, the harmonics of degree l and order m = −l … l are

        Y_l0 = P̄_l0(sin φ),    Y_lm = √2 P̄_lm(sin φ) cos mλ,    Y_l,−m = √2 P̄_lm(sin φ) sin mλ;

    the mean over the sphere of Y_lm Y_l'm' is 1 where both are the same, else 0. The quadrature of the grid gives this
    exactly up to the degree of the transform, so that `analysis` undoes `synthesis`.
    """

    trigonometric: Tensor
    weighted: Tensor
    functions: Tensor

    def __init__(self, latitudes: Values, longitudes: Values, degree: int | None = None) -> None:
        """Make the tables.

        Args:
            latitudes: degrees, one for each row.
            longitudes: degrees, equally spaced around the globe.
            degree: the highest degree; None: `highest_degree`.
        """
        super().__init__()
        self.degree = self.highest_degree(latitudes, longitudes) if degree is None else degree
        sines = np.sin(np.radians(latitudes))
        of_order = legendre_functions(sines, self.degree)
        orders = np.abs(self.orders)
        functions = of_order[orders]  # [order, row, degree]
        weighted = functions * quadrature_weights(sines)[:, None] / len(longitudes)
        tables = {
            "trigonometric": _trigonometric(self.orders, np.radians(longitudes)),
            "functions": functions,
            "weighted": weighted,
        }
        for name, table in tables.items():
            self.register_buffer(name, torch.tensor(table, dtype=torch.float32), persistent=False)

    @staticmethod
    def highest_degree(latitudes: Values, longitudes: Values) -> int:
        """The highest degree for which the transform is exact on a grid."""
        return min(exact_degree(np.sin(np.radians(latitudes))), (len(longitudes) - 1) // 2)

    @property
    def orders(self) -> NDArray[np.int64]:
        """0, 1, … and −1, −2, …: the orders of the coefficients, one for each column."""
        positive = np.arange(self.degree + 1)
        return np.concatenate([positive, -positive[1:]])

    def analysis(self, maps: Tensor) -> Tensor:
        """The coefficients `[batch, degree, order, channel]` of maps `[batch, latitude, longitude, channel]`."""
        waves = torch.einsum("bjkc,km->bjmc", maps, self.trigonometric)
        coefficients: Tensor = torch.einsum("bjmc,mjl->blmc", waves, self.weighted)
        return coefficients

    def synthesis(self, coefficients: Tensor) -> Tensor:
        """The maps `[batch, latitude, longitude, channel]` of coefficients `[batch, degree, order, channel]`."""
        waves = torch.einsum("blmc,mjl->bjmc", coefficients, self.functions)
        maps: Tensor = torch.einsum("bjmc,km->bjkc", waves, self.trigonometric)
        return maps


def _trigonometric(orders: NDArray[np.int64], longitudes: Values) -> Values:
    """1, √2 cos mλ and √2 sin mλ, `[longitude, order]`."""
    angles = np.abs(orders) * longitudes[:, None]
    waves = np.where(orders < 0, np.sin(angles), np.cos(angles))
    return np.where(orders == 0, 1.0, np.sqrt(2) * waves)
