"""The schedule plugin `cosine`."""

__all__ = ["Cosine"]

import math
from typing import Annotated

from pydantic import Field
from wxml import Progress, Schedule

from wxml_trainer_lightning.schedules.rise import Ratio, Warmup, after_rise, rise


class Cosine(Schedule):
    """A linear rise, then half a cosine down, also with restarts (Loshchilov & Hutter 2017, arXiv:1608.03983)."""

    def __init__(
        self,
        *,
        warmup: Warmup = 0.05,
        final_ratio: Annotated[Ratio, Field(description="the last learning rate over the highest")] = 0.003,
        restarts: Annotated[int, Field(ge=0, le=1000, description="how often it begins again at the top")] = 0,
        growth: Annotated[
            float, Field(ge=0.1, le=10, description="the length of each cycle over that of the one before")
        ] = 1.0,
        damping: Annotated[
            float, Field(gt=0, le=1, description="the top of each cycle over that of the one before")
        ] = 1.0,
    ) -> None:
        self.warmup = warmup
        self.final_ratio = final_ratio
        self.damping = damping
        lengths = [growth**number for number in range(restarts + 1)]
        self.ends = [sum(lengths[: number + 1]) / sum(lengths) for number in range(restarts + 1)]
        """The end of each cycle, as a share of what follows the rise."""

    def factor(self, progress: Progress) -> float:
        """The factor of a step.

        With r = `final_ratio` and the share u of cycle number i that is done, the top being t = max(r, `damping` ⁱ):

            r + (t − r) · ½ (1 + cos π u)
        """
        done = after_rise(self.warmup, progress)
        if done is None:
            return rise(self.warmup, progress)
        number = next((number for number, end in enumerate(self.ends) if done < end), len(self.ends) - 1)
        start, end = (0.0, *self.ends)[number], self.ends[number]
        top, share = max(self.final_ratio, self.damping**number), min(1.0, (done - start) / (end - start))
        return self.final_ratio + (top - self.final_ratio) * 0.5 * (1 + math.cos(math.pi * share))
