"""The evaluation: every score of a forecast file, and what a report shows beside them."""

__all__ = ["Evaluation", "Example", "evaluate"]

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Scores

from wxml_verification.accumulation import METRICS, Accumulation
from wxml_verification.cases import FORECASTS, Case, Cases
from wxml_verification.climatology import DAYS, Climatology
from wxml_verification.metrics import Array
from wxml_verification.notes import climatology_notes, forecast_notes
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

MEMORY = 256 * 2**20  # bytes: how many variables are scored in one pass over the truth depends on it
SHOWN_UNTIL = (0, 24, 72)  # hours: maps are shown of the last lead time until each (else the first), and of the last


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One case, to look at."""

    initial_time: np.datetime64
    lead_times: NDArray[np.intp]
    """Positions among the forecast's lead times."""
    forecast: NDArray[np.float32]
    """Shape `[lead_time, variable, node]`."""
    truth: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What verification found."""

    scores: Scores
    counts: NDArray[np.int64]
    """How many cases are behind RMSE, bias and MAE, shape `[forecast, variable, lead_time]`."""
    maps: NDArray[np.float32]
    """Bias and RMSE of the forecast at each node, shape `[2, variable, lead_time, node]`."""
    example: Example
    grid: Grid
    weights: Array
    """Area weights, shape `[node]`."""
    initial_times: NDArray[np.datetime64]
    members: int
    notes: tuple[str, ...]
    """What a reader of the scores should know."""


def evaluate(
    forecast: ForecastFile,
    truth: Truth,
    variables: tuple[str, ...],
    training_times: NDArray[np.datetime64],
    window: int,
) -> Evaluation:
    """Score some variables of a forecast that fits the truth.

    Args:
        forecast: the file.
        truth: has some of the times that the forecast is valid at, all variables, and the same nodes.
        variables: which to score.
        training_times: for the climatology; those that the truth lacks are left out.
        window: of the climatology, days on either side of the date.
    """
    usable = training_times[truth.has(training_times)]
    weights, (shown, lead_times) = _weights(forecast, truth), _example(forecast, truth)
    sums, examples = [], []
    for group in _groups(variables, _bytes_per_variable(forecast, truth, usable)):
        climatology = Climatology.of(truth.source, usable, group, window) if len(usable) else None
        cases = Cases(forecast, truth, group, climatology)
        sums.append(reduce(operator.add, (_sums(case, weights) for case in cases)))
        examples.append(cases.read(shown))
    about_climatology = climatology_notes(climatology, _valid_times(forecast, truth), training_times, usable)
    return Evaluation(
        _scores(forecast, variables, sums),
        np.concatenate([part.cases_per_lead_time() for part in sums], axis=1),
        np.concatenate([part.maps() for part in sums], axis=1),
        _shown(forecast.initial_times[shown], lead_times, examples),
        truth.source.header.grid,
        weights,
        forecast.initial_times,
        forecast.members,
        (*forecast_notes(forecast, truth, variables), *about_climatology),
    )


def _scores(forecast: ForecastFile, variables: tuple[str, ...], sums: Sequence[Accumulation]) -> Scores:
    values = np.concatenate([part.scores() for part in sums], axis=2)
    units = tuple(forecast.units(name) for name in variables)
    cases = max(part.cases for part in sums)
    return Scores(METRICS, FORECASTS, variables, forecast.lead_times, values, units, cases)


def _sums(case: Case, weights: Array) -> Accumulation:
    return Accumulation.of_case(case.forecasts, case.truth, case.climatology, weights)


def _weights(forecast: ForecastFile, truth: Truth) -> Array:
    """Those of the file, which knows its cells; those of the truth's grid where the file has none."""
    weights = forecast.area_weights()
    return truth.source.header.grid.area_weights if weights is None else weights


def _groups(variables: tuple[str, ...], size: int) -> list[tuple[str, ...]]:
    """The variables in lots that fit into `MEMORY`: many sources read all variables of a time at once anyway."""
    length = max(1, MEMORY // size)
    return [variables[start : start + length] for start in range(0, len(variables), length)]


def _bytes_per_variable(forecast: ForecastFile, truth: Truth, training_times: NDArray[np.datetime64]) -> int:
    """The climatology's sums (8 bytes) and counts (4), and some ten arrays of double precision for a case."""
    hours = len(np.unique((training_times - training_times.astype("datetime64[D]")).astype(np.int64)))
    return len(truth.source.header.grid) * (DAYS * hours * 12 + 80 * len(forecast.lead_times))


def _valid_times(forecast: ForecastFile, truth: Truth) -> NDArray[np.datetime64]:
    """The instants that are verified."""
    times = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
    return np.asarray(times[truth.has(times)])


def _example(forecast: ForecastFile, truth: Truth) -> tuple[int, NDArray[np.intp]]:
    """The first case with a truth, and the lead times of it to show: the first, the last, and some between."""
    there = truth.has(forecast.initial_times[:, None] + forecast.lead_times)
    case = int(np.argmax(there.any(axis=1)))
    candidates = np.flatnonzero(there[case])
    hours = forecast.lead_times[candidates] / np.timedelta64(1, "h")
    chosen = [max(int(np.sum(hours <= until)) - 1, 0) for until in SHOWN_UNTIL]
    return case, candidates[np.unique([*chosen, len(candidates) - 1])]


def _shown(initial_time: np.datetime64, lead_times: NDArray[np.intp], cases: Sequence[Case]) -> Example:
    forecast = np.concatenate([case.forecasts[0][lead_times] for case in cases], axis=1)
    truth = np.concatenate([case.truth[lead_times] for case in cases], axis=1)
    return Example(initial_time, lead_times, forecast.astype(np.float32), truth.astype(np.float32))
