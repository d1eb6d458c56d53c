"""Means of the statistics of a metric over regions and cases, as sums that add up over batches and devices."""

__all__ = ["MetricSums"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from wxml import Metric

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class MetricSums:
    """The sum over cases of what a metric averages over them, and the number of cases that say anything."""

    total: Array
    """Shape `[any, step, region, variable]`."""
    cases: Array
    """Shape `[step, region, variable]`."""

    def __add__(self, other: Self) -> Self:
        return type(self)(self.total + other.total, self.cases + other.cases)

    @classmethod
    def of(cls, metric: Metric, forecast: Array, truth: Array, weights: Mapping[str, Array]) -> Self:
        """The sums of one case.

        Args:
            metric: the metric.
            forecast: physical values, shape `[member, step, node, variable]`; mean and standard deviation in place of
                the members for a metric that takes a spread.
            truth: physical values, shape `[step, node, variable]`; NaN where missing.
            weights: region → the share of each node, shape `[node]`.
        """
        if not (metric.takes_members or metric.takes_spread):
            forecast = forecast.mean(axis=0, keepdims=True)
        present = np.isfinite(truth) & np.isfinite(forecast).all(axis=0)
        instead = np.array([0.0, 1.0])[:, None, None, None] if metric.takes_spread else 0.0
        filled = metric.statistics(np.where(present, forecast, instead), np.where(present, truth, 0.0))
        statistics = np.where(present, filled, 0.0)
        shares = np.stack(list(weights.values()))  # [region, node]
        measure = np.einsum("rn,snv->srv", shares, present.astype(float))
        sums = np.einsum("rn,ksnv->ksrv", shares, statistics)
        has_any = measure > 0
        of_case = metric.of_case(sums / np.where(has_any, measure, 1.0))
        counts = has_any & np.isfinite(of_case).all(axis=0)
        return cls(np.where(counts, of_case, 0.0), counts.astype(float))

    def value(self, metric: Metric) -> Array:
        """The metric, shape `[step, region, variable]`; NaN where no case says anything."""
        has_any = self.cases > 0
        means = self.total / np.where(has_any, self.cases, 1.0)
        return np.where(has_any, metric.value(means), np.nan)
