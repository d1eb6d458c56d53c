"""What is computed of the cases of a forecast: parts, each of some initial times and variables, that add up."""

__all__ = ["Asked", "CaseScoring", "Part", "PartsMaker", "Span", "parts_here", "parts_of", "spans_of"]

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Subject, VerificationMetric, VerificationSpace
from wxml.verification.metric import PastFields
from wxml.verification.metric_choice import made_metrics

from wxml_verification.arrays import Array
from wxml_verification.case_reading import read_case
from wxml_verification.climatology import Climatology
from wxml_verification.lots import lots_of
from wxml_verification.one_pass import Case, LotStatistics, subjects_of
from wxml_verification.question import Question
from wxml_verification.reading import ForecastFile
from wxml_verification.regions import EVERYWHERE, region_weights
from wxml_verification.sights import Seen, Shown
from wxml_verification.truth import Truth
from wxml_verification.truth_means import TruthMeans
from wxml_verification.usual_values import UsualValues, usual_values

MEMORY = 256 * 2**20  # bytes: the variables that fit are scored in one pass over the truth
CASES = 8
"""Initial times of a part: their sums for maps are added up before those of the next part, wherever it is made."""
Asked = Sequence[tuple[ForecastFile, Truth, Question]]


@dataclass(frozen=True, slots=True)
class Span:
    """Some initial times, and variables that are read together."""

    lot: tuple[str, ...]
    first: int
    last: int

    @property
    def numbers(self) -> slice:
        """The initial times by their numbers."""
        return slice(self.first, self.last)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What the cases of a span add."""

    statistics: Mapping[str, Array]
    """Metric → `[case, lead_time, forecast, subject, statistic, region]`."""
    means: Mapping[str, Array]
    """Variable → the sums of `TruthMeans`, `[case, lead_time, 3]`."""
    seen: Seen
    told: tuple[str, ...]
    """Notes on the climatology."""


class CaseScoring:
    """The scoring of cases against one truth."""

    def __init__(self, forecast: ForecastFile, truth: Truth, question: Question) -> None:
        self.forecast, self.truth, self.question = forecast, truth, question
        stored = forecast.area_weights()  # the file knows its cells
        self.weights = truth.source.header.grid.area_weights if stored is None else stored
        regions = _regions(forecast, truth, question, self.weights)
        scored_variables = tuple(forecast.variable(name) for name in question.variables)
        past = PastFields(question.past.source, question.past.times) if len(question.past.times) else None
        grid, given = truth.source.header.grid, question.given
        yearly = None if given is None else given.fields
        self.space = VerificationSpace(scored_variables, grid, regions, forecast.members, past, yearly)
        self.metrics = _metrics(question, self.space)
        for metric in self.metrics.values():
            metric.check()
        self.shown = Shown.of(forecast, truth, question.variables, question.maps)
        valid_times = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
        self.verified = valid_times[truth.has(valid_times)]
        """The valid times that the truth has."""
        self.climatologies: dict[tuple[str, ...], Climatology] = {}
        """Variables → their climatology, where workers made it together; it is taken out when their cases begin."""
        self._climatology: UsualValues | None = None
        self._told: tuple[str, ...] = ()
        self._lot: tuple[str, ...] | None = None
        self._own: tuple[str, ...] = ()

    def subjects(self, lot: Sequence[str]) -> dict[str, tuple[Subject, ...]]:
        """Metric → its subjects among some variables."""
        return {name: subjects_of(metric, self.own_of(lot)) for name, metric in self.metrics.items()}

    def own_of(self, lot: Sequence[str]) -> tuple[str, ...]:
        """Those of some variables that are scored here."""
        return tuple(name for name in lot if name in self.question.variables)

    def begin(self, span: Span) -> "_PartSums | None":
        """Make ready for the cases of a span; None if none of its variables is scored here."""
        if self._lot != span.lot:
            self._lot, self._own = span.lot, self.own_of(span.lot)
            self._climatology = None  # before the next one, so that one is in memory at a time
            if self._own:
                made = self.climatologies.pop(self._own, None)
                self._climatology, self._told = usual_values(self.question, self._own, self.verified, made)
        return _PartSums(self, span, self._own) if self._own else None

    def add(self, sums: "_PartSums", number: int) -> None:
        """Read the initial time of this number, and compute what it adds."""
        for truth in self.truth.each:
            self._add_case(sums, truth, number)

    def part(self, sums: "_PartSums | None") -> Part | None:
        """What the cases have added."""
        return None if sums is None else sums.part(self._told)

    def _add_case(self, sums: "_PartSums", truth: Truth, number: int) -> None:
        """Read and add a case; its fields are gone before the next one is read."""
        baselines = self.question.baseline, self._climatology, self.question.further
        sums.add(number, read_case(self.forecast, truth, self._own, baselines, number), 1 / len(self.truth.each))


class _PartSums:
    """The sums of a part while its cases go by."""

    def __init__(self, scoring: CaseScoring, span: Span, own: tuple[str, ...]) -> None:
        self._first, count = span.first, span.last - span.first
        self._statistics = LotStatistics(scoring.metrics, scoring.space, own, count)
        leads = len(scoring.forecast.lead_times)
        self._means = TruthMeans(count, leads, own, scoring.space.regions[EVERYWHERE])
        self._seen = Seen.none(scoring.shown, own, len(scoring.space.grid))

    def add(self, number: int, case: Case, share: float) -> None:
        """Add a case, as such a share of all its truths."""
        self._statistics.add(number - self._first, case, share)
        self._means.add(number - self._first, case, share)
        self._seen.add(number, case)

    def part(self, told: tuple[str, ...]) -> Part:
        """What was added."""
        arrays = {name: np.asarray(values) for name, values in self._statistics.arrays.items()}
        return Part(arrays, self._means.sums, self._seen, told)


Parts = list[Part | None]
PartsMaker = Callable[[Sequence[CaseScoring], Sequence[Span]], Iterable[Parts]]
"""Gives the parts of each span against each truth, in the order of the spans."""


def spans_of(scorings: Sequence[CaseScoring]) -> list[Span]:
    """All cases of all variables, in the order in which their parts are added up."""
    variables = tuple(dict.fromkeys(name for one in scorings for name in one.question.variables))
    metrics = [metric for one in scorings for metric in one.metrics.values()]
    lots = lots_of(variables, metrics, min(_most(one.forecast, one.truth) for one in scorings))
    cases = len(scorings[0].forecast.initial_times)
    return [Span(lot, first, min(first + CASES, cases)) for lot in lots for first in range(0, cases, CASES)]


def parts_of(scorings: Sequence[CaseScoring], span: Span) -> Parts:
    """The parts of a span against each truth; a case of the forecast is read once for all of them."""
    sums = [one.begin(span) for one in scorings]
    for number in range(span.first, span.last):
        for scoring, own in zip(scorings, sums, strict=True):
            if own is not None:
                scoring.add(own, number)
    return [scoring.part(own) for scoring, own in zip(scorings, sums, strict=True)]


def parts_here(scorings: Sequence[CaseScoring], spans: Sequence[Span]) -> Iterator[Parts]:
    """Compute the parts in this process, one after the other."""
    return (parts_of(scorings, span) for span in spans)


def _metrics(question: Question, space: VerificationSpace) -> dict[str, VerificationMetric]:
    """The metrics that have anything to compare."""
    made = made_metrics(question.metrics, space)
    return {
        name: metric
        for name, metric in made.items()
        if metric.subjects and (space.members > 1 or not metric.takes_members)
    }


def _regions(forecast: ForecastFile, truth: Truth, question: Question, weights: Array) -> dict[str, Array]:
    """Everywhere, each of several grids, and the regions that are asked for; the boundary is in none of these."""
    header = truth.source.header
    parts = {name: _only(weights, nodes) for name, nodes in (forecast.grid().ranges or header.grid.ranges).items()}
    masks = {name: partial(_first_field, truth, name) for name in header.names}
    inside = np.where(forecast.boundary(), 0.0, weights)
    return {
        EVERYWHERE: weights,
        **parts,
        **region_weights(header.grid, inside, question.regions, question.bands, masks, parts),
    }


def _first_field(truth: Truth, name: str) -> NDArray[np.floating[Any]]:
    """A variable at the first time of the truth, shape `[node]`."""
    found: NDArray[np.floating[Any]] = truth.source.read(truth.source.header.times[:1], (name,))[0, 0, 0]
    return found


def _only(weights: Array, nodes: slice) -> Array:
    """The weights at some nodes, and 0 elsewhere."""
    there = np.zeros_like(weights)
    there[nodes] = weights[nodes]
    return there


def _most(forecast: ForecastFile, truth: Truth) -> int:
    """How many variables fit into `MEMORY`; many sources read all variables of a time at once.

    A variable takes, for each lead time, some ten arrays of 8 bytes, and its members. All are read together of a
    forecast that comes once.
    """
    if forecast.comes_once:
        return len(forecast.variables)
    case = (80 + 4 * forecast.members) * len(forecast.lead_times)
    return max(1, MEMORY // (len(truth.source.header.grid) * case))
