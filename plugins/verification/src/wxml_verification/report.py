"""The report: one HTML file that needs no other file and no network."""

__all__ = ["ReportText", "pretty_units", "render_report", "skill"]

from dataclasses import dataclass, replace

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from wxml import Scores
from wxml.data.times import format_duration
from wxml.terminal import printable

from wxml_verification.arrays import Array
from wxml_verification.evaluation import Evaluation
from wxml_verification.figures import LINES, draw_curves, pretty_units
from wxml_verification.map_raster import MapRaster
from wxml_verification.maps import draw_maps, instant
from wxml_verification.scoring import Scored

DASHES = {"-": "", "--": "7 4", ":": "2 3", "-.": "7 3 2 3"}
STRONGEST = 62  # per cent of full colour, so that the numbers stay readable


@dataclass(frozen=True, slots=True)
class ReportText:
    """The texts of a report that the evaluation does not hold."""

    title: str
    provenance: str
    """The record of the scores, as JSON text."""
    window: int
    """Days on either side of a date that make its climatology."""


def render_report(evaluation: Evaluation, text: ReportText, most_maps: int) -> str:
    """Fill the template `templates/report.html.jinja`, which escapes every text; control characters become visible.

    Args:
        evaluation: the scores, the maps, and the example to show.
        text: the title, the provenance and the window of the climatology.
        most_maps: the largest number of variables with maps; the first ones have them.

    Returns:
        The page as HTML.
    """
    evaluation, text = (
        _visible(evaluation),
        replace(text, title=printable(text.title), provenance=_lines(text.provenance)),
    )
    scores, example = _of_variables(evaluation), evaluation.example
    skills = {name: skill(scores, name) for name in scores.forecasts[1:]}
    known = {name: values[np.isfinite(values)] for name, values in skills.items()}
    lead_times = scores.lead_times[example.lead_times]
    raster, shown = MapRaster.of(evaluation.grid), range(len(example.lead_times))
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
            parts=_parts(evaluation),
            areas=_areas(evaluation),
            groups=_groups(evaluation),
            lines=[
                (name, DASHES[style], width) for name, (style, _, width) in LINES.items() if name in scores.forecasts
            ],
            curves=[draw_curves(scores, variable) for variable in scores.variables],
            maps=maps,
            example_time=example.initial_time,
            shown_leads=[f"+{format_duration(lead_time)}" for lead_time in lead_times],
            chosen_lead=max(int(np.sum(lead_times <= np.timedelta64(24, "h"))) - 1, 0),  # the last one within a day
        )
    )


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


@dataclass(frozen=True, slots=True)
class _Part:
    """The scores of some nodes or cases, as the page shows them."""

    name: str
    scores: Scores
    skills: dict[str, Array]
    """By baseline, shape `[variable, lead_time]`."""
    counts: NDArray[np.int64]
    """Cases by lead time."""


def _parts(evaluation: Evaluation) -> list[_Part]:
    """Each of several grids that has a score, in the order of the nodes."""
    found = []
    scores = _of_variables(evaluation)
    for name, counts in zip(scores.parts, evaluation.part_counts, strict=True):
        own = scores.of_part(name)
        if not own.variables:
            continue
        skills = {baseline: skill(own, baseline) for baseline in own.forecasts[1:]}
        found.append(_Part(name, own, skills, counts[0].max(axis=0, initial=0)))
    return found


def _areas(evaluation: Evaluation) -> list[_Part]:
    """Each region."""
    first = 1 + len(evaluation.scores.parts)
    return [
        part
        for number, name in enumerate(evaluation.regions[first:], first)
        if (part := _part(evaluation, evaluation.scored, name, number)) is not None
    ]


def _groups(evaluation: Evaluation) -> list[_Part]:
    """Each group of cases, everywhere."""
    found = (_part(evaluation, own, name, 0) for name, own in evaluation.grouped.items())
    return [part for part in found if part is not None]


def _part(evaluation: Evaluation, own: Scored, name: str, region: int) -> _Part | None:
    """The scores of some cases in a region; None if there is none."""
    scores = replace(
        _of_variables(evaluation),
        values=own.values[region, :, :, : len(evaluation.variables)],
        parts=(),
        part_values=None,
    )
    if not np.isfinite(scores.values).any():
        return None
    skills = {baseline: skill(scores, baseline) for baseline in scores.forecasts[1:]}
    counts = own.counts[region, own.names.index("rmse"), 0].max(axis=0, initial=0)
    return _Part(printable(name), scores, skills, counts)


def _visible(evaluation: Evaluation) -> Evaluation:
    """The same numbers, in whose names, units and notes each character that would steer a reader is an escape."""
    scores = evaluation.scores
    names, units = tuple(map(printable, scores.variables)), tuple(map(printable, scores.units))
    notes = tuple(map(printable, evaluation.notes))
    return replace(evaluation, scores=replace(scores, variables=names, units=units), notes=notes)


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


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
        "Members": f"{evaluation.members}" + (", scored by their mean" if evaluation.members > 1 else ""),
    }


def _signed(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    return f"{value:+.2f}".replace("-", "−") if value > -10 else "< −10"
