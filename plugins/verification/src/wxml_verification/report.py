"""The report: one HTML file that needs nothing else, to look at, to send on and to print."""

__all__ = ["ReportText", "render_report"]

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template

import numpy as np
from wxml.data.times import format_duration
from wxml.verification.verifier import Scores

from wxml_verification.accumulation import METRICS
from wxml_verification.curves import LINES, draw_curves
from wxml_verification.evaluation import Evaluation
from wxml_verification.maps import Panel, draw_maps
from wxml_verification.metrics import mean_squared_error
from wxml_verification.palettes import error_palette, field_palette, rmse_palette
from wxml_verification.plane import Plane
from wxml_verification.tables import numbers_table, skill, skill_table
from wxml_verification.tabs import tabs

BASELINES = ("persistence", "climatology")
DASHES = {"-": "", "--": "7 4", ":": "2 3"}


@dataclass(frozen=True, slots=True)
class ReportText:
    """What a report says that is not in the evaluation."""

    title: str
    provenance: str
    """Where the scores come from, as JSON text."""
    window: int
    """Of the climatology, days on either side."""


def render_report(evaluation: Evaluation, text: ReportText, most_maps: int) -> str:
    """The page as HTML.

    Args:
        evaluation: what was found.
        text: what else to say.
        most_maps: for how many variables at most maps are drawn; the first ones.
    """
    page = files("wxml_verification")
    scores = evaluation.scores
    return Template((page / "page.html").read_text("utf-8")).substitute(
        style=(page / "page.css").read_text("utf-8"),
        title=escape(text.title),
        headline=_headline(scores),
        facts=_facts(evaluation),
        notes=_notes(evaluation.notes),
        scorecard=_scorecard(evaluation),
        legend=_legend(),
        curves="".join(_curves(scores, variable) for variable in scores.variables),
        maps=_maps(evaluation, most_maps),
        numbers="".join(numbers_table(scores, metric) for metric in METRICS),
        window=text.window,
        provenance=escape(text.provenance),
    )


def _headline(scores: Scores) -> str:
    """In how many scores the forecast is better than each baseline."""
    parts = []
    for baseline in BASELINES:
        values = skill(scores, baseline)
        values = values[np.isfinite(values)]
        if values.size:
            parts.append(f"{baseline} in <strong>{(values > 0).sum()} of {values.size}</strong>")
    if not parts:
        return "There is no baseline to compare the forecast with."
    return f"By RMSE the forecast is better than {' and than '.join(parts)} combinations of variable and lead time."


def _facts(evaluation: Evaluation) -> str:
    scores, times = evaluation.scores, evaluation.initial_times
    leads = [format_duration(lead_time) for lead_time in (scores.lead_times[0], scores.lead_times[-1])]
    extent = "global" if evaluation.grid.is_global else "limited area"
    facts = {
        "Cases verified": f"{scores.cases} of {len(times)} initial times",
        "Initial times": f"{_instant(times.min())} to {_instant(times.max())}",
        "Lead times": f"{len(scores.lead_times)}, {leads[0]} to {leads[-1]}",
        "Variables": f"{len(scores.variables)}",
        "Grid": f"{' × '.join(map(str, evaluation.grid.shape))}, {extent}",
        "Members": f"{evaluation.members}" + (", scored by their mean" if evaluation.members > 1 else ""),
    }
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in facts.items())


def _notes(notes: tuple[str, ...]) -> str:
    items = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<aside class="notes" aria-label="Notes"><strong>Please note</strong><ul>{items}</ul></aside>' if items else ""
    )


def _scorecard(evaluation: Evaluation) -> str:
    panels = [(f"against {name}", skill_table(evaluation.scores, name, evaluation.counts[0])) for name in BASELINES]
    return tabs("baseline", "Baseline", panels)


def _legend() -> str:
    items = []
    for name, (style, _, width) in LINES.items():
        line = f'stroke="var(--{name})" stroke-width="{width}" stroke-dasharray="{DASHES[style]}"'
        items.append(f'<li><svg viewBox="0 0 40 8" aria-hidden="true"><path d="M0 4H40" {line}/></svg>{name}</li>')
    return f'<ul class="legend" aria-label="Lines">{"".join(items)}</ul>'


def _curves(scores: Scores, variable: str) -> str:
    return f"<h3>{escape(variable)}</h3><figure>{draw_curves(scores, variable)}</figure>"


def _maps(evaluation: Evaluation, most: int) -> str:
    variables = evaluation.scores.variables
    if not most:
        return "<p>No maps were asked for.</p>"
    left_out = f" Maps of the first {most} variables only, of {len(variables)}." if len(variables) > most else ""
    start = f"Truth, forecast and error of the forecast from {_instant(evaluation.example.initial_time)}"
    plane = Plane.of(evaluation.grid)
    panels = [(name, _variable_maps(evaluation, plane, index)) for index, name in enumerate(variables[:most])]
    said = f"<p>{start}, and the RMSE over all cases. Missing values are grey.{left_out}</p>"
    return said + tabs("variable", "Variable", panels)


def _variable_maps(evaluation: Evaluation, plane: Plane, variable: int) -> str:
    """A picture for each lead time shown, first the last one within a day."""
    lead_times = evaluation.scores.lead_times[evaluation.example.lead_times]
    within_a_day = max(int(np.sum(lead_times <= np.timedelta64(24, "h"))) - 1, 0)
    pictures = (_picture(evaluation, plane, variable, position) for position in range(len(lead_times)))
    panels = [(f"+{format_duration(lead)}", picture) for lead, picture in zip(lead_times, pictures, strict=True)]
    return tabs(f"lead-{variable}", "Lead time", panels, within_a_day)


def _picture(evaluation: Evaluation, plane: Plane, variable: int, position: int) -> str:
    example, scores = evaluation.example, evaluation.scores
    index = example.lead_times[position]
    name, lead_time = scores.variables[variable], scores.lead_times[index]
    panels = list(_panels(evaluation, variable, position))
    label = f"Maps of {name} at lead time {format_duration(lead_time)}: {'; '.join(panel.title for panel in panels)}"
    picture = draw_maps(plane, panels, units=scores.units[variable], label=label)
    return f"<figure>{picture}</figure>"


def _panels(evaluation: Evaluation, variable: int, position: int) -> Iterator[Panel]:
    example, scores = evaluation.example, evaluation.scores
    index = example.lead_times[position]
    truth, forecast = example.truth[position, variable], example.forecast[position, variable]
    rmse, error = evaluation.maps[1, variable, index], forecast - truth
    own = np.sqrt(mean_squared_error(forecast.astype(float), truth.astype(float), evaluation.weights))
    palette = field_palette(np.stack([truth, forecast]), scores.variables[variable])
    lead_time = scores.lead_times[index]
    yield Panel(f"Truth, {_instant(example.initial_time + lead_time)}", truth, palette)
    yield Panel(f"Forecast, +{format_duration(lead_time)}", forecast, palette)
    yield Panel(f"Forecast − truth, RMSE {own:.3g}", error, error_palette(error))
    yield Panel(f"RMSE, {evaluation.counts[0, variable, index]} cases", rmse, rmse_palette(rmse))


def _instant(time: np.datetime64) -> str:
    """Such as 2000-01-01 06 UTC."""
    date, clock = str(time.astype("datetime64[s]")).split("T")
    hour, minute, second = clock.split(":")
    return f"{date} {hour}" + (f":{minute}" if minute != "00" or second != "00" else "") + " UTC"
