"""How much each case moves a score that is no mean: the delta method, by numerical derivatives."""

__all__ = ["influence"]

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array

STEP = 1e-3  # as a part of a sum: the error of the derivative is of its fourth power
STENCIL = ((-2, 1 / 12), (-1, -2 / 3), (1, 2 / 3), (2, -1 / 12))
"""The derivative from four values, exact for polynomials of the fourth degree (Abramowitz and Stegun 1964, 25.3.6)."""
Numbers = Mapping[str, Array]


def influence(value: Callable[[Array], Numbers], statistics: Array, present: NDArray[np.bool_]) -> Numbers:
    """The linear part of what each case adds to each number, with the mean 0 over the cases.

    A number is a function f of sums S over n cases, and f(S + n (s − S/n)) ≈ f(S) + n ∇f·(s − S/n) is what it would be
    if all cases were like one of them. The mean of these is the number itself, and their variance over n is that of the
    number to first order (the delta method), so that tests of means serve it. The weight is among the statistics, so
    that cases in which less counts have less influence.

    Args:
        value: the numbers by name, shape `[series]`, from sums over cases, shape `[statistic, series]`.
        statistics: shape `[statistic, case, series]`, 0 where a case does not count.
        present: whether a case counts, shape `[case, series]`.

    Returns:
        Number → shape `[case, series]`, 0 where a case does not count; NaN where the number has no derivative.
    """
    sums, cases = statistics.sum(axis=1), present.sum(axis=0)
    found = {name: np.zeros(present.shape) for name in value(sums)}
    for place, own in enumerate(statistics):
        apart = (cases * own - sums[place]) * present
        moving = (apart != 0).any(axis=0)
        if not moving.any():
            continue
        scale = np.maximum(np.abs(sums[place]), np.sqrt(np.square(own).sum(axis=0)) * STEP)
        step = np.where(moving, STEP * scale, 0.0)
        for name, slope in _slopes(value, sums, place, step).items():
            found[name] += apart * np.where(moving, slope, 0.0)
    return found


def _slopes(value: Callable[[Array], Numbers], sums: Array, place: int, step: Array) -> dict[str, Array]:
    """The derivative of each number by one of the sums."""
    slopes: dict[str, Array] = {}
    for times, factor in STENCIL:
        moved = sums.copy()
        moved[place] += times * step
        with np.errstate(all="ignore"):  # just outside of where a number exists it is NaN
            for name, number in value(moved).items():
                slopes[name] = slopes.get(name, 0.0) + factor * number / step
    return slopes
