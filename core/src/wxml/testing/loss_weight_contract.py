"""The contract of weights of losses, as tests."""

__all__ = ["LossWeightContract"]

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml.training.loss_space import LossSpace
from wxml.training.loss_weight import AXES, LossWeight


class LossWeightContract(Contract):
    """Checks of a LossWeight, on three steps, 6 × 8 nodes around the globe, and the variables t_850, t_250 and tp."""

    interface: ClassVar[type[Any]] = LossWeight

    def space(self) -> LossSpace:
        """Return the space of the checks; override it for a weight that needs another."""
        return tiny_loss_space()

    def sample(self) -> Any:
        """Make a weight for `space()`."""
        return self.make(self.space())

    def rehearse(self) -> None:
        """Ask for the factors once."""
        self._factor()

    def test_factors_fit_the_space(self) -> None:
        """The factors have three axes, step, node and variable: each of full length or of length 1."""
        found, space = self._factor(), self.space()
        require(isinstance(found, np.ndarray), f"`factor` must return a NumPy array, got {type(found).__name__}")
        full = (space.steps, len(space.grid), len(space.variables))
        fits = found.ndim == len(AXES) and all(n in (1, all_) for n, all_ in zip(found.shape, full, strict=True))
        require(fits, f"factors must have shape {full}, or 1 in place of some, got {found.shape}")
        require(found.dtype == np.float64, f"factors must be float64, got {found.dtype}")

    def test_factors_are_finite_and_not_negative(self) -> None:
        """No factor is negative, infinite or missing, and one of them is above 0."""
        found = self._factor()
        require(np.isfinite(found).all(), "a factor is not finite")
        require((found >= 0).all(), f"a factor is {found.min():.3g}, must not be negative")
        require((found > 0).any(), "all factors are 0, so that nothing is left of a loss")

    def test_the_same_space_gives_the_same_factors(self) -> None:
        """Two instances, and one that is asked twice, give the same bits."""
        weight = self.sample()
        first, second, other = weight.factor().copy(), weight.factor(), self._factor()
        require(np.array_equal(first, second), "asked twice, the weight gives other factors")
        require(np.array_equal(first, other), "two instances give other factors")

    def test_the_space_is_not_modified(self) -> None:
        """The weight changes neither the areas nor the statistics."""
        space, kept = self.space(), self.space()
        self.make(space).factor()
        require(np.array_equal(space.grid.area_weights, kept.grid.area_weights), "the weight changed the areas")
        for field in fields(Statistics)[1:]:
            same = np.array_equal(getattr(space.statistics, field.name), getattr(kept.statistics, field.name))
            require(same, f"the weight changed `statistics.{field.name}`")

    def _factor(self) -> NDArray[np.float64]:
        factors: NDArray[np.float64] = self.sample().factor()
        return factors
