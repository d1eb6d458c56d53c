"""The beginning that the schedules share: the learning rate rises linearly."""

__all__ = ["Ratio", "Warmup", "after_rise", "rise", "rise_share"]

import math
from typing import Annotated

from pydantic import Field
from wxml import Progress

from wxml_trainer_lightning.options import ShareOrSteps

Warmup = Annotated[
    ShareOrSteps,
    Field(
        description="share of the training in which the learning rate rises; 1 and above: as many of the `max_steps`"
    ),
]
Ratio = Annotated[float, Field(ge=0, le=1)]


def rise_share(warmup: float, progress: Progress) -> float:
    """The share w of the training in which the learning rate rises, at most 1."""
    return warmup if warmup < 1 else min(1.0, warmup / progress.steps)


def rise(warmup: float, progress: Progress) -> float:
    """min(1, p / w) with the fraction p of the training."""
    share = rise_share(warmup, progress)
    return progress.fraction / share if progress.fraction < share else 1.0


def after_rise(warmup: float, progress: Progress) -> float | None:
    """The share (p − w) / (1 − w) of what follows the rise; None during the rise."""
    share = rise_share(warmup, progress)
    if progress.fraction < share or math.isclose(share, 1.0):
        return None
    return (progress.fraction - share) / (1 - share)
