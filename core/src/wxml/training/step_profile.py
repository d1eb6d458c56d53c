"""What a trainer measures of its steps."""

__all__ = ["PHASES", "StepProfile"]

from collections.abc import Mapping
from dataclasses import dataclass, field

PHASES = ("data", "forward", "backward", "optimiser", "communication", "other")
"""What the time of a step is divided into."""


@dataclass(frozen=True, slots=True)
class StepProfile:
    """What a trainer has measured over some steps, in one process."""

    steps: int
    """The number of steps that were measured."""
    warm_up: int
    """The number of steps before them, which were not."""
    samples: int
    """The number of samples in the measured steps, of all processes."""
    seconds: float
    """The time of the measured steps."""
    phases: Mapping[str, float]
    """The seconds of each of `PHASES`; they add up to `seconds`."""
    device: str
    """The type of the device as torch calls it."""
    ranks: int
    """The number of processes that trained together."""
    rollout: int
    """The number of forecast steps in each loss."""
    peak_memory: int | None
    """The most bytes that the steps and the model took on the device; None: this system does not tell."""
    tensors: Mapping[str, int] = field(default_factory=dict)
    """The rows of `wxml train --plan` but for the gaps → the bytes of their tensors at the peak of a step, as counted;
    empty: nobody has counted them."""
