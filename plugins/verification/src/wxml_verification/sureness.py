"""How sure the scores of a file are, and their differences from those of the baselines."""

__all__ = ["Sureness", "sureness_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from wxml import VerificationMetric, VerificationSpace

from wxml_verification.arrays import Array
from wxml_verification.comparing import compared
from wxml_verification.comparison import Comparison, Significance
from wxml_verification.contender import contenders_of
from wxml_verification.groups import Grouping
from wxml_verification.scoring import numbers_of
from wxml_verification.significance import Cases, intervals
from wxml_verification.statistics_file import StatisticsFile


@dataclass(frozen=True, slots=True, eq=False)
class Sureness:
    """Confidence intervals of scores everywhere, and the comparison with the baselines in every region."""

    ci_low: Array
    """Lower ends, in the shape `[metric, forecast, subject, lead_time]` of the scores; NaN where cases do not tell."""
    ci_high: Array
    comparison: Comparison


def sureness_of(
    file: StatisticsFile,
    metrics: Mapping[str, VerificationMetric],
    space: VerificationSpace,
    significance: Significance,
    groupings: Sequence[Grouping] = (),
) -> Sureness:
    """Compute both from the statistics of cases, of which one subject is read at a time.

    Args:
        file: the statistics of a forecast and its baselines.
        metrics: by the names that the file has.
        space: of the statistics.
        significance: the method behind intervals.
        groupings: how cases are grouped, each group with a comparison of its own.
    """
    contenders = contenders_of(file, metrics, space)
    comparison = compared(contenders[0], contenders[1:], significance, groupings=groupings)
    shape = (len(comparison.metrics), len(contenders), len(comparison.subjects), len(comparison.lead_times))
    ends = np.full((2, *shape), np.nan)
    for name, metric in metrics.items():
        for subject in file.header.subjects[name] if file.has(name) else ():
            place = comparison.subjects.index(subject.name)
            for number, contender in enumerate(contenders):
                statistics = contender.statistics(name, subject.name)
                if statistics is None:
                    continue
                everywhere = statistics[:, :, :, 0]
                cases = Cases(_Numbers(name, metric), everywhere, everywhere[0] > 0, file.header.initial_times)
                for key, found in intervals(cases, significance).items():
                    ends[(slice(None), comparison.metrics.index(key), number, place)] = found.low, found.high
    return Sureness(ends[0], ends[1], comparison)


@dataclass(frozen=True, slots=True, eq=False)
class _Numbers:
    """The numbers of a metric, from sums."""

    name: str
    metric: VerificationMetric

    def __call__(self, sums: Array) -> Mapping[str, Array]:
        return numbers_of(self.name, self.metric, sums)
