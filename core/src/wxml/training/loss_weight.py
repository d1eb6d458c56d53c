"""LossWeight: how much each variable, node and step counts in a loss."""

__all__ = ["AXES", "LossWeight", "LossWeights"]

from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass
from math import prod
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from wxml.training.loss_space import LossSpace

AXES = ("step", "node", "variable")
"""The axes of a weight, in their order."""


class LossWeight(ABC):
    """One factor of the weight of each value in a loss. All options are keyword-only.

    Attributes:
        is_measure: whether the factor says how much a value counts, such as its area or a mask, so that the sum of the
            factors divides the sum of the errors; else it scales the errors alone, as a weight by variable does.
    """

    is_measure: ClassVar[bool] = False

    def __init__(self, space: LossSpace) -> None:
        self.space = space

    @abstractmethod
    def factor(self) -> NDArray[np.float64]:
        """Return the factors, finite and not negative, shape `[step, node, variable]`.

        An axis along which the factor does not change has the length 1.
        """


@dataclass(frozen=True, slots=True, eq=False)
class LossWeights:
    """The weights of one loss: each with three axes, `step`, `node`, `variable`, of full length or of length 1."""

    measures: tuple[NDArray[np.float64], ...] = ()
    """The factors of the weights with `is_measure`; their product divides the sum of the errors."""
    factors: tuple[NDArray[np.float64], ...] = ()
    """The other factors."""

    @property
    def measure(self) -> NDArray[np.float64]:
        """The product of the measures, shape `[step or 1, node or 1, variable or 1]`."""
        return prod(self.measures, start=np.ones((1, 1, 1)))

    @property
    def factor(self) -> NDArray[np.float64]:
        """The product of the other factors, shape `[step or 1, node or 1, variable or 1]`."""
        return prod(self.factors, start=np.ones((1, 1, 1)))

    @property
    def axes(self) -> frozenset[str]:
        """The axes along which a weight changes, or has more than one entry."""
        shapes = [array.shape for array in (*self.measures, *self.factors)]
        return frozenset(axis for place, axis in enumerate(AXES) if any(shape[place] > 1 for shape in shapes))

    def along(self, axes: Set[str]) -> Self:
        """Return the weights that have no other axes than `axes`."""

        def fits(array: NDArray[np.float64]) -> bool:
            return all(length == 1 or axis in axes for axis, length in zip(AXES, array.shape, strict=True))

        return type(self)(tuple(filter(fits, self.measures)), tuple(filter(fits, self.factors)))
