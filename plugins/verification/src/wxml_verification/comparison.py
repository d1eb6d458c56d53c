"""Comparison: by how much each score of a forecast differs from that of others, and how sure that is."""

__all__ = ["Comparison", "Significance", "gain", "judged"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Better

from wxml_verification.arrays import Array

Significance = Literal["geer", "hac", "bootstrap"]
"""How the correlation of cases in time is taken into account; see `significance.py`."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """One forecast beside others, each over the cases (initial time and lead time) that both have.

    Every array has the shape `[metric, baseline, subject, lead_time, region]`; a scorecard against a baseline
    is `verdict[:, baseline]` with `relative[:, baseline]` for the sizes of its triangles, beside `p` and `count`.
    A number is NaN where one of the two has no score, or where too few cases tell nothing of how sure it is.
    """

    forecast: str
    """The name of the forecast that is compared."""
    baselines: tuple[str, ...]
    """The names of what it is compared with: other forecasts, `persistence`, `climatology`."""
    metrics: tuple[str, ...]
    """The numbers that metrics give, such as `rmse` and `skill-unbiased`."""
    better: tuple[Better, ...]
    """The direction in which each metric is better."""
    has_units: tuple[bool, ...]
    """Whether each metric has the units of its subject."""
    subjects: tuple[str, ...]
    """The variables, then what else has scores of its own, such as a pair of components."""
    units: tuple[str, ...]
    """The units of each subject."""
    variables: int
    """How many of the subjects, the first ones, are variables."""
    lead_times: NDArray[np.timedelta64]
    regions: tuple[str, ...]
    """`all` first, then each of several grids, then other regions."""
    own: Array
    """The score of the forecast over the common cases."""
    other: Array
    """The score of the baseline over the same cases."""
    difference: Array
    """`own` less `other`, each by `judged`: of a bias the difference of its sizes, of a ratio that of the distances
    to 1."""
    ci_low: Array
    """Lower end of the interval that holds the difference with the probability `confidence`."""
    ci_high: Array
    """Upper end of it."""
    p: Array
    """How probable a difference at least as large is, in either direction, if there were none."""
    p_adjusted: Array
    """The same after Benjamini and Hochberg over all scores against the same baseline that have a direction: of those
    at most 0.05, 5 % are expected to be there by chance."""
    count: NDArray[np.int64]
    """The number of common cases."""
    significance: Significance
    """The method behind interval and `p`."""
    confidence: float = 0.95
    notes: tuple[str, ...] = ()
    """Sentences on what is not compared, and on limits, for the reader."""
    groups: Mapping[str, "Comparison"] = field(default_factory=dict)
    """Group of cases, such as a season → the same of its cases alone, each a family of tests of its own."""

    @property
    def relative(self) -> Array:
        """How much better the forecast is, as a part of the size of the other score: 0.1 is 10 % better."""
        size = np.abs(np.stack([judged(values, one) for values, one in zip(self.other, self.better, strict=True)]))
        change = np.divide(self.difference, size, out=np.full(size.shape, np.nan), where=size > 0)
        return np.stack([gain(values, one) for values, one in zip(change, self.better, strict=True)])

    @property
    def verdict(self) -> NDArray[np.int8]:
        """1 where the forecast is better and the difference significant, -1 where it is worse, and 0 elsewhere.

        Significant is what has a `p_adjusted` of at most 1 less `confidence`.
        """
        gains = np.stack([gain(values, one) for values, one in zip(self.difference, self.better, strict=True)])
        sure = self.p_adjusted <= 1 - self.confidence + 1e-12
        return np.where(sure, np.sign(np.nan_to_num(gains)), 0).astype(np.int8)


def judged(values: Array, better: Better) -> Array:
    """The number that is compared: of a bias its size, of a ratio its distance to 1, else the score itself.

    >>> judged(np.array([0.5, 1.25]), "nearer to one").tolist(), judged(np.array([-2.0]), "nearer to zero").tolist()
    ([0.5, 0.25], [2.0])
    """
    if better == "nearer to zero":
        return np.abs(values)
    return np.abs(values - 1) if better == "nearer to one" else values


def gain(difference: Array, better: Better) -> Array:
    """A difference of `judged` scores as a gain, positive where the forecast is better; 0 without a direction.

    >>> gain(np.array([-2.0]), "smaller").tolist(), gain(np.array([-0.1]), "larger").tolist()
    ([2.0], [-0.1])
    """
    if better == "neither":
        return np.where(np.isfinite(difference), 0.0, np.nan)
    return difference if better == "larger" else -difference
