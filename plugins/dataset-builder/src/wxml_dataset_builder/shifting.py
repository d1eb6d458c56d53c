"""Moments by date, joined and shifted along the dates."""

__all__ = ["joined", "shifted"]

from collections.abc import Sequence

import numpy as np
from wxml import Moments


def joined(parts: Sequence[Moments]) -> Moments:
    """Parts `[date, variable]` one after the other."""
    return Moments.from_arrays(
        {name: np.concatenate([part.arrays()[name] for part in parts]) for name in parts[0].arrays()}
    )


def shifted(moments: Moments, steps: int) -> Moments:
    """Moments `[date, variable]` that belong to other dates: those of each date to the one `steps` later."""
    count, variables = moments.weight.shape
    nothing = Moments.nothing(min(abs(steps), count), variables)
    if steps < 0:
        return joined([moments[-steps:], nothing])
    return joined([nothing, moments[: count - len(nothing.weight)]])
