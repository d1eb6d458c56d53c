"""The schedule plugin `constant`."""

__all__ = ["Constant"]

from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Warmup, rise


class Constant(Schedule):
    """A linear rise, then always the highest learning rate."""

    def __init__(self, *, warmup: Warmup = 0.0) -> None:
        self.warmup = warmup

    def factor(self, progress: Progress) -> float:
        """min(1, p / w), with the fraction p of the training and the share w of the rise."""
        return rise(self.warmup, progress)
