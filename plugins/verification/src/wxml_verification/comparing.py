"""Compares forecasts by the statistics of their cases, over those that both have."""

__all__ = ["compared"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from wxml import Better, Further, VerificationMetric
from wxml.verification.metric_choice import numbers

from wxml_verification.arrays import Array
from wxml_verification.comparison import Comparison, Significance, judged
from wxml_verification.contender import Contender
from wxml_verification.groups import Grouping, groups_of
from wxml_verification.pairing import Pairing, pairing
from wxml_verification.scoring import numbers_of
from wxml_verification.significance import LEAST_CASES, Cases, adjusted, intervals

RESULTS = ("own", "other", "difference", "ci_low", "ci_high", "p")
MOST_IN_GROUPS = 48  # statistics of a metric: each is moved by itself, once more in every group
MEMORY = 64 * 2**20  # bytes of statistics that are looked at together


def compared(
    own: Contender,
    others: Sequence[Contender],
    significance: Significance = "hac",
    confidence: float = 0.95,
    groupings: Sequence[Grouping] = (),
) -> Comparison:
    """Compare a forecast with each of others.

    Args:
        own: the forecast.
        others: what it is compared with; of the same file of statistics or of another one.
        significance: the method behind intervals.
        confidence: of the intervals.
        groupings: how cases are grouped, for a comparison of each group; metrics of many statistics, such as spectra
            and quantiles, are compared over all cases alone.

    Raises:
        DataError: two of them cannot be compared: truths, grids or units differ, or they have no case in common.
    """
    pairs, test = [pairing(own, other) for other in others], (significance, confidence)
    groups = groups_of(own.file.header.initial_times, groupings)
    each = {
        name: _compared(own, others, [pair.among(chosen) for pair in pairs], test, MOST_IN_GROUPS)
        for name, chosen in groups.items()
    }
    return replace(_compared(own, others, pairs, test), groups=each)


def _compared(
    own: Contender,
    others: Sequence[Contender],
    pairs: Sequence[Pairing],
    test: tuple[Significance, float],
    most: int | None = None,
) -> Comparison:
    """See `compared`, of what is paired, and of metrics with at most so many statistics."""
    header = own.file.header
    about = {key: one for name, metric in own.metrics.items() for key, one in numbers(name, metric).items()}
    units = dict(zip(header.variables, header.units, strict=True))
    units |= {one.name: one.units for subjects in header.subjects.values() for one in subjects}
    shape = (len(about), len(others), len(units), len(header.lead_times), len(header.regions))
    results, counts = {name: np.full(shape, np.nan) for name in RESULTS}, np.zeros(shape, np.int64)
    notes: list[str] = []
    for number, (other, pair) in enumerate(zip(others, pairs, strict=True)):
        notes += pair.notes
        for metric, subject in _both(own, other, pair):
            difference = _Difference.of(metric, own, other)
            for leads, found, count in difference.tested(subject, pair, test, most):
                where = number, list(units).index(subject)
                for key, values in found.items():
                    at = (list(about).index(key), *where, leads[:, None], pair.own[2])
                    counts[at] = count
                    for name, each in values.items():
                        results[name][at] = each
    return Comparison(
        forecast=own.name,
        baselines=tuple(one.name for one in others),
        metrics=tuple(about),
        better=tuple(one.better for one in about.values()),
        has_units=tuple(one.has_units for one in about.values()),
        subjects=tuple(units),
        units=tuple(units.values()),
        variables=len(header.variables),
        lead_times=header.lead_times,
        regions=header.regions,
        own=results["own"],
        other=results["other"],
        difference=results["difference"],
        ci_low=results["ci_low"],
        ci_high=results["ci_high"],
        p=results["p"],
        p_adjusted=_of_families(results["p"], about),
        count=counts,
        significance=test[0],
        confidence=test[1],
        notes=(*notes, *_untold(results, counts, test[0])),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Difference:
    """A metric of two forecasts, beside each other."""

    name: str
    own: Contender
    other: Contender
    better: Mapping[str, Better]
    """The numbers of the metric, and the direction of each."""

    @classmethod
    def of(cls, name: str, own: Contender, other: Contender) -> "_Difference":
        return cls(name, own, other, {key: one.better for key, one in numbers(name, own.metrics[name]).items()})

    def tested(
        self, subject: str, pair: Pairing, test: tuple[Significance, float], most: int | None
    ) -> Iterator[tuple[NDArray[np.intp], dict[str, dict[str, Array]], NDArray[np.int64]]]:
        """Some lead times after others: their places, each number's results and the cases, shape `[lead, region]`."""
        found = [one.statistics(self.name, subject) for one in (self.own, self.other)]
        if found[0] is None or found[1] is None or (most is not None and len(found[0]) > most):
            return
        ours, theirs = pair.of_own(found[0]), pair.of_other(found[1])
        length = max(1, MEMORY // max(1, (ours[:, :, 0].nbytes + theirs[:, :, 0].nbytes)))
        for start in range(0, ours.shape[2], length):
            leads = slice(start, start + length)
            yield pair.own[1][leads], *self._of_leads(ours[:, :, leads], theirs[:, :, leads], pair, test)

    def _of_leads(
        self, ours: Array, theirs: Array, pair: Pairing, test: tuple[Significance, float]
    ) -> tuple[dict[str, dict[str, Array]], NDArray[np.int64]]:
        """The results from statistics of shape `[statistic, case, lead, region]`."""
        present, shape = (ours[0] > 0) & (theirs[0] > 0), ours.shape[2:]
        both = (np.concatenate([ours, theirs]) * present).reshape(len(ours) + len(theirs), len(present), -1)
        first, second = (one.metrics[self.name] for one in (self.own, self.other))
        count, sums = len(ours), both.sum(axis=1)

        def difference(sums: Array) -> Mapping[str, Array]:
            own, other = self._each(sums, count, first, second)
            return {key: judged(own[key], one) - judged(other[key], one) for key, one in self.better.items()}

        cases = Cases(difference, both, present.reshape(len(present), -1), pair.times)
        own, other = self._each(sums, count, first, second)
        differences, sure = difference(sums), intervals(cases, *test)
        results = {
            key: dict(
                zip(
                    RESULTS,
                    (own[key], other[key], differences[key], sure[key].low, sure[key].high, sure[key].p),
                    strict=True,
                )
            )
            for key in self.better
        }
        shaped = {key: {name: one.reshape(shape) for name, one in each.items()} for key, each in results.items()}
        return shaped, present.sum(axis=0)

    def _each(
        self, sums: Array, count: int, first: VerificationMetric, second: VerificationMetric
    ) -> tuple[Mapping[str, Array], Mapping[str, Array]]:
        """The numbers of both, from the statistics of one after those of the other."""
        return numbers_of(self.name, first, sums[:count]), numbers_of(self.name, second, sums[count:])


def _both(own: Contender, other: Contender, pair: Pairing) -> Iterator[tuple[str, str]]:
    """The metrics that both have, each with the subjects that both have."""
    for metric in pair.metrics:
        known = {one.name for one in other.file.header.subjects[metric]}
        yield from ((metric, one.name) for one in own.file.header.subjects[metric] if one.name in known)


def _of_families(p: Array, about: Mapping[str, Further]) -> Array:
    """`p` after Benjamini and Hochberg, over the numbers with a direction, of each baseline apart."""
    judgeable = [one.better != "neither" for one in about.values()]
    out = np.full(p.shape, np.nan)
    for number in range(p.shape[1]):
        out[judgeable, number] = adjusted(p[judgeable, number])
    return out


def _untold(results: Mapping[str, Array], counts: NDArray[np.int64], significance: Significance) -> Iterator[str]:
    """Why differences have no interval."""
    without = np.isfinite(results["difference"]) & np.isnan(results["p"])
    few = int((without & (counts < LEAST_CASES)).sum())
    if few:
        yield f"{few} differences have less than {LEAST_CASES} cases, which do not tell how sure they are."
    if rest := int(without.sum()) - few:
        reason = ", or their correlation in time is none of an AR(2)" if significance == "geer" else ""
        yield f"{rest} differences have no interval: their cases are too uneven in time{reason}."
