"""Scores of warnings, from the table of hits, false alarms, misses and correct negatives.

The table is the sum over all nodes and cases, each node counting by its area; where a score divides by nothing it is
NaN. Formulas: Wilks 2011, Statistical Methods in the Atmospheric Sciences, section 8.2.
"""

__all__ = [
    "F1",
    "Csi",
    "EquitableThreat",
    "FalseAlarmRatio",
    "FalseDetection",
    "FrequencyBias",
    "Heidke",
    "Hits",
    "Sedi",
]

from abc import abstractmethod
from typing import Annotated, ClassVar, NamedTuple

import numpy as np
from pydantic import Field
from wxml import Better, PointwiseMetric, Subject, VerificationSpace, VerifiedFields
from wxml.verification.metric import mean_statistics

from wxml_verification.arrays import Array
from wxml_verification.metrics.events import EventMetric, Thresholds

NOTHING = 1e-14  # a share of the area of all cases: less is what rounding leaves
CLIPPED = 1e-6  # rates are at least as far from 0 and 1 in `sedi`, as in WeatherBench-X

LeastShare = Annotated[
    float | None,
    Field(gt=0, le=1, description="warn where at least this share of the members is above; null: where their mean is"),
]


class Table(NamedTuple):
    """The shares of the four outcomes, which sum to 1; NaN where nothing counts."""

    hits: Array
    false_alarms: Array
    misses: Array
    negatives: Array


class _OfTable(EventMetric, PointwiseMetric):
    """A number of the table of an event."""

    def __init__(self, space: VerificationSpace, *, thresholds: Thresholds, least_share: LeastShare = None) -> None:
        super().__init__(space, thresholds=thresholds)
        self._least = least_share

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """1 for the outcome, and 0 for the three others."""
        above, event = self.counts(subject, fields)
        if self._least is None:
            name, limit = self.event(subject, fields)
            warned = np.where(np.isnan(event), np.nan, fields.mean(name) > limit)
        else:
            share = above / len(fields.forecasts[subject.variables[0]])
            warned = np.where(np.isnan(event), np.nan, share >= self._least)
        return np.stack([warned * event, warned * (1 - event), (1 - warned) * event, (1 - warned) * (1 - event)])

    def value(self, sums: Array) -> Array:
        """The number."""
        return self.of_table(Table(*mean_statistics(sums)))

    @abstractmethod
    def of_table(self, table: Table) -> Array:
        """Return the number, NaN where it is not defined."""


class Csi(_OfTable):
    """Critical success index, or threat score: hits / (hits + false alarms + misses)."""

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The index; NaN without any event and any warning."""
        return _ratio(table.hits, table.hits + table.false_alarms + table.misses)


class EquitableThreat(_OfTable):
    """Equitable threat score (Gilbert 1884): (h − r) / (h + f + m − r) with hits h, false alarms f and misses m.

    r = (h + f) (h + m) / (h + f + m + n) are the hits of random warnings.
    """

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The score; NaN where the event is always or never warned of and there."""
        hits, false_alarms, misses, _ = table
        random = (hits + false_alarms) * (hits + misses)
        return _ratio(hits - random, hits + false_alarms + misses - random)


class Heidke(_OfTable):
    """Heidke skill score: 2 (h n − f m) / ((h + m) (m + n) + (h + f) (f + n)) with correct negatives n."""

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The score; NaN where the event is always or never warned of and there."""
        h, f, m, n = table
        return _ratio(2 * (h * n - f * m), (h + m) * (m + n) + (h + f) * (f + n))


class Sedi(_OfTable):
    """Symmetric extremal dependence index of hit rate H and false alarm rate F (Ferro and Stephenson 2011).

    (ln F − ln H + ln(1 − H) − ln(1 − F)) / (ln F + ln H + ln(1 − H) + ln(1 − F)), doi:10.1175/WAF-D-10-05030.1. Rates
    are kept 10⁻⁶ away from 0 and 1, as in WeatherBench-X.
    """

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The index; NaN where the event is always or never there."""
        h, f, m, n = table
        hit, alarm = (np.clip(_ratio(*pair), CLIPPED, 1 - CLIPPED) for pair in ((h, h + m), (f, f + n)))
        first, second = np.log(alarm) - np.log1p(-alarm), np.log(hit) - np.log1p(-hit)
        total = np.log(alarm) + np.log1p(-alarm) + np.log(hit) + np.log1p(-hit)
        return np.asarray((first - second) / total)


class F1(_OfTable):
    """F1: 2 hits / (2 hits + false alarms + misses)."""

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The number; NaN without any event and any warning."""
        return _ratio(2 * table.hits, 2 * table.hits + table.false_alarms + table.misses)


class Hits(_OfTable):
    """Probability of detection: hits / (hits + misses)."""

    better: ClassVar[Better] = "larger"

    def of_table(self, table: Table) -> Array:
        """The share; NaN without any event."""
        return _ratio(table.hits, table.hits + table.misses)


class FalseAlarmRatio(_OfTable):
    """False alarm ratio: false alarms / (hits + false alarms)."""

    def of_table(self, table: Table) -> Array:
        """The ratio; NaN without any warning."""
        return _ratio(table.false_alarms, table.hits + table.false_alarms)


class FalseDetection(_OfTable):
    """Probability of false detection: false alarms / (false alarms + correct negatives)."""

    def of_table(self, table: Table) -> Array:
        """The share; NaN if the event is always there."""
        return _ratio(table.false_alarms, table.false_alarms + table.negatives)


class FrequencyBias(_OfTable):
    """Frequency bias: (hits + false alarms) / (hits + misses); 1 is right, more is too many warnings."""

    better: ClassVar[Better] = "nearer to one"

    def of_table(self, table: Table) -> Array:
        """The ratio; NaN without any event."""
        return _ratio(table.hits + table.false_alarms, table.hits + table.misses)


def _ratio(above: Array, below: Array) -> Array:
    return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > NOTHING))
