"""Scores as a table for a terminal."""

__all__ = ["score_table", "scores_as_json"]

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_duration
from wxml.errors import DataError, nearest
from wxml.terminal import columns
from wxml.verification.requirements import Outcome, outcomes_as_json
from wxml.verification.verifier import Better, Scores

SHOWN = ("6h", "12h", "18h", "24h", "36h", "48h", "72h", "96h", "120h", "168h", "240h")
MOST_COLUMNS = 8
PENALTIES: dict[Better, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "smaller": lambda score: score,
    "larger": lambda score: -score,
    "nearer to zero": np.abs,
    "nearer to one": lambda score: np.abs(score - 1),
}
"""Numbers that are smaller for better scores."""


def score_table(scores: Scores, metric: str | None = None) -> str:
    """One row per variable and forecast, one column per lead time, and how often the forecast beats each baseline.

    What the metric has no number of is left out. The last lines say which lead times are not shown, and what the scores
    note.

    Of several grids, a table of all nodes comes first, then one of each grid; then those of further truths.

    Args:
        scores: the scores.
        metric: one of `scores.metrics`; None: the first.

    Raises:
        DataError: the scores do not have the metric, such as one of members for a forecast without.
    """
    metric = scores.metrics[0] if metric is None else metric
    if metric not in scores.metrics:
        raise DataError(f"these scores have no metric {metric!r}", fix=nearest(metric, scores.metrics))
    title = f"{metric.upper()}, {scores.cases} initial times"
    ends = [*_hidden(scores), *scores.notes]
    for name, further in scores.further.items():
        if metric in further.metrics:
            ends += ["", f"against the truth {name!r}:", score_table(further, metric)]
    if not scores.parts:
        return "\n".join([_table(scores, metric, title), *ends])
    each = {name: scores.of_part(name) for name in scores.parts}
    tables = [_table(own, metric, f"\n{title}, the grid {name} alone") for name, own in each.items() if own.variables]
    return "\n".join([_table(scores, metric, f"{title}, all grids"), *tables, *ends])


def _table(scores: Scores, metric: str, title: str) -> str:
    """The table of one metric on some nodes, below a title."""
    shown = _shown_lead_times(scores.lead_times)
    rows = [("variable", "units", "forecast", *(format_duration(scores.lead_times[i]) for i in shown))]
    for variable, units in zip(scores.variables, scores.units, strict=True):
        if not scores.has(metric, variable):
            continue
        for number, name in enumerate(scores.forecasts):
            values = scores.get(metric, name, variable)[shown]
            numbers = ("–" if np.isnan(value) else f"{value:.4g}" for value in values)
            rows.append((*((variable, units) if number == 0 else ("", "")), name, *numbers))
    return "\n".join([title, *columns(rows, right=range(3, len(rows[0]))), *_summary(scores, metric)])


def _shown_lead_times(lead_times: NDArray[np.timedelta64]) -> list[int]:
    """The positions of at most `MOST_COLUMNS` lead times: all, else the familiar ones, else the first."""
    if len(lead_times) <= MOST_COLUMNS:
        return list(range(len(lead_times)))
    familiar = [i for i, lead_time in enumerate(lead_times) if format_duration(lead_time) in SHOWN]
    return familiar[:MOST_COLUMNS] or list(range(MOST_COLUMNS))


def _hidden(scores: Scores) -> list[str]:
    """A sentence on the lead times that have no column."""
    shown = _shown_lead_times(scores.lead_times)
    hidden = [format_duration(lead) for i, lead in enumerate(scores.lead_times) if i not in shown]
    if not hidden:
        return []
    named = ", ".join(hidden) if len(hidden) <= MOST_COLUMNS else f"{hidden[0]} to {hidden[-1]}"
    return [f"{len(hidden)} more lead times are not shown ({named}): `scores.nc`, the report and --json have all"]


def _summary(scores: Scores, metric: str) -> list[str]:
    """For each baseline, a sentence with the number of (variable, lead time) pairs where the forecast is better."""
    number = scores.metrics.index(metric)
    if scores.better[number] not in PENALTIES:
        return []
    penalties = PENALTIES[scores.better[number]](scores.values[number])
    own = penalties[0]
    lines = []
    for number, name in enumerate(scores.forecasts[1:], start=1):
        other = penalties[number]
        known = ~np.isnan(own) & ~np.isnan(other)
        better = int(np.sum(own[known] < other[known]))
        lines.append(f"better than {name} in {better} of {int(known.sum())} (variable, lead time) pairs")
    return lines


def scores_as_json(scores: Scores, required: Sequence[Outcome] = ()) -> str:
    """Every score: {"schema": 1, "cases": …, "scores": [{metric, forecast, variable, units, lead_time, value}, …]}.

    Of several grids, `"parts"` has the name of each → the scores on its nodes, in the same form. `"notes"`, where there
    are any, are the sentences below the table. `"truths"` has the name of each further truth → the same of the scores
    against it. `"required"` is what became of requirements.
    """
    more = {"required": outcomes_as_json(required)} if required else {}
    return json.dumps(_json(scores) | more, indent=1)


def _json(scores: Scores) -> dict[str, Any]:
    """See `scores_as_json`."""
    parts = {name: _rows(scores.of_part(name)) for name in scores.parts}
    more = {"parts": parts, "notes": scores.notes, "truths": {name: _json(one) for name, one in scores.further.items()}}
    found = {"schema": 1, "cases": scores.cases, "scores": _rows(scores)}
    return found | {name: value for name, value in more.items() if value}


def _rows(scores: Scores) -> list[dict[str, Any]]:
    """One entry for each score."""
    return [
        {
            "metric": metric,
            "forecast": forecast,
            "variable": variable,
            "units": units,
            "lead_time": format_duration(lead_time),
            "value": None if np.isnan(value) else float(value),
        }
        for metric in scores.metrics
        for forecast in scores.forecasts
        for variable, units in zip(scores.variables, scores.units, strict=True)
        if scores.has(metric, variable)
        for lead_time, value in zip(scores.lead_times, scores.get(metric, forecast, variable), strict=True)
    ]
