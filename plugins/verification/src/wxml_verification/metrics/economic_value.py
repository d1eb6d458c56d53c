"""Relative economic value: what a forecast of an event is worth to users who may protect themselves."""

__all__ = ["EconomicValue"]

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from wxml import Better, Curve
from wxml.verification.metric import quotient

from wxml_verification.arrays import Array
from wxml_verification.metrics.events import CountMetric, rates

RATIOS = np.arange(1, 100) / 100
"""The cost-loss ratios of the curve."""


class EconomicValue(CountMetric):
    """Greatest relative economic value, which a user has whose cost-loss ratio α is the frequency ō of the event.

    A user protects at the cost α if more than k members warn, and loses 1 if the event comes unprotected. With hit rate
    H and false alarm rate F, V = (min(α, ō) − F α (1 − ō) + H ō (1 − α) − ō) / (min(α, ō) − ō α) of the best k, 0 of a
    user who knows ō alone, 1 of one who knows what comes (Richardson 2000, doi:10.1002/qj.49712656313). The curve is V
    by α from 0.01 to 0.99; it is never negative, as users of the climatology may ignore the forecast. One member is a
    warning or none.
    """

    takes_members = False
    better: ClassVar[Better] = "larger"

    def value(self, sums: Array) -> Array:
        """The greatest H − F; NaN where the event is always or never there."""
        hits, false_alarms = rates(self.with_and_without(sums))
        return np.asarray((hits - false_alarms).max(axis=0))

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """The value by cost-loss ratio."""
        events, others = self.with_and_without(sums)
        hits, false_alarms = rates((events, others))
        frequency = events.sum(axis=0)
        values = [_best(ratio, frequency, hits, false_alarms) for ratio in RATIOS]
        return {"value": Curve("cost-loss ratio", RATIOS, np.stack(values))}


def _best(ratio: float, frequency: Array, hits: Array, false_alarms: Array) -> Array:
    """The value of the best number of members at one cost-loss ratio."""
    known = np.minimum(ratio, frequency)
    saved = known - false_alarms * ratio * (1 - frequency) + hits * frequency * (1 - ratio) - frequency
    return quotient(saved.max(axis=0), known - frequency * ratio)
