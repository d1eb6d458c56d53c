"""The schedule plugin `linear`."""

__all__ = ["Linear"]

from typing import Annotated

from pydantic import Field
from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Ratio, Warmup, after_rise, rise


class Linear(Schedule):
    """A linear rise, then a line down."""

    def __init__(
        self,
        *,
        warmup: Warmup = 0.05,
        final_ratio: Annotated[Ratio, Field(description="the last learning rate over the highest")] = 0.003,
    ) -> None:
        self.warmup = warmup
        self.final_ratio = final_ratio

    def factor(self, progress: Progress) -> float:
        """1 − (1 − r) q, with r = `final_ratio` and the share q of what follows the rise."""
        done = after_rise(self.warmup, progress)
        return rise(self.warmup, progress) if done is None else 1 - (1 - self.final_ratio) * done
