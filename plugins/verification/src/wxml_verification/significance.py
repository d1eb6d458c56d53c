"""How sure a score, or a difference of two, is: its interval over cases that follow each other in time."""

__all__ = ["LEAST_CASES", "Cases", "Interval", "adjusted", "intervals"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control

from wxml_verification.arrays import Array
from wxml_verification.block_bootstrap import block_length, drawn_counts, percentile_interval
from wxml_verification.comparison import Significance
from wxml_verification.influence import influence
from wxml_verification.spacing import Spacing, spacing_of
from wxml_verification.t_tests import geer_error, hac_error, t_interval

LEAST_CASES = 8
ERRORS = {"geer": geer_error, "hac": hac_error}
Value = Callable[[Array], Mapping[str, Array]]


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Where a number may lie, each of shape `[series]`; NaN where the cases do not tell."""

    low: Array
    high: Array
    p: Array
    """How probable a number at least as far from 0 is if the true one is 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """What some scores are made of."""

    value: Value
    """The numbers by name, shape `[series]`, from sums over cases, shape `[statistic, series]`."""
    statistics: Array
    """Shape `[statistic, case, series]`, 0 where a case does not count."""
    present: NDArray[np.bool_]
    """Whether a case counts, shape `[case, series]`."""
    times: NDArray[np.datetime64]
    """When the cases begin, rising, shape `[case]`."""


def intervals(cases: Cases, method: Significance, confidence: float = 0.95) -> dict[str, Interval]:
    """The interval of each number; NaN of less than 8 cases, and of cases whose spacing is too uneven.

    Args:
        cases: what the numbers are made of.
        method: `geer` and `hac` take the number for a mean of what each case adds to it; `bootstrap` draws cases again.
        confidence: of the intervals.
    """
    numbers = cases.value(cases.statistics.sum(axis=1))
    found = {name: np.full((3, cases.present.shape[1]), np.nan) for name in numbers}
    moves = influence(cases.value, cases.statistics, cases.present)
    for chosen, series in _patterns(cases.present):
        spacing = spacing_of(cases.times[chosen]) if chosen.sum() >= LEAST_CASES else None
        if spacing is None:
            continue
        for name, number in numbers.items():
            apart = moves[name][np.ix_(chosen, series)]
            if method == "bootstrap":
                own = Cases(cases.value, cases.statistics[:, chosen][:, :, series], cases.present, cases.times[chosen])
                ends = _drawn(own, name, apart, spacing, confidence)
            else:
                ends = t_interval(number[series], *ERRORS[method](apart, spacing), confidence)
            found[name][:, series] = ends
    return {name: Interval(*ends) for name, ends in found.items()}


def adjusted(p: Array) -> Array:
    """The `p` of one family of tests after Benjamini and Hochberg (1995); NaN stays.

    >>> adjusted(np.array([0.01, np.nan, 0.04, 0.03])).round(3).tolist()
    [0.03, nan, 0.04, 0.04]
    """
    known = np.isfinite(p)
    out = np.full(p.shape, np.nan)
    if known.any():
        out[known] = false_discovery_control(p[known], method="bh")
    return out


def _patterns(present: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.intp]]]:
    """Each set of cases, shape `[case]`, and the series that have just these."""
    which, of_series = np.unique(present, axis=1, return_inverse=True)
    for number in range(which.shape[1]):
        yield which[:, number], np.flatnonzero(of_series.ravel() == number)


def _drawn(cases: Cases, name: str, apart: Array, spacing: Spacing, confidence: float) -> tuple[Array, Array, Array]:
    """The interval of one number by drawing cases again."""
    replicates = []
    for number in range(apart.shape[1]):
        if np.isfinite(apart[:, number]).all():
            counts = drawn_counts(spacing, block_length(apart[:, number], spacing))
            replicates.append(cases.value(cases.statistics[:, :, number] @ counts.T)[name])
        else:
            replicates.append(np.full(1, np.nan))
    ends = np.array([percentile_interval(one, confidence) for one in replicates])
    return ends[:, 0], ends[:, 1], ends[:, 2]
