"""Schedule: the learning rate over the course of a training."""

__all__ = ["Progress", "Schedule"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a training is."""

    step: int
    """The number of the step that is being made, counted from 1."""
    steps: int
    """The most steps that the training makes."""
    fraction: float
    """The share of the training that is done after the step, 0 to 1: the larger of the shares of steps and of time."""
    losses: tuple[float, ...] = ()
    """The validation losses so far, in their order; none unless the schedule `uses_losses`."""


class Schedule(ABC):
    """The factor of the learning rate, as a function of the progress alone. All options are keyword-only.

    It keeps nothing from one call to the next, so that a training can be resumed at any step.

    Attributes:
        uses_losses: whether the factor depends on the validation losses.
    """

    uses_losses: ClassVar[bool] = False

    @abstractmethod
    def factor(self, progress: Progress) -> float:
        """Return the learning rate of a step over the highest one, 0 to 1."""
