"""Spherical harmonics: from coefficients to a Gaussian grid and back, and the derivatives that a flow needs.

Real fields only. A field is f(λ, μ) = Σ_m Σ_l f_lm P_lm(μ) exp(imλ) over 0 ≤ |m| ≤ l ≤ truncation, with μ = sin φ and
the associated Legendre functions normalised so that ½ ∫ P_lm² dμ = 1: the coefficient of l = m = 0 is the global mean,
and the mean of f² is Σ |f_lm|², where m > 0 counts twice. Only m ≥ 0 is kept, since f_l,−m = conj(f_lm).

Arrays: coefficients `[..., order, degree]` (complex), grid `[..., latitude, longitude]`, latitudes from north to south.
"""

__all__ = ["EARTH_RADIUS", "SphericalHarmonics", "legendre_functions"]

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import gauss_legendre

EARTH_RADIUS = 6.371e6  # m

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]


class SphericalHarmonics:
    """The transforms of one triangular truncation: matrix products in latitude, FFTs in longitude.

    Products of two fields are exact up to the truncation, since with at least 3 · truncation + 1 longitudes and half as
    many Gaussian latitudes no alias reaches a kept coefficient (Orszag 1970, J. Atmos. Sci. 27, 890).
    """

    def __init__(self, truncation: int) -> None:
        self.truncation = truncation
        self.num_longitudes = fast_length(3 * truncation + 1)
        self.latitudes, self.weights = gauss_legendre(self.num_longitudes // 2)
        self.longitudes: Real = np.arange(float(self.num_longitudes)) * (360.0 / self.num_longitudes)
        self.sin_latitude = np.sin(np.radians(self.latitudes))
        self.orders = np.arange(truncation + 1.0)[:, None]
        self.degrees = np.arange(truncation + 1.0)
        self.laplacian = -self.degrees * (self.degrees + 1) / EARTH_RADIUS**2
        """The eigenvalues −l(l + 1) / a² of the Laplacian (m⁻²), shape `[degree]`."""
        self.inverse_laplacian = np.append(0.0, 1.0 / self.laplacian[1:])
        """Their inverses (m²), zero for the global mean, shape `[degree]`."""

        # One matrix `[order, out, in]` for each direction of the Legendre transform.
        functions, slopes = legendre_functions(truncation, self.sin_latitude)
        self._metric = 1.0 / (EARTH_RADIUS * np.sqrt(1.0 - self.sin_latitude**2))
        half_weights = 0.5 * self.weights
        self._synthesis = np.ascontiguousarray(functions.swapaxes(1, 2))
        self._slope_synthesis = np.ascontiguousarray((slopes * self._metric).swapaxes(1, 2))
        self._analysis = functions * half_weights
        along, across = self._analysis * self._metric, slopes * half_weights * self._metric
        self._flux_analysis = np.concatenate([self._analysis, along, across], axis=2)

    def to_grid(self, coefficients: Complex) -> Real:
        """The values on the grid."""
        return self._from_waves(_product(self._synthesis, coefficients))

    def to_coefficients(self, values: Real) -> Complex:
        """The coefficients of the values up to the truncation: exact for fields without higher degrees."""
        return _product(self._analysis, self._to_waves(values))

    def gradient(self, coefficients: Complex) -> tuple[Real, Real]:
        """The slopes towards the east and towards the north, per metre, on the grid."""
        eastward = _product(self._synthesis, 1j * self.orders * coefficients) * self._metric
        northward = _product(self._slope_synthesis, coefficients)
        return self._from_waves(eastward), self._from_waves(northward)

    def wind(self, vorticity: Complex) -> tuple[Real, Real]:
        """The wind (u, v) on the grid of a flow without divergence: u = −∂ψ/∂y, v = ∂ψ/∂x, ∇²ψ = vorticity."""
        eastward, northward = self.gradient(self.inverse_laplacian * vorticity)
        return -northward, eastward

    def source_minus_divergence(self, source: Real, eastward: Real, northward: Real) -> Complex:
        """The coefficients of source − ∇·(eastward, northward), for fields on the grid.

        The derivative in latitude is moved to the Legendre functions by parts, so the mean of a divergence is zero.
        """
        waves = self._to_waves(np.stack([source, eastward, northward]))
        waves[1] *= -1j * self.orders
        return _product(self._flux_analysis, np.concatenate(list(waves), axis=-1))

    def mean(self, values: Real) -> Real:
        """The global means of fields on the grid."""
        return np.asarray(0.5 * np.mean(values, axis=-1) @ self.weights)

    def _from_waves(self, waves: Complex) -> Real:
        """From Fourier coefficients `[..., order, latitude]` to the grid."""
        return np.fft.irfft(waves.swapaxes(-1, -2), n=self.num_longitudes, norm="forward")

    def _to_waves(self, values: Real) -> Complex:
        """From the grid to Fourier coefficients `[..., order, latitude]`."""
        waves = np.fft.rfft(values, norm="forward")[..., : self.truncation + 1]
        return waves.swapaxes(-1, -2)


def legendre_functions(truncation: int, sin_latitude: Real) -> tuple[Real, Real]:
    """P_lm and (1 − μ²) dP_lm/dμ at the given μ, both `[order, degree, latitude]`, zero where degree < order.

    With ε_lm = √((l² − m²) / (4l² − 1)) (Machenhauer 1979):
    μ P_lm = ε_l+1,m P_l+1,m + ε_lm P_l−1,m and (1 − μ²) dP_lm/dμ = (l + 1) ε_lm P_l−1,m − l ε_l+1,m P_l+1,m.
    """
    size = truncation + 2  # the slope of the last degree needs one more
    orders, degrees = np.arange(size)[:, None], np.arange(size + 1)[None, :]
    epsilon = np.sqrt(np.maximum(degrees**2 - orders**2, 0) / (4.0 * degrees**2 - 1.0).clip(min=1))
    functions = np.zeros((size, size, len(sin_latitude)))
    for m in range(size):
        factor = np.prod(np.sqrt((2 * np.arange(1, m + 1) + 1) / (2.0 * np.arange(1, m + 1))))
        functions[m, m] = factor * (1 - sin_latitude**2) ** (m / 2)
    for above in range(size - 1):  # all orders at once
        order = np.arange(size - 1 - above)
        degree = order + above
        below = epsilon[order, degree][:, None] * functions[order, degree - 1] if above else 0.0
        product = sin_latitude * functions[order, degree] - below
        functions[order, degree + 1] = product / epsilon[order, degree + 1][:, None]
    below = np.concatenate([np.zeros_like(functions[:, :1]), functions[:, :-2]], axis=1)
    count = np.arange(size - 1)[None, :, None]
    slopes = (count + 1) * epsilon[:, : size - 1, None] * below - count * epsilon[:, 1:size, None] * functions[:, 1:]
    kept = slice(0, truncation + 1)
    return functions[kept, kept], slopes[kept, kept]


def fast_length(minimum: int) -> int:
    """The smallest multiple of four from `minimum` on that has no prime factor above five."""
    length = -(-minimum // 4) * 4
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 4


def _product(matrix: Real, vectors: Complex) -> Complex:
    """Apply matrices `[order, out, in]` to vectors `[..., order, in]`, by one real product for all fields at once."""
    leading = vectors.shape[:-2]
    columns = np.ascontiguousarray(vectors.reshape(-1, *vectors.shape[-2:]).transpose(1, 2, 0))
    product = np.matmul(matrix, columns.view(np.float64)).view(np.complex128)
    return np.asarray(product.transpose(2, 0, 1).reshape(*leading, *product.shape[:2]))
