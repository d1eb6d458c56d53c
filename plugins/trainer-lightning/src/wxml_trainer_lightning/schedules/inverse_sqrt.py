"""The schedule plugin `inverse-sqrt`."""

__all__ = ["InverseSqrt"]

import math
from typing import Annotated

from pydantic import Field
from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Warmup, rise, rise_share


class InverseSqrt(Schedule):
    """A linear rise, then down as one over the root of the step (Vaswani et al. 2017, arXiv:1706.03762)."""

    def __init__(self, *, warmup: Annotated[Warmup, Field(gt=0)] = 0.05) -> None:
        self.warmup = warmup

    def factor(self, progress: Progress) -> float:
        """min(p / w, √(w / p)), with the fraction p of the training and the share w of the rise."""
        share = rise_share(self.warmup, progress)
        return rise(self.warmup, progress) if progress.fraction < share else math.sqrt(share / progress.fraction)
