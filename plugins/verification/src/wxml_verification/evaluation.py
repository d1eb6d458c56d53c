"""The evaluation: every score of a forecast file, one case after the other."""

__all__ = ["Evaluation", "evaluate", "evaluate_all", "names_of"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, ScoreNames, Scores, Subject
from wxml.verification.metric_choice import section_names

from wxml_verification.arrays import Array
from wxml_verification.case_scoring import Asked, CaseScoring, Part, PartsMaker, Span, parts_here, spans_of
from wxml_verification.groups import groups_of
from wxml_verification.kept_statistics import zeros
from wxml_verification.map_raster import MapRaster
from wxml_verification.notes import forecast_notes
from wxml_verification.question import Question
from wxml_verification.reading import ForecastFile
from wxml_verification.scoring import Scored, planned, scored
from wxml_verification.shown_cases import CaseFields, case_fields
from wxml_verification.sights import Example, Sights
from wxml_verification.stations.places import StationPlaces
from wxml_verification.statistics_file import StatisticsFile, StatisticsHeader
from wxml_verification.stored_space import write_space
from wxml_verification.sureness import Sureness, sureness_of
from wxml_verification.truth import Truth
from wxml_verification.truth_means import write_means


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The scores of a forecast file, and the maps, the example and the notes that a report shows beside them."""

    scores: Scores
    scored: Scored
    """The scores in all regions, and the curves."""
    grouped: Mapping[str, Scored]
    """Group of cases, such as a season → its scores."""
    sureness: Sureness
    """Confidence intervals of the scores, and of their differences from the baselines."""
    variables: tuple[str, ...]
    """The variables, which are the first of the subjects of the scores."""
    regions: tuple[str, ...]
    """Everywhere, the grids that the nodes are of, and other regions."""
    maps: NDArray[np.float32]
    """Bias and RMSE of the forecast at each node, shape `[2, variable, lead_time, node]`."""
    map_cases: NDArray[np.int32]
    """The number of cases behind these, shape `[variable, lead_time, node]`."""
    map_variables: tuple[str, ...]
    """The variables of the maps: all, or on a large grid those that the report shows."""
    map_lead_times: NDArray[np.intp]
    """The positions of the lead times of the maps."""
    example: Example
    raster: MapRaster
    """The pixels of a map."""
    cases: CaseFields | None
    """The fields that a reader can look at."""
    coastlines: bool
    """Whether maps have those of the Earth."""
    grid: Grid
    weights: Array
    """Area weights, shape `[node]`."""
    initial_times: NDArray[np.datetime64]
    members: int
    notes: tuple[str, ...]
    """Sentences on the limits of these scores, for the reader of the report."""
    places: StationPlaces | None = None
    """The stations, if the nodes are some."""

    @property
    def counts(self) -> NDArray[np.int64]:
        """The number of cases behind RMSE, shape `[forecast, subject, lead_time]`."""
        return np.asarray(self.scored.counts[0, self.scored.names.index("rmse")])

    @property
    def part_counts(self) -> NDArray[np.int64]:
        """The same on the nodes of each of `scores.parts`, with the part as the first axis."""
        return self.scored.counts[1 : 1 + len(self.scores.parts), self.scored.names.index("rmse")]


def evaluate(forecast: ForecastFile, truth: Truth, question: Question) -> Evaluation:
    """Score some variables of a forecast that fits the truth.

    Args:
        forecast: the file.
        truth: the truth, with some of the valid times, all variables, and the same nodes.
        question: what is asked.
    """
    return evaluate_all([(forecast, truth, question)])[0]


def evaluate_all(
    asked: Asked, check: Callable[[ScoreNames], None] | None = None, made: PartsMaker = parts_here
) -> list[Evaluation]:
    """Score a forecast against several truths, in one pass over its file.

    Args:
        asked: for each truth, the forecast on its nodes, and what is asked; see `evaluate`. The forecasts are of one
            file.
        check: is called with the names of the first one's scores before any case is read.
        made: computes the parts; by default in this process.
    """
    scorings = [CaseScoring(*one) for one in asked]
    sides = [_Side(*one, scoring) for one, scoring in zip(asked, scorings, strict=True)]
    if check is not None:
        check(names_of(scorings[0]))
    spans = spans_of(scorings)
    for variables, group in groupby(zip(spans, made(scorings, spans), strict=True), key=lambda found: found[0].lot):
        for side in sides:
            side.begin(variables)
        for span, parts in group:
            for side in sides:
                side.take(span, parts.pop(0))  # nobody holds it while the next one is made
        for side in sides:
            side.end()
    return [side.evaluation() for side in sides]


class _Side:
    """What comes of the scoring against one truth."""

    def __init__(self, forecast: ForecastFile, truth: Truth, question: Question, scoring: CaseScoring) -> None:
        self.forecast, self.truth, self.question, self._scoring = forecast, truth, question, scoring
        self._space, self.metrics = scoring.space, scoring.metrics
        self._groups = groups_of(forecast.initial_times, question.groupings)
        self._file = StatisticsFile.new(question.statistics, _header(scoring), question.record)
        write_space(question.statistics, self._space)
        cases, leads = len(forecast.initial_times), len(forecast.lead_times)
        self._means = np.zeros((cases, leads, len(question.variables), 3))
        self._sights = Sights(scoring.shown, forecast, len(truth.source.header.grid))
        self._statistics: dict[str, Array] = {}
        self._subjects: Mapping[str, tuple[Subject, ...]] = {}
        self._told: tuple[str, ...] = ()

    def begin(self, lot: tuple[str, ...]) -> None:
        """Make ready for some variables."""
        self._statistics, self._subjects = {}, self._scoring.subjects(lot)

    def take(self, span: Span, part: Part | None) -> None:
        """Take what some initial times add; None: nothing, of variables that are not scored here."""
        if part is None:
            return
        for name, values in part.statistics.items():
            if name not in self._statistics:
                self._statistics[name] = zeros((len(self.forecast.initial_times), *values.shape[1:]))
            self._statistics[name][span.numbers] = values
        for name, sums in part.means.items():
            self._means[span.numbers, :, self.question.variables.index(name)] = sums
        self._sights.take(part.seen)
        self._told = part.told

    def end(self) -> None:
        """Write the statistics of the variables of now."""
        for name, values in self._statistics.items():
            self._file.put(name, self._subjects[name], values)

    def evaluation(self) -> Evaluation:
        """Add all up."""
        forecast, truth, question, sights = self.forecast, self.truth, self.question, self._sights
        write_means(question.statistics, self._means)
        about_climatology = self._told
        parts = forecast.grid().ranges or truth.source.header.grid.ranges
        found = scored(self._file, self.metrics)
        raster = MapRaster.of(truth.source.header.grid)
        number = question.cases if question.places is None else 0  # stations are no field to look at
        shown = question.variables[: question.maps], sights.example.lead_times, number
        scores = _scores(found, question.forecasts, forecast.lead_times, tuple(parts))
        grouped = {name: scored(self._file, self.metrics, chosen) for name, chosen in self._groups.items()}
        subsets = dict(zip(list(self._space.regions)[1:], found.values[1:], strict=True))
        subsets |= {name: own.values[0] for name, own in grouped.items()}
        return Evaluation(
            scores=replace(scores, notes=(*question.told, *about_climatology), subsets=subsets),
            scored=found,
            grouped=grouped,
            sureness=sureness_of(self._file, self.metrics, self._space, question.significance, question.groupings),
            variables=question.variables,
            regions=tuple(self._space.regions),
            maps=sights.maps(),
            map_cases=sights.map_cases(),
            places=question.places,
            map_variables=sights.variables,
            map_lead_times=sights.lead_times,
            example=sights.example,
            raster=raster,
            cases=case_fields(forecast, truth, self._file, raster, shown),
            coastlines=question.coastlines,
            grid=truth.source.header.grid,
            weights=self._scoring.weights,
            initial_times=forecast.initial_times,
            members=forecast.members,
            notes=tuple(_notes(forecast, truth, question)) + about_climatology,
        )


def names_of(scoring: CaseScoring) -> ScoreNames:
    """What there will be scores of."""
    groups = groups_of(scoring.forecast.initial_times, scoring.question.groupings)
    return planned(_header(scoring), scoring.metrics, groups)


def _header(scoring: CaseScoring) -> StatisticsHeader:
    forecast, question, space, metrics = scoring.forecast, scoring.question, scoring.space, scoring.metrics
    choices = section_names(question.metrics)
    return StatisticsHeader(
        forecast.initial_times,
        forecast.lead_times,
        question.forecasts,
        tuple(space.regions),
        question.variables,
        tuple(one.units for one in space.variables),
        space.members,
        {name: metric.subjects for name, metric in metrics.items()},
        {name: {"plugin": choices[name].plugin, "options": choices[name].options} for name in metrics},
    )


def _scores(
    found: Scored, forecasts: tuple[str, ...], lead_times: NDArray[np.timedelta64], parts: tuple[str, ...]
) -> Scores:
    """The scores everywhere, and on the nodes of each of several grids."""
    return Scores(
        metrics=found.names,
        forecasts=forecasts,
        variables=found.subjects,
        lead_times=lead_times,
        values=found.values[0],
        units=found.units,
        cases=found.cases,
        better=found.better,
        parts=parts,
        part_values=found.values[1 : 1 + len(parts)] if parts else None,
    )


def _notes(forecast: ForecastFile, truth: Truth, question: Question) -> Iterator[str]:
    """All notes but those on the climatology."""
    yield from question.told
    yield from forecast_notes(forecast, truth)
    if question.baseline.note:
        yield question.baseline.note
    yield from (one.note for one in question.further if one.note)
    for one in question.uncompared:
        yield f"{one[0].upper()}{one[1:]}."
