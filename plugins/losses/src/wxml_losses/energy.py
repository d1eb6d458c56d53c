"""The energy score: the CRPS of whole fields."""

__all__ = ["Energy"]

from collections.abc import Iterable, Mapping
from math import prod
from typing import Annotated, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from wxml import Loss, LossSpace, LossSums, LossWeights

from wxml_losses.known_gradient import with_gradient

NORMS = {"space": (2,), "variables": (3,), "both": (2, 3)}
"""The axes of `[batch, step, node, variable]` over which a distance is taken."""
EMPTY: NDArray[np.float64] = np.ones((1, 1, 1))


class Energy(Loss):
    """The energy score of the members of an ensemble: the CRPS of several values at once.

    With the members x_i and the truth y it is

        (1/M) Σ_i ‖x_i − y‖ − k Σ_{i<j} ‖x_i − x_j‖,   k = 1 / (M (M − 1)) if fair, else 1 / M²

    where M counts the members. A distance is taken over the nodes of each variable (`over: space`), over the variables
    at each node (`variables`), or over all (`both`), with the weights of these axes inside of it:

        ‖d‖² = n Σ present · m · f · d² / Σ present · m

    with the product m of the measures and f of the other weights along these axes, and the number n of the variables in
    it. Weights along other axes alone multiply the score. A term of the loss is a variable with `space`, else there is
    one term. One member alone has its distance from the truth. Time grows with the square of the number of members, the
    memory with the number.

    Source: Gneiting and Raftery (2007), J. Amer. Statist. Assoc. 102, 359–378; the fair form as for the CRPS.
    """

    takes_members = True
    inner_weight: Tensor
    inner_measure: Tensor
    outer_weight: Tensor
    outer_measure: Tensor

    def __init__(
        self,
        space: LossSpace,
        weights: LossWeights,
        *,
        over: Annotated[
            Literal["space", "variables", "both"], Field(description="the axes over which distances are taken")
        ] = "space",
        fair: Annotated[
            bool, Field(description="whether the score is what an ensemble of infinite size would get on average")
        ] = True,
    ) -> None:
        super().__init__(space, weights)
        self.over, self.fair = over, fair
        self._axes = NORMS[over]
        for name, is_inner in (("inner", True), ("outer", False)):
            measure = self._product(weights.measures, is_inner=is_inner)
            factor = self._product(weights.factors, is_inner=is_inner)
            self._keep(f"{name}_measure", measure)
            self._keep(f"{name}_weight", factor if is_inner else measure * factor)

    @classmethod
    def degree_of(cls, options: Mapping[str, Any]) -> float | None:
        """See `wxml.Loss.degree_of`; weights of variables are inside of a distance over variables."""
        return 1 if options["over"] == "space" else 2

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """See `wxml.Loss.forward`."""
        steps, present = truth.shape[1], ~torch.isnan(truth)
        inner, factor, outer, weight = (
            buffer[:steps] if len(buffer) > 1 else buffer
            for buffer in (self.inner_measure, self.inner_weight, self.outer_measure, self.outer_weight)
        )
        measure = (present * inner).sum(self._axes, keepdim=True)
        variables = truth.shape[3] if 3 in self._axes else 1
        inside = present * (inner * factor) * variables / torch.where(measure > 0, measure, 1.0)
        score = self._score(forecast, torch.where(present, truth, 0.0), inside)
        axes = (0, 1, 2) if self.over == "space" else (0, 1, 2, 3)
        total, counted = (score * measure * weight).sum(axes), (measure * outer).sum(axes)
        return LossSums(total.reshape(-1), counted.reshape(-1))

    def _score(self, forecast: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
        """The score, of length 1 along the axes of the norm; `weight` is 0 where the truth is missing."""
        members = forecast.shape[1]
        apart = 0.0 if members == 1 else 1 / (members * (members - 1 if self.fair else members))
        is_needed = torch.is_grad_enabled() and forecast.requires_grad
        with torch.no_grad():
            slope = torch.zeros_like(forecast, dtype=truth.dtype) if is_needed else None
            score = torch.zeros((), dtype=truth.dtype, device=truth.device)
            for i in range(members):
                one = forecast[:, i].to(truth.dtype)
                distance, direction = self._distance(one - truth, weight)
                score = score + distance / members
                if slope is not None:
                    slope[:, i].add_(direction, alpha=1 / members)
                for j in range(i + 1, members):
                    distance, direction = self._distance(one - forecast[:, j].to(truth.dtype), weight)
                    score = score - apart * distance
                    if slope is not None:
                        slope[:, i].sub_(direction, alpha=apart)
                        slope[:, j].add_(direction, alpha=apart)
        return score if slope is None else with_gradient(forecast, score, slope)

    def _distance(self, difference: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
        """√Σ ω d² over the axes of the norm, and its derivative by d, 0 where the distance is 0.

        Differences are divided by the greatest one first, so that no square overflows.
        """
        difference = torch.where(weight > 0, difference, 0.0)
        largest = difference.abs().amax(self._axes, keepdim=True)
        unit = difference / torch.where(largest > 0, largest, 1.0)
        length = (weight * unit.square()).sum(self._axes, keepdim=True).sqrt()
        return largest * length, weight * unit / torch.where(length > 0, length, 1.0)

    def _product(self, arrays: Iterable[NDArray[np.float64]], *, is_inner: bool) -> NDArray[np.float64]:
        """The product of the weights along an axis of the norm, or of the others."""
        axes = tuple(axis - 1 for axis in self._axes)
        chosen = [array for array in arrays if any(array.shape[axis] > 1 for axis in axes) == is_inner]
        return prod(chosen, start=EMPTY)

    def _keep(self, name: str, values: NDArray[np.float64]) -> None:
        self.register_buffer(name, torch.tensor(values, dtype=torch.get_default_dtype()), persistent=False)
