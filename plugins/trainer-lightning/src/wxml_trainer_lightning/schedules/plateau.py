"""The schedule plugin `plateau`."""

__all__ = ["Plateau"]

import math
from typing import Annotated

from pydantic import Field
from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Ratio, Warmup, rise


class Plateau(Schedule):
    """A linear rise, then a step down whenever the validation loss has not fallen for a while.

    The factors are those of torch's `ReduceLROnPlateau`, but for losses below 0, such as likelihoods, which that takes
    for lower ones where they are a little higher. Needs a period `data.split.validation`.
    """

    uses_losses = True

    def __init__(
        self,
        *,
        warmup: Warmup = 0.05,
        step: Annotated[float, Field(gt=0, lt=1, description="factor of each step down")] = 0.5,
        patience: Annotated[int, Field(ge=0, description="validations without a lower loss before a step down")] = 5,
        threshold: Annotated[
            Ratio, Field(description="a loss is lower if it is below the lowest one by this share of it")
        ] = 1e-4,
        cooldown: Annotated[int, Field(ge=0, description="validations after a step down that do not count")] = 0,
        final_ratio: Annotated[Ratio, Field(description="the lowest learning rate over the highest")] = 0.003,
    ) -> None:
        self.warmup = warmup
        self.step = step
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.final_ratio = final_ratio

    def factor(self, progress: Progress) -> float:
        """max(r, `step` ⁿ) after n steps down, with r = `final_ratio`; before that the rise."""
        return min(rise(self.warmup, progress), max(self.final_ratio, self.step ** self._falls(progress.losses)))

    def _falls(self, losses: tuple[float, ...]) -> int:
        """The number of steps down."""
        best, waited, resting, falls = math.inf, 0, 0, 0
        for loss in losses:
            is_lower = loss < best * (1 - math.copysign(self.threshold, best))
            best, waited = (loss, 0) if is_lower else (best, waited + 1)
            if resting:
                resting, waited = resting - 1, 0
            if waited > self.patience:
                falls, waited, resting = falls + 1, 0, self.cooldown
        return falls
