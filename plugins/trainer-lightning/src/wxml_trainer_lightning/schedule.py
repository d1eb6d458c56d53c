"""What changes while training goes on: the learning rate, and how many steps a forecast has."""

__all__ = ["LearningRate", "Rollout"]

import math
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import Field, model_validator
from wxml import Options
from wxml.errors import DataError

ROUNDING = 1e-9  # 0.2 and 0.6 are not exact in binary, yet a stage is to begin at its very step


class Rollout(Options):
    """How many forecast steps the loss is taken over, and how that number rises."""

    start: Annotated[int, Field(ge=1, description="forecast steps at first")] = 1
    maximum: Annotated[int, Field(ge=1, description="forecast steps at the end")] = 1
    begin: Annotated[
        float,
        Field(
            ge=0,
            lt=1,
            description="share of the training with `start` steps; the rest has equal stages of one more each",
        ),
    ] = 0.5

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.start > self.maximum:
            raise DataError(
                f"`start` must not exceed `maximum`, got {self.start} and {self.maximum}", fix="exchange the two"
            )
        return self

    @property
    def stages(self) -> range:
        """Every number of steps that may occur."""
        return range(self.start, self.maximum + 1)

    def at_least(self, steps: int) -> Self:
        """The same, but never with fewer forecast steps than a model makes at once.

        >>> Rollout(start=1, maximum=2).at_least(3).stages
        range(3, 4)
        """
        return self.model_copy(update={"start": max(self.start, steps), "maximum": max(self.maximum, steps)})

    def steps(self, fraction: float) -> int:
        """How many forecast steps there are when this fraction of the training is done.

        >>> rollout = Rollout(start=1, maximum=3, begin=0.5)
        >>> [rollout.steps(fraction) for fraction in (0.0, 0.49, 0.5, 0.74, 0.75, 1.0)]
        [1, 1, 2, 2, 3, 3]
        """
        if fraction < self.begin:
            return self.start
        risen = (self.maximum - self.start) * (fraction - self.begin) / (1 - self.begin)
        return min(self.start + 1 + int(risen + ROUNDING), self.maximum)


@dataclass(frozen=True, slots=True)
class LearningRate:
    """A linear rise, then half a cosine down (Loshchilov & Hutter 2017, arXiv:1608.03983, without restarts)."""

    peak: float
    warmup: float
    """The fraction of the training in which the rate rises."""
    final_ratio: float
    """The last learning rate over the highest."""

    def at(self, fraction: float) -> float:
        """The learning rate of the step after which this fraction of the training is done.

        With w = `warmup` and r = `final_ratio`:

            peak · p / w                                            for p < w
            peak · (r + (1 − r) · ½ (1 + cos π (p − w) / (1 − w)))  after that
        """
        if fraction < self.warmup:
            return self.peak * fraction / self.warmup
        cosine = 0.5 * (1 + math.cos(math.pi * (fraction - self.warmup) / (1 - self.warmup)))
        return self.peak * (self.final_ratio + (1 - self.final_ratio) * cosine)
