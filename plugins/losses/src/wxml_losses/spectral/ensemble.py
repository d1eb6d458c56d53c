"""The CRPS of the waves of an ensemble."""

__all__ = ["SpectralCrps"]

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from wxml import LossSpace, LossWeights

from wxml_losses.crps import kernel_crps
from wxml_losses.spectral.choice import TransformName, Truncation, WavenumberWeights
from wxml_losses.spectral.loss import SpectralLoss

UNSEEN = 1e-24
"""Power that is added to that of each wave, so that its root has a slope at 0."""


class SpectralCrps(SpectralLoss):
    """The mean over the K coefficients of the CRPS of √K c; see the loss `crps`.

    For white noise √K c is as large as the field, so the loss is of the size of `crps`. The coefficients are those of
    cosine and sine, or their moduli: of a wave with two coefficients √((c₁² + c₂²) / 2) counts twice. The modulus does
    not see where a wave is.
    """

    takes_members = True
    degree = 1

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        transform: TransformName = "auto",
        truncation: Truncation = None,
        wavenumber_weights: WavenumberWeights = {},  # noqa: B006  # never changed
        fairness: Annotated[
            float, Field(ge=0, le=1, description="1 is the fair CRPS, 0 that of the members as they are")
        ] = 0.95,
        of: Annotated[
            Literal["coefficients", "moduli"],
            Field(description="what is compared: phase and size of waves, or the size"),
        ] = "coefficients",
    ) -> None:
        """See `SpectralLoss`."""
        super().__init__(
            space, weights, transform=transform, truncation=truncation, wavenumber_weights=wavenumber_weights
        )
        self.fairness, self.of = fairness, of

    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """See `SpectralLoss.errors`."""
        scale = truth.shape[-1] ** 0.5
        if self.of == "coefficients":
            scores = kernel_crps(scale * forecast, scale * truth, self.fairness)
            weights = self.by_wavenumber[self.transform.group]
            return (scores * weights).sum(-1) / weights.sum()
        scores = kernel_crps(scale * self._moduli(forecast), scale * self._moduli(truth), self.fairness)
        return self.mean_of_coefficients(scores, self.transform.wave)

    def _moduli(self, coefficients: Tensor) -> Tensor:
        count = self.transform.by_wave(coefficients.new_ones(coefficients.shape[-1]))
        return (self.transform.by_wave(coefficients.square()) / count + UNSEEN).sqrt()
