"""SpectralLoss: a loss that compares the waves of which fields consist."""

__all__ = ["SpectralLoss"]

from abc import abstractmethod

import torch
from torch import Tensor
from wxml import LossSpace, LossSums, LossWeights

from wxml_losses.spectral.choice import (
    TransformName,
    Truncation,
    WavenumberWeights,
    chosen_transform,
    wavenumber_factors,
)
from wxml_losses.spectral.transform import table
from wxml_losses.whole_field import WholeFieldLoss


class SpectralLoss(WholeFieldLoss):
    """A loss of the coefficients of a transform, a number for each field.

    A field of which any truth is missing has no spectrum: it counts nothing. Weights of nodes cannot apply.

    Attributes:
        transform: such that the power of all waves is the mean of the squares of a field.
        by_wavenumber: the factor of each of the wavenumbers of the transform.
    """

    weighs = frozenset({"step", "variable"})
    by_wavenumber: Tensor

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        transform: TransformName = "auto",
        truncation: Truncation = None,
        wavenumber_weights: WavenumberWeights = {},  # noqa: B006  # never changed
    ) -> None:
        """Make the tables of the transform.

        Raises:
            ConfigError: the grid has no such transform, or no wavenumber has a weight.
        """
        super().__init__(space, weights)
        self.transform = chosen_transform(space.grid, transform, truncation)
        factors = wavenumber_factors(self.transform, wavenumber_weights, truncation)
        self.register_buffer("by_wavenumber", table(factors), persistent=False)

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """Sum up the errors of some samples; see `wxml.Loss.forward`."""
        whole = truth.masked_fill(torch.isnan(truth).any(2, keepdim=True), torch.nan)
        compared = self.compared(forecast, whole)
        present = compared.present[:, :, :1]
        with torch.autocast(truth.device.type, enabled=False):
            errors = self.errors(self._coefficients(compared.forecast), self._coefficients(compared.truth))
            return self.reduced(errors[:, :, None], present)

    @abstractmethod
    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """Return the error of each field, shape `[batch, step, variable]`.

        Args:
            forecast: coefficients, shape `[batch, member, step, variable, coefficient]`.
            truth: shape `[batch, step, variable, coefficient]`.
        """

    def mean_of_coefficients(self, values: Tensor, groups: Tensor) -> Tensor:
        """Average `[..., group]` over all coefficients with the factors of their wavenumbers.

        Args:
            values: a value for each group of coefficients.
            groups: the group of each coefficient, shape `[coefficient]`.
        """
        of_each = self.by_wavenumber[self.transform.group]
        weights = of_each.new_zeros(values.shape[-1]).index_add(0, groups, of_each)
        return (values * weights).sum(-1) / weights.sum()

    def _coefficients(self, fields: Tensor) -> Tensor:
        found: Tensor = self.transform(fields.movedim(-2, -1).contiguous())
        return found
