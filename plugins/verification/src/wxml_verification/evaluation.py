"""The evaluation: every score of a forecast file, one case after the other."""

__all__ = ["Evaluation", "Example", "evaluate"]

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Scores

from wxml_verification.accumulation import METRICS, Accumulation
from wxml_verification.baseline import PERSISTENCE, StateBaseline
from wxml_verification.climatology import DAYS, Climatology
from wxml_verification.metrics import Array
from wxml_verification.notes import climatology_notes, forecast_notes
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

MEMORY = 256 * 2**20  # bytes: the variables that fit are scored in one pass over the truth
SHOWN_UNTIL = (0, 24, 72)  # hours: maps show the last lead time up to each (else the first), and the very last


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One case, for the maps of the report."""

    initial_time: np.datetime64
    lead_times: NDArray[np.intp]
    """Positions among the forecast's lead times."""
    forecast: NDArray[np.float32]
    """Shape `[lead_time, variable, node]`."""
    truth: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The scores of a forecast file, and the maps, the example and the notes that a report shows beside them."""

    scores: Scores
    counts: NDArray[np.int64]
    """The number of cases behind RMSE, bias and MAE, shape `[forecast, variable, lead_time]`."""
    part_counts: NDArray[np.int64]
    """The same on the nodes of each of `scores.parts`, shape `[part, forecast, variable, lead_time]`."""
    maps: NDArray[np.float32]
    """Bias and RMSE of the forecast at each node, shape `[2, variable, lead_time, node]`."""
    example: Example
    grid: Grid
    weights: Array
    """Area weights, shape `[node]`."""
    initial_times: NDArray[np.datetime64]
    members: int
    notes: tuple[str, ...]
    """Sentences on the limits of these scores, for the reader of the report."""


def evaluate(
    forecast: ForecastFile,
    truth: Truth,
    variables: tuple[str, ...],
    training_times: NDArray[np.datetime64],
    window: int,
    uncompared: Sequence[str] = (),
    baseline: StateBaseline = PERSISTENCE,
) -> Evaluation:
    """Score some variables of a forecast that fits the truth.

    Args:
        forecast: the file.
        truth: the truth, with some of the valid times, all variables, and the same nodes.
        variables: the names of the variables to score.
        training_times: the times of the climatology; the truth may lack some of them.
        window: the days on either side of a date that the climatology takes.
        uncompared: sentences on what forecast and truth do not both state; they become notes.
        baseline: what the known states alone give.
    """
    usable = training_times[truth.has(training_times)]
    stored = forecast.area_weights()  # the file knows its cells
    weights = truth.source.header.grid.area_weights if stored is None else stored
    shown, lead_times = _example(forecast, truth)
    names, nodes = _parts(forecast, truth)
    sums, examples = [], []
    for group in _groups(forecast, truth, variables, usable):
        climatology = Climatology.of(truth.source, usable, group, window) if len(usable) else None
        sums.append(_accumulated(forecast, truth, group, (baseline, climatology), (weights, nodes)))
        examples.append(_read_case(forecast, truth, group, (baseline, climatology), shown))
    values, counts, maps = zip(*(each.results() for each in sums), strict=True)
    part_values, part_counts = zip(*(each.part_results() for each in sums), strict=True)
    scores = _scores(
        forecast, baseline.name, variables, np.concatenate(values, axis=2), max(each.cases for each in sums)
    )
    example = Example(
        forecast.initial_times[shown],
        lead_times,
        np.concatenate([fields[0, lead_times] for fields, _ in examples], axis=1).astype(np.float32),
        np.concatenate([verifying[lead_times] for _, verifying in examples], axis=1).astype(np.float32),
    )
    own_notes = (baseline.note,) if baseline.note else ()
    valid_times = np.unique(forecast.initial_times[:, None] + forecast.lead_times)
    about_climatology = climatology_notes(climatology, valid_times[truth.has(valid_times)], training_times, usable)
    return Evaluation(
        replace(scores, parts=names, part_values=np.concatenate(part_values, axis=3) if names else None),
        np.concatenate(counts, axis=1),
        np.concatenate(part_counts, axis=2),
        np.concatenate(maps, axis=1),
        example,
        truth.source.header.grid,
        weights,
        forecast.initial_times,
        forecast.members,
        (
            *forecast_notes(forecast, truth),
            *own_notes,
            *(f"{one[0].upper()}{one[1:]}." for one in uncompared),
            *about_climatology,
        ),
    )


def _accumulated(
    forecast: ForecastFile,
    truth: Truth,
    variables: tuple[str, ...],
    baselines: tuple[StateBaseline, Climatology | None],
    areas: tuple[Array, Sequence[slice]],
) -> Accumulation:
    """Add up the errors of all cases, one case after the other, so that one is in memory at a time.

    Args:
        forecast: the file.
        truth: the truth.
        variables: the variables to score.
        baselines: what the known states alone give, and the climatology of the variables.
        areas: the area weights of all nodes, and the nodes of each part.
    """
    cases = (_read_case(forecast, truth, variables, baselines, case) for case in range(len(forecast.initial_times)))
    each = (Accumulation.of_case(values, verifying, values[-1], *areas) for values, verifying in cases)
    return reduce(operator.add, each)


def _parts(forecast: ForecastFile, truth: Truth) -> tuple[tuple[str, ...], list[slice]]:
    """The names and the nodes of the grids of the forecast; of the truth, where the file does not tell them."""
    ranges = forecast.grid().ranges or truth.source.header.grid.ranges
    return tuple(ranges), list(ranges.values())


def _scores(forecast: ForecastFile, baseline: str, variables: tuple[str, ...], values: Array, cases: int) -> Scores:
    """The scores of `variables`, in the units of the file."""
    units = tuple(forecast.variable(name).units for name in variables)
    directions = tuple(METRICS.values())
    forecasts = ("forecast", baseline, "climatology")
    return Scores(tuple(METRICS), forecasts, variables, forecast.lead_times, values, units, cases, directions)


def _read_case(
    forecast: ForecastFile,
    truth: Truth,
    variables: tuple[str, ...],
    baselines: tuple[StateBaseline, Climatology | None],
    case: int,
) -> tuple[Array, Array]:
    """Read one initial time.

    Returns:
        Forecast and baselines, shape `[forecast, lead_time, variable, node]`, and the truth, shape `[lead_time,
        variable, node]`. The truth is NaN where the forecast lacks a value, and on the boundary of a limited area,
        where nothing is forecast: forecast and baselines are scored at the same points.
    """
    initial_time, (baseline, climatology) = forecast.initial_times[case], baselines
    valid_times = initial_time + forecast.lead_times
    values = forecast.read(case, variables)
    verifying = truth.at(valid_times, variables)
    known = baseline.at(truth, initial_time, forecast.lead_times, variables)
    usual = climatology.at(valid_times) if climatology else np.full(verifying.shape, np.nan)
    forecasts = np.stack([values, known, usual])
    return forecasts, np.where(np.isfinite(values) & ~forecast.boundary(), verifying, np.nan)


def _groups(
    forecast: ForecastFile, truth: Truth, variables: tuple[str, ...], training_times: NDArray[np.datetime64]
) -> list[tuple[str, ...]]:
    """Divide the variables into lots whose sums fit into `MEMORY`; many sources read all variables of a time at once.

    A variable takes the sums (8 bytes) and counts (4) of its climatology, and some ten arrays of 8 bytes for a case.
    """
    hours = len(np.unique((training_times - training_times.astype("datetime64[D]")).astype(np.int64)))
    size = len(truth.source.header.grid) * (DAYS * hours * 12 + 80 * len(forecast.lead_times))
    length = max(1, MEMORY // size)
    return [variables[start : start + length] for start in range(0, len(variables), length)]


def _example(forecast: ForecastFile, truth: Truth) -> tuple[int, NDArray[np.intp]]:
    """The first case with a truth, and the positions of its lead times to show: the first, the last, some between."""
    there = truth.has(forecast.initial_times[:, None] + forecast.lead_times)
    case = int(np.argmax(there.any(axis=1)))
    candidates = np.flatnonzero(there[case])
    hours = forecast.lead_times[candidates] / np.timedelta64(1, "h")
    chosen = [max(int(np.sum(hours <= until)) - 1, 0) for until in SHOWN_UNTIL]
    return case, candidates[np.unique([*chosen, len(candidates) - 1])]
