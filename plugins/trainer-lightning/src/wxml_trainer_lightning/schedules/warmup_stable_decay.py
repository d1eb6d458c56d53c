"""The schedule plugin `warmup-stable-decay`."""

__all__ = ["WarmupStableDecay"]

import math
from collections.abc import Callable
from typing import Annotated, Literal

from pydantic import Field
from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Ratio, Warmup, rise

Shape = Literal["linear", "cosine", "sqrt"]
LEFT: dict[Shape, Callable[[float], float]] = {
    "linear": lambda share: 1 - share,
    "cosine": lambda share: 0.5 * (1 + math.cos(math.pi * share)),
    "sqrt": lambda share: 1 - math.sqrt(share),
}
"""Shape → what is left of the way down when a share of the decay is done."""


class WarmupStableDecay(Schedule):
    """A linear rise, then the highest learning rate, and down at the very end (Hu et al. 2024, arXiv:2404.06395).

    `sqrt` is the shape that Hägele et al. 2024 (arXiv:2405.18392) found to be the best.
    """

    def __init__(
        self,
        *,
        warmup: Warmup = 0.05,
        decay: Annotated[float, Field(gt=0, le=1, description="share of the training in which it falls")] = 0.2,
        shape: Annotated[Shape, Field(description="how it falls")] = "linear",
        final_ratio: Annotated[Ratio, Field(description="the last learning rate over the highest")] = 0.003,
    ) -> None:
        self.warmup = warmup
        self.decay = decay
        self.shape: Shape = shape
        self.final_ratio = final_ratio

    def factor(self, progress: Progress) -> float:
        """R + (1 − r) · left(x), with r = `final_ratio` and the share x of the decay; before it 1, or the rise."""
        share = 1 - (1 - progress.fraction) / self.decay
        if share <= 0:
            return rise(self.warmup, progress)
        falling = self.final_ratio + (1 - self.final_ratio) * LEFT[self.shape](share)
        return min(rise(self.warmup, progress), falling)
