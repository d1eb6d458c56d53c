"""From statistics to scores: sums over cases, and what the metrics make of them."""

__all__ = ["Scored", "numbers_of", "planned", "scored"]

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from wxml import Better, Curve, Further, ScoreNames, VerificationMetric
from wxml.verification.metric_choice import numbers

from wxml_verification.arrays import Array
from wxml_verification.statistics_file import StatisticsFile, StatisticsHeader


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The numbers of some cases."""

    names: tuple[str, ...]
    """The numbers that the metrics give, such as `rmse`, `skill`, `skill-unbiased`."""
    better: tuple[Better, ...]
    has_units: tuple[bool, ...]
    subjects: tuple[str, ...]
    """The variables, then what else metrics have numbers of."""
    units: tuple[str, ...]
    values: Array
    """Shape `[region, number, forecast, subject, lead_time]`; NaN where there is none."""
    counts: NDArray[np.int64]
    """The number of cases behind each of `values`."""
    cases: int
    """The number of cases that have any value of the forecast."""
    curves: Mapping[str, Mapping[str, Curve]]
    """Number → subject → the curve of the forecast, its values of shape `[position, lead_time, region]`."""


def scored(
    file: StatisticsFile, metrics: Mapping[str, VerificationMetric], chosen: NDArray[np.bool_] | None = None
) -> Scored:
    """Add up cases, and compute every number of every metric.

    Args:
        file: the statistics, of which some cases of one subject are read at a time.
        metrics: by the names that the file has.
        chosen: which cases count, shape `[time]`; None: all.
    """
    header = file.header
    about, units = _numbers(metrics), _units(header)
    names = list(about)
    shape = (len(header.regions), len(names), len(header.forecasts), len(units), len(header.lead_times))
    values, counts = np.full(shape, np.nan), np.zeros(shape, np.int64)
    there = np.zeros(len(header.initial_times), bool)
    curves: dict[str, dict[str, Curve]] = {}
    for name, metric in metrics.items():
        for subject in header.subjects[name] if file.has(name) else ():
            sums, weighty, own_cases = _added(file, (name, subject.name), chosen)
            there |= own_cases
            found = numbers_of(name, metric, sums)
            place, own = list(units).index(subject.name), sums.shape[2]
            for key, each in found.items():
                at = (slice(None), names.index(key), slice(own), place)
                values[at] = each.transpose(2, 1, 0)
                counts[at] = weighty.transpose(2, 1, 0)
            for key, curve in metric.curves(sums[:, :, 0]).items():
                curves.setdefault(f"{name}-{key}", {})[subject.name] = curve
    return Scored(
        tuple(names),
        tuple(one.better for one in about.values()),
        tuple(one.has_units for one in about.values()),
        tuple(units),
        tuple(units.values()),
        values,
        counts,
        int(there.sum()),
        curves,
    )


def planned(header: StatisticsHeader, metrics: Mapping[str, VerificationMetric], groups: Iterable[str]) -> ScoreNames:
    """What there will be scores of.

    Args:
        header: of the statistics.
        metrics: by the names that the header has.
        groups: of cases, beside the regions.
    """
    subsets = dict.fromkeys([*header.regions[1:], *groups])
    return ScoreNames(
        tuple(_numbers(metrics)), header.forecasts, tuple(_units(header)), header.lead_times, tuple(subsets)
    )


def numbers_of(name: str, metric: VerificationMetric, sums: Array) -> dict[str, Array]:
    """Each number of a metric, by name, from sums over cases, shape `[statistic, ...]`."""
    further = metric.further_values(sums)
    return {name: metric.value(sums)} | {f"{name}-{key}": values for key, values in further.items()}


def _numbers(metrics: Mapping[str, VerificationMetric]) -> dict[str, Further]:
    """Each number that the metrics give, and what it is."""
    return {key: one for name, metric in metrics.items() for key, one in numbers(name, metric).items()}


def _units(header: StatisticsHeader) -> dict[str, str]:
    """The variables, then what else metrics have numbers of, and the units of each."""
    units = dict(zip(header.variables, header.units, strict=True))
    return units | {one.name: one.units for subjects in header.subjects.values() for one in subjects}


def _added(
    file: StatisticsFile, what: tuple[str, str], chosen: NDArray[np.bool_] | None
) -> tuple[Array, NDArray[np.int64], NDArray[np.bool_]]:
    """Add up cases.

    Args:
        file: the statistics.
        what: the metric and the subject.
        chosen: see `scored`.

    Returns:
        The sums, shape `[statistic, lead_time, forecast, region]`; how many cases are behind each, without the first
        axis; and which cases have a value of the forecast everywhere at some lead time, shape `[time]`.
    """
    sums, weighty = np.zeros(()), np.zeros((), np.int64)
    there = np.zeros(len(file.header.initial_times), bool)
    for times, statistics in file.blocks(*what):
        kept = np.ones(statistics.shape[1], bool) if chosen is None else chosen[times]
        some = statistics if kept.all() else statistics[:, kept]
        sums, weighty = sums + some.sum(axis=1), weighty + (some[0] > 0).sum(axis=0)
        there[times] = kept & (statistics[0, :, :, 0, 0] > 0).any(axis=1)
    return np.asarray(sums), np.asarray(weighty), there
