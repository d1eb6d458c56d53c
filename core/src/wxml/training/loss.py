"""Loss: how far a forecast is from the truth, as the number that a training makes small."""

__all__ = ["Loss", "LossSums", "PointwiseLoss", "SpreadLoss"]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml.training.loss_space import LossSpace
from wxml.training.loss_weight import AXES, LossWeights


@dataclass(frozen=True, slots=True, eq=False)
class LossSums:
    """What samples add to a loss: sums over them, which add up over steps, batches and devices before the division."""

    total: Tensor
    """The weighted sum of the errors of each term, shape `[term]`; a term is a variable unless the loss says else."""
    weight: Tensor
    """The sum of the measures of the values that are present, shape `[term]`; without a gradient."""

    def __add__(self, other: Self) -> Self:
        return type(self)(self.total + other.total, self.weight + other.weight)


class Loss(nn.Module, ABC):
    """Compares forecasts with the truth, in model values. All options are keyword-only.

    The rule of reduction is one for all losses. With the error ℓ of a value, the product m of the measures and the
    product f of the other weights,

        L = mean over terms of  Σ present · m · f · ℓ / Σ present · m

    where the sums are over samples, steps and nodes, and the mean is over the terms that have any truth. So the loss
    does not depend on how the samples are divided into batches and over devices, and of a variable with gaps the rest
    weighs correspondingly more.

    Attributes:
        takes_members: whether the loss compares an ensemble of two members or more; else it compares one forecast. A
            loss that wraps another one takes what that one takes, and says so in its constructor.
        takes_spread: whether the loss compares a normal distribution at each value, of a model with `model.spread`: its
            mean and its standard deviation then stand in the place of the members. See `SpreadLoss`.
        weighs: the axes of the weights that the loss can use; others are never handed over.
        degree: the power of the unit that the sums are in: 2 of squares, 1 of absolute errors, 0 of ratios, and of
            logarithms, to which another unit adds a constant. None if they are in none, such as those of a loss that is
            a square for small errors alone; they are weighed as squares. See `degree_of`.
        weight: m · f, shape `[step or 1, node or 1, variable or 1]`.
        measure: m, likewise.
    """

    takes_members: bool = False
    takes_spread: ClassVar[bool] = False
    weighs: ClassVar[frozenset[str]] = frozenset(AXES)
    degree: ClassVar[float | None] = None
    weight: Tensor
    measure: Tensor

    def __init__(self, space: LossSpace, weights: LossWeights) -> None:
        """Keep the weights as buffers, which are no part of a state; their type is torch's default.

        Args:
            space: the variables, nodes and steps; every forecast has all variables and nodes, and as many steps or
                fewer.
            weights: along the axes `weighs` alone.
        """
        super().__init__()
        self.space = space
        self.register_buffer("measure", _buffer(weights.measure), persistent=False)
        self.register_buffer("weight", _buffer(weights.measure * weights.factor), persistent=False)

    @classmethod
    def degree_of(cls, options: Mapping[str, Any]) -> float | None:
        """Return `degree` of a loss with these options, by which weights such as `tendency` take the unit off.

        Args:
            options: the keyword arguments of the constructor, defaults included.
        """
        return cls.degree

    @abstractmethod
    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """Sum up the errors of some samples, in the precision of the truth whatever that of the model is.

        Args:
            forecast: shape `[batch, member, step, node, variable]`; if the loss takes a spread, the mean and the
                standard deviation, shape `[batch, 2, step, node, variable]`.
            truth: shape `[batch, step, node, variable]`; NaN where missing.
        """

    def value(self, sums: LossSums) -> Tensor:
        """Return the loss of all samples whose sums were added up: a scalar, 0 if no term has any truth."""
        is_present = sums.weight > 0
        means = sums.total / torch.where(is_present, sums.weight, 1.0)
        return torch.where(is_present, means, 0.0).sum() / is_present.sum().clamp_min(1)

    def reduced(self, errors: Tensor, present: Tensor) -> LossSums:
        """Weigh the errors of values, and add them up for each variable.

        Args:
            errors: shape `[batch, step, node, variable]`, finite, also where the truth is missing.
            present: whether the truth is there, same shape.
        """
        steps = errors.shape[1]
        weight, measure = (w[:steps] if len(w) > 1 else w for w in (self.weight, self.measure))
        counted = present.to(errors.dtype)  # the samples are added first: the weights are the same for all of them
        total = ((errors * counted).sum(0) * weight).sum((0, 1))
        return LossSums(total, (counted.sum(0) * measure).sum((0, 1)))


class PointwiseLoss(Loss):
    """A loss of each value alone."""

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """Sum up the errors of some samples; see `Loss.forward`. Where the truth is missing both are 0."""
        present = ~torch.isnan(truth)
        filled = torch.where(present, truth, 0.0)
        compared = torch.where(present[:, None], forecast.to(filled.dtype), 0.0)
        return self.reduced(self.errors(compared, filled), present)

    @abstractmethod
    def errors(self, forecast: Tensor, truth: Tensor) -> Tensor:
        """Return the error of each value, shape `[batch, step, node, variable]`.

        Args:
            forecast: shape `[batch, member, step, node, variable]`; one member unless the loss takes members.
            truth: shape `[batch, step, node, variable]`.
        """


class SpreadLoss(Loss):
    """A loss of the normal distribution that a model with `model.spread` forecasts at each value alone."""

    takes_spread = True

    def forward(self, forecast: Tensor, truth: Tensor) -> LossSums:
        """Sum up the errors of some samples; see `Loss.forward`. Where the truth is missing σ is 1, all else 0."""
        present = ~torch.isnan(truth)
        filled = torch.where(present, truth, 0.0)
        mean, deviation = forecast.to(filled.dtype).unbind(1)
        compared = torch.where(present, mean, 0.0), torch.where(present, deviation, 1.0)
        return self.reduced(self.errors(*compared, filled), present)

    @abstractmethod
    def errors(self, mean: Tensor, deviation: Tensor, truth: Tensor) -> Tensor:
        """Return the error of each value; all have the shape `[batch, step, node, variable]`.

        Args:
            mean: μ, model values.
            deviation: σ, positive, in the unit of the mean.
            truth: model values.
        """


def _buffer(values: NDArray[np.float64]) -> Tensor:
    return torch.tensor(values, dtype=torch.get_default_dtype())
