"""Losses of the power of waves."""

__all__ = ["AdjustedSquared", "LogSpectral", "PowerSpectrum", "SpectralCorrelation", "adjusted_squared_error"]

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, maximum
from wxml import LossSpace, LossWeights

from wxml_losses.spectral.choice import TransformName, Truncation, WavenumberWeights
from wxml_losses.spectral.loss import SpectralLoss

Per = Annotated[
    Literal["wavenumber", "wave"],
    Field(description="compare the waves of each wavenumber together, or each wave alone"),
]
Floor = Annotated[
    float,
    Field(gt=0, allow_inf_nan=False, description="power (squares of model values) that is added to both spectra"),
]


def adjusted_squared_error(forecast: Tensor, truth: Tensor, common: Tensor) -> Tensor:
    """(√S_f − √S_o)² + 2 max(S_f, S_o) (1 − γ) with γ = C / √(S_f S_o) (Subich et al. 2025, arXiv:2501.19374).

    The squared error is (√S_f − √S_o)² + 2 √(S_f S_o) (1 − γ): a forecast makes it small by less power where it is
    uncertain. Here no power is saved in this way.

    Args:
        forecast: S_f > 0, the power of each wavenumber.
        truth: S_o > 0, same shape.
        common: C, the real part of the sum of the products of coefficients.
    """
    amplitudes = forecast.sqrt(), truth.sqrt()
    coherence = common / (amplitudes[0] * amplitudes[1])
    return (amplitudes[0] - amplitudes[1]).square() + 2 * maximum(forecast, truth) * (1 - coherence)


class AdjustedSquared(SpectralLoss):
    """The adjusted mean squared error: as the squared error, but blurring a forecast does not make it smaller.

    Σ_l w_l [(√S_f − √S_o)² + 2 max(S_f, S_o) (1 − γ)] with the power S of each wavenumber l and the coherence γ (Subich
    et al. 2025, arXiv:2501.19374). It equals the mean squared error over the area where both spectra are equal. `floor`
    stands for a wave of this power that both fields have in each wavenumber, so that it and its slope are finite at 0.
    """

    degree = 2

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        transform: TransformName = "auto",
        truncation: Truncation = None,
        wavenumber_weights: WavenumberWeights = {},  # noqa: B006  # never changed
        floor: Floor = 1e-8,
    ) -> None:
        """See `SpectralLoss`."""
        super().__init__(
            space, weights, transform=transform, truncation=truncation, wavenumber_weights=wavenumber_weights
        )
        self.floor = floor

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `SpectralLoss.errors`."""
        forecast = forecast.squeeze(1)
        products = forecast.square(), truth.square(), forecast * truth
        powers = [self.transform.by_wavenumber(product) + self.floor for product in products]
        return (adjusted_squared_error(*powers) * self.by_wavenumber).sum(-1)


class PowerSpectrum(SpectralLoss):
    """Σ_l w_l (S_f − S_o)², where S is the power of each wavenumber l; the phase does not count."""

    degree = 4

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `SpectralLoss.errors`."""
        powers = [self.transform.by_wavenumber(field.square()) for field in (forecast.squeeze(1), truth)]
        return ((powers[0] - powers[1]).square() * self.by_wavenumber).sum(-1)


class LogSpectral(SpectralLoss):
    """The mean of (ln S_o − ln S_f)² over wavenumbers or waves: all scales count alike, the phase does not count."""

    degree = 0

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        transform: TransformName = "auto",
        truncation: Truncation = None,
        wavenumber_weights: WavenumberWeights = {},  # noqa: B006  # never changed
        per: Per = "wavenumber",
        floor: Floor = 1e-12,
    ) -> None:
        """See `SpectralLoss`."""
        super().__init__(
            space, weights, transform=transform, truncation=truncation, wavenumber_weights=wavenumber_weights
        )
        self.per, self.floor = per, floor

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `SpectralLoss.errors`."""
        summed = self.transform.by_wave if self.per == "wave" else self.transform.by_wavenumber
        logs = [(summed(field.square()) + self.floor).log() for field in (forecast.squeeze(1), truth)]
        squares = (logs[1] - logs[0]).square()
        if self.per == "wave":
            return self.mean_of_coefficients(squares, self.transform.wave)
        return (squares * self.by_wavenumber).sum(-1) / self.by_wavenumber.sum()


class SpectralCorrelation(SpectralLoss):
    """The mean of 1 − Re(c_f c̄_o) / (|c_f| |c_o|), weighed by the number of coefficients; only the phase counts.

    The correlation is that of each wave, or of all waves of a wavenumber together (their coherence). It lies within
    [−1, 1], since `floor` stands for a wave that both fields have.
    """

    degree = 0

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        transform: TransformName = "auto",
        truncation: Truncation = None,
        wavenumber_weights: WavenumberWeights = {},  # noqa: B006  # never changed
        per: Per = "wave",
        floor: Floor = 1e-12,
    ) -> None:
        """See `SpectralLoss`."""
        super().__init__(
            space, weights, transform=transform, truncation=truncation, wavenumber_weights=wavenumber_weights
        )
        self.per, self.floor = per, floor

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `SpectralLoss.errors`."""
        is_wave = self.per == "wave"
        summed = self.transform.by_wave if is_wave else self.transform.by_wavenumber
        forecast = forecast.squeeze(1)
        of_forecast, of_truth, common = (
            summed(product) + self.floor for product in (forecast.square(), truth.square(), forecast * truth)
        )
        apart = 1 - common / (of_forecast * of_truth).sqrt()
        return self.mean_of_coefficients(apart, self.transform.wave if is_wave else self.transform.group)
