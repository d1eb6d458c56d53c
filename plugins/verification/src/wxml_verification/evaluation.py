"""The evaluation: every score of a forecast file, one case after the other."""

__all__ = ["Evaluation", "Question", "evaluate", "evaluate_all"]

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, PluginChoice, ScoreNames, Scores, VerificationMetric, VerificationSpace
from wxml.verification.metric import PastFields
from wxml.verification.metric_choice import made_metrics, section_names

from wxml_verification.arrays import Array
from wxml_verification.baseline import PERSISTENCE, StateBaseline
from wxml_verification.case_reading import read_case
from wxml_verification.climatology import Climatology
from wxml_verification.comparison import Significance
from wxml_verification.further_baselines import CaseBaseline
from wxml_verification.groups import Grouping, groups_of
from wxml_verification.lots import lots_of
from wxml_verification.map_raster import MapRaster
from wxml_verification.notes import climatology_notes, forecast_notes
from wxml_verification.one_pass import LotStatistics
from wxml_verification.reading import ForecastFile
from wxml_verification.regions import EVERYWHERE, Region, region_weights
from wxml_verification.scoring import Scored, planned, scored
from wxml_verification.shown_cases import CaseFields, case_fields
from wxml_verification.sights import Example, Sights
from wxml_verification.stations.places import StationPlaces
from wxml_verification.statistics_file import StatisticsFile, StatisticsHeader
from wxml_verification.stored_space import write_space
from wxml_verification.sureness import Sureness, sureness_of
from wxml_verification.truth import Truth
from wxml_verification.truth_means import TruthMeans
from wxml_verification.usual import Past

MEMORY = 256 * 2**20  # bytes: the variables that fit are scored in one pass over the truth


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """What is asked of a forecast."""

    variables: tuple[str, ...]
    """The variables to score."""
    metrics: Sequence[PluginChoice]
    past: Past
    """What the climatology is made of."""
    window: int
    """The days on either side of a date that the climatology takes."""
    statistics: Path
    """Where the statistics are written; nothing is there."""
    provenance: Mapping[str, Any]
    """The record of the statistics, as JSON values."""
    uncompared: Sequence[str] = ()
    """Sentences on what forecast and truth do not both state; they become notes."""
    told: Sequence[str] = ()
    """Sentences on how forecast and truth were brought to the same nodes; likewise."""
    baseline: StateBaseline = PERSISTENCE
    """What the known states alone give."""
    further: Sequence[CaseBaseline] = ()
    """Baselines beside this one and the climatology."""
    regions: Mapping[str, Region] = field(default_factory=dict)
    """The regions that are scored, too, by name."""
    bands: float | None = None
    """The width in degrees of bands of latitude that are scored, too."""
    groupings: Sequence[Grouping] = ()
    """How cases are grouped."""
    places: StationPlaces | None = None
    """The stations, if the nodes are some."""
    significance: Significance = "hac"
    """The method behind confidence intervals."""
    maps: int = 12
    """How many variables, the first ones, the report has maps of."""
    cases: int = 3
    """How many initial times a reader can look at."""
    coastlines: bool = True
    """Whether maps have those of the Earth."""

    @property
    def forecasts(self) -> tuple[str, ...]:
        """What is scored."""
        return ("forecast", self.baseline.name, "climatology", *(one.name for one in self.further))


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
    asked: Sequence[tuple[ForecastFile, Truth, Question]], check: Callable[[ScoreNames], None] | None = None
) -> list[Evaluation]:
    """Score a forecast against several truths, in one pass over its file.

    Args:
        asked: for each truth, the forecast on its nodes, and what is asked; see `evaluate`. The forecasts are of one
            file.
        check: is called with the names of the first one's scores before any case is read.
    """
    sides = [_Side(*one) for one in asked]
    if check is not None:
        check(sides[0].names)
    variables = tuple(dict.fromkeys(name for side in sides for name in side.question.variables))
    metrics = [metric for side in sides for metric in side.metrics.values()]
    for lot in lots_of(variables, metrics, min(_most(side.forecast, side.truth) for side in sides)):
        for side in sides:
            side.begin(lot)
        for number in range(len(sides[0].forecast.initial_times)):
            for side in sides:
                side.add(number)
        for side in sides:
            side.end()
    return [side.evaluation() for side in sides]


class _Side:
    """The scoring against one truth, while a file of forecasts goes by."""

    def __init__(self, forecast: ForecastFile, truth: Truth, question: Question) -> None:
        self.forecast, self.truth, self.question = forecast, truth, question
        stored = forecast.area_weights()  # the file knows its cells
        self._weights = truth.source.header.grid.area_weights if stored is None else stored
        regions = _regions(forecast, truth, question, self._weights)
        scored_variables = tuple(forecast.variable(name) for name in question.variables)
        past = PastFields(question.past.source, question.past.times) if len(question.past.times) else None
        grid = truth.source.header.grid
        self._space = VerificationSpace(scored_variables, grid, regions, forecast.members, past)
        self.metrics = _metrics(question, self._space)
        header = _header(forecast, question, self._space, self.metrics)
        self._groups = groups_of(forecast.initial_times, question.groupings)
        self.names = planned(header, self.metrics, self._groups)
        """What there will be scores of."""
        self._file = StatisticsFile.new(question.statistics, header, question.provenance)
        write_space(question.statistics, self._space)
        self._means = TruthMeans(forecast, question.variables, self._space.regions[EVERYWHERE])
        self._sights = Sights(forecast, truth, question.variables, question.maps)
        valid_times = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
        self._verified = valid_times[truth.has(valid_times)]
        self._climatology: Climatology | None = None
        self._told: tuple[str, ...] = ()
        self._lot: tuple[str, ...] = ()

    def begin(self, lot: tuple[str, ...]) -> None:
        """Make ready for some variables."""
        self._lot = tuple(name for name in lot if name in self.question.variables)
        self._climatology = None  # before the next one, so that one is in memory at a time
        if self._lot:
            self._climatology = _climatology(self.question, self._lot, self._verified)
            self._told = tuple(climatology_notes(self._climatology, self._verified, self.question.past))
        self._statistics = LotStatistics(self.metrics, self._space, self._lot, len(self.forecast.initial_times))

    def add(self, number: int) -> None:
        """Read the initial time of this number, and compute its statistics."""
        if not self._lot:
            return
        question, each = self.question, self.truth.each
        baselines = question.baseline, self._climatology, question.further
        for truth in each:
            case = read_case(self.forecast, truth, self._lot, baselines, number)
            self._statistics.add(number, case, 1 / len(each))
            self._means.add(number, case, 1 / len(each))
            self._sights.add(number, case)

    def end(self) -> None:
        """Write the statistics of the variables of now."""
        for name, values in self._statistics.arrays.items():
            self._file.put(name, self._statistics.subjects[name], values)

    def evaluation(self) -> Evaluation:
        """Add all up."""
        forecast, truth, question, sights = self.forecast, self.truth, self.question, self._sights
        self._means.write(question.statistics)
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
            sureness=sureness_of(self._file, self.metrics, self._space, question.significance),
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
            weights=self._weights,
            initial_times=forecast.initial_times,
            members=forecast.members,
            notes=tuple(_notes(forecast, truth, question)) + about_climatology,
        )


def _climatology(question: Question, lot: tuple[str, ...], asked: NDArray[np.datetime64]) -> Climatology | None:
    """The climatology of some variables; None if nothing is known of the past, or not of these variables."""
    past = question.past
    if not len(past.times) or not set(lot) <= set(past.source.header.names):
        return None
    return Climatology.of(past.source, past.times, lot, question.window, asked)


def _metrics(question: Question, space: VerificationSpace) -> dict[str, VerificationMetric]:
    """The metrics that have anything to compare."""
    made = made_metrics(question.metrics, space)
    return {
        name: metric
        for name, metric in made.items()
        if metric.subjects and (space.members > 1 or not metric.takes_members)
    }


def _header(
    forecast: ForecastFile, question: Question, space: VerificationSpace, metrics: Mapping[str, VerificationMetric]
) -> StatisticsHeader:
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
    for one in question.uncompared:
        yield f"{one[0].upper()}{one[1:]}."


def _most(forecast: ForecastFile, truth: Truth) -> int:
    """How many variables fit into `MEMORY`; many sources read all variables of a time at once.

    A variable takes, for each lead time, some ten arrays of 8 bytes, and its members. All are read together of a
    forecast that comes once.
    """
    if forecast.comes_once:
        return len(forecast.variables)
    case = (80 + 4 * forecast.members) * len(forecast.lead_times)
    return max(1, MEMORY // (len(truth.source.header.grid) * case))
