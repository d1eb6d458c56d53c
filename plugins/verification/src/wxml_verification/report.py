"""The report: one HTML file that needs no other file and no network."""

__all__ = ["ReportText", "render_report", "skill"]

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from wxml import Scores
from wxml.data.times import format_duration
from wxml.terminal import printable

from wxml_verification.arrays import Array
from wxml_verification.coast import path_of_coasts
from wxml_verification.evaluation import Evaluation
from wxml_verification.figures import LINES, OTHER, colour_names, draw_curves
from wxml_verification.maps import draw_maps
from wxml_verification.page_data import packed_fields, packed_scores
from wxml_verification.words import instant, number_title, pretty_units

DASHES = {"-": "", "--": "7 4", ":": "2 3", "-.": "7 3 2 3"}
STRONGEST = 62  # per cent of full colour, so that the numbers stay readable


@dataclass(frozen=True, slots=True)
class ReportText:
    """The texts of a report that the evaluation does not hold."""

    title: str
    provenance: str
    """The record of the scores, as JSON text."""
    climatology: str
    """A sentence on the climatology."""


def render_report(evaluation: Evaluation, text: ReportText, most_maps: int) -> str:
    """Fill the template `templates/report.html.jinja`, which escapes every text; control characters become visible.

    Args:
        evaluation: the scores, the maps, and the example to show.
        text: the title, the provenance, and which climatology it is.
        most_maps: the largest number of variables with maps; the first ones have them.

    Returns:
        The page as HTML.
    """
    evaluation, text = (
        _visible(evaluation),
        replace(
            text,
            title=printable(text.title),
            provenance=_lines(text.provenance),
            climatology=printable(text.climatology),
        ),
    )
    scores, example = _of_variables(evaluation), evaluation.example
    skills = {name: skill(scores, name) for name in scores.forecasts[1:]}
    known = {name: values[np.isfinite(values)] for name, values in skills.items()}
    lead_times = scores.lead_times[example.lead_times]
    raster, shown = evaluation.raster, range(len(example.lead_times))
    bundled = files("wxml_verification.bundled")
    code = bundled.joinpath("report.js").read_text(encoding="utf-8")
    maps = [
        [draw_maps(evaluation, raster, variable, position) for position in shown]
        for variable in range(min(most_maps, len(scores.variables)))
    ]
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            text=text,
            scores=scores,
            all_scores=evaluation.scores,
            better=[(name, int((values > 0).sum()), values.size) for name, values in known.items() if values.size],
            facts=_facts(evaluation),
            notes=evaluation.notes,
            skills=skills,
            counts=evaluation.counts[0].max(axis=0, initial=0),
            tables=_tables(evaluation),
            grids=[(name, own) for name in scores.parts if (own := scores.of_part(name)).variables],
            has_diagrams=bool(evaluation.scored.curves),
            has_stations=evaluation.places is not None,
            has_cases=evaluation.cases is not None,
            coast=path_of_coasts() if evaluation.coastlines and maps else "",
            told=packed_scores(evaluation),
            fields=packed_fields(evaluation.cases),
            code=Markup(code),  # noqa: S704  # checked in, and known to the browser by its hash
            code_hash=f"sha256-{b64encode(hashlib.sha256(code.encode()).digest()).decode('ascii')}",
            licences=bundled.joinpath("LICENSES.txt").read_text(encoding="utf-8"),
            lines=_line_styles(scores.forecasts),
            curves=[draw_curves(scores, variable) for variable in scores.variables],
            maps=maps,
            example_time=example.initial_time,
            shown_leads=[f"+{format_duration(lead_time)}" for lead_time in lead_times],
            chosen_lead=max(int(np.sum(lead_times <= np.timedelta64(24, "h"))) - 1, 0),  # the last one within a day
        )
    )


def _line_styles(forecasts: Sequence[str]) -> list[tuple[str, str, str, float]]:
    """What stands for each forecast in curves: its name, and colour, dashes and width of its line."""
    named = [(name, colour, LINES.get(name, OTHER)) for name, colour in colour_names(forecasts).items()]
    return [(name, colour, DASHES[style], width) for name, colour, (style, _, width) in named]


def _of_variables(evaluation: Evaluation) -> Scores:
    """The scores of the variables alone, without those of pairs, thresholds and the like."""
    scores, count = evaluation.scores, len(evaluation.variables)
    return replace(
        scores,
        variables=scores.variables[:count],
        units=scores.units[:count],
        values=scores.values[:, :, :count],
        part_values=None if scores.part_values is None else scores.part_values[:, :, :, :count],
    )


def _tables(evaluation: Evaluation) -> list[tuple[str, bool, list[tuple[str, str]]]]:
    """For each metric its name, whether it has units, and the pairs of subject and forecast that it has numbers of."""
    scores, found = evaluation.scores, evaluation.scored
    tables = []
    for number, metric in enumerate(scores.metrics):
        known = np.isfinite(scores.values[number]).any(axis=-1)  # [forecast, subject]
        rows = [
            (subject, forecast)
            for place, subject in enumerate(scores.variables)
            for row, forecast in enumerate(scores.forecasts)
            if known[row, place]
        ]
        tables.append((metric, found.has_units[number], rows))
    return tables


def _visible(evaluation: Evaluation) -> Evaluation:
    """The same numbers, in whose names, units and notes each character that would steer a reader is an escape."""
    scores = evaluation.scores
    names, units = tuple(map(printable, scores.variables)), tuple(map(printable, scores.units))
    notes = tuple(map(printable, evaluation.notes))
    return replace(evaluation, scores=replace(scores, variables=names, units=units), notes=notes)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


@cache
def _environment() -> Environment:
    """The templates of this package; every text is escaped, and a name that is not given is an error."""
    environment = Environment(
        loader=PackageLoader("wxml_verification"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        against=lambda name: f"against {name}",
        duration=format_duration,
        instant=instant,
        number=lambda value: f"{value:.4g}".replace("-", "−") if np.isfinite(value) else "–",
        signed=_signed,
        strength=lambda value: f"{min(abs(value), 1.0) * STRONGEST:.0f}",
        units=pretty_units,
        called=number_title,
    )
    return environment


def skill(scores: Scores, baseline: str) -> Array:
    """1 − RMSE / RMSE of a baseline, shape `[variable, lead_time]`: 1 is perfect, 0 as good as the baseline."""
    rmse = scores.values[scores.metrics.index("rmse")]
    forecast, reference = rmse[0], rmse[scores.forecasts.index(baseline)]
    quotient = np.divide(forecast, reference, out=np.full(forecast.shape, np.nan), where=reference > 0)
    return np.asarray(1 - quotient)


def _facts(evaluation: Evaluation) -> dict[str, str]:
    scores, times = evaluation.scores, evaluation.initial_times
    leads = [format_duration(lead_time) for lead_time in (scores.lead_times[0], scores.lead_times[-1])]
    extent = "global" if evaluation.grid.is_global else "limited area"
    return {
        "Cases verified": f"{scores.cases} of {len(times)} initial times",
        "Initial times": f"{instant(times.min())} to {instant(times.max())}",
        "Lead times": f"{len(scores.lead_times)}, {leads[0]} to {leads[-1]}",
        "Variables": f"{len(evaluation.variables)}",
        "Grid": f"{' × '.join(map(str, evaluation.grid.shape))}, {extent}",
        "Members": f"{evaluation.members}",
    }


def _signed(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:+.2f}".replace("-", "−") if value > -10 else "< −10"
