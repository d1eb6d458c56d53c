"""Tables: the scorecard in colours, and all numbers."""

__all__ = ["numbers_table", "skill", "skill_table"]

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_duration
from wxml.verification.verifier import Scores

from wxml_verification.metrics import Array
from wxml_verification.units import pretty_units

STRONGEST = 62  # per cent of full colour, so that the numbers stay readable


def skill(scores: Scores, baseline: str) -> Array:
    """1 − RMSE / RMSE of a baseline, shape `[variable, lead_time]`: 1 is perfect, 0 as good as the baseline."""
    rmse = scores.values[scores.metrics.index("rmse")]
    forecast, reference = rmse[0], rmse[scores.forecasts.index(baseline)]
    quotient = np.divide(forecast, reference, out=np.full(forecast.shape, np.nan), where=reference > 0)
    return np.asarray(1 - quotient)


def skill_table(scores: Scores, baseline: str, counts: NDArray[np.int64]) -> str:
    """The scorecard: skill over a baseline by variable and lead time, with a last row of how many cases.

    Args:
        scores: of the forecast and the baseline.
        baseline: its name.
        counts: how many cases, shape `[variable, lead_time]`.
    """
    rows = []
    for variable, values in zip(scores.variables, skill(scores, baseline), strict=True):
        own, other = (scores.get("rmse", name, variable) for name in ("forecast", baseline))
        units = _units(scores, variable)
        details = [f"RMSE {a:.4g}, {baseline} {b:.4g} {units}".strip() for a, b in zip(own, other, strict=True)]
        rows.append(_row(_name(scores, variable), map(_skill_cell, values, details)))
    rows.append(_row("cases", (f"<td>{count}</td>" for count in counts.max(axis=0, initial=0)), "cases"))
    caption = f"Skill over {baseline}: 1 − RMSE / RMSE of {baseline}. Blue is better than {baseline}, orange worse."
    return _table(caption, [format_duration(lead_time) for lead_time in scores.lead_times], rows, "scorecard")


def numbers_table(scores: Scores, metric: str) -> str:
    """One metric of every variable, forecast and lead time."""
    rows = []
    for variable in scores.variables:
        for forecast in scores.forecasts:
            cells = (f"<td>{_number(value)}</td>" for value in scores.get(metric, forecast, variable))
            rows.append(_row(f"{_name(scores, variable)} <small>{escape(forecast)}</small>", cells))
    return _table(metric.upper(), [format_duration(lead_time) for lead_time in scores.lead_times], rows, "numbers")


def _table(caption: str, columns: Sequence[str], rows: Sequence[str], kind: str) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(caption)}"><table class="{kind}">'
        f"<caption>{escape(caption)}</caption><thead><tr><th scope=col>lead time</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _row(name: str, cells: Iterable[str], kind: str = "") -> str:
    return f'<tr class="{kind}"><th scope="row">{name}</th>{"".join(cells)}</tr>'


def _name(scores: Scores, variable: str) -> str:
    units = _units(scores, variable)
    return escape(variable) + (f" <small>{escape(units)}</small>" if units else "")


def _units(scores: Scores, variable: str) -> str:
    return pretty_units(scores.units[scores.variables.index(variable)])


def _skill_cell(value: float, detail: str) -> str:
    if not np.isfinite(value):
        return f'<td title="{escape(detail)}">–</td>'
    colour = f"var(--{'better' if value > 0 else 'worse'}) {min(abs(value), 1.0) * STRONGEST:.0f}%"
    style = f"background:color-mix(in srgb,{colour},var(--paper))"
    return f'<td style="{style}" title="{escape(detail)}">{_signed(value)}</td>'


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−") if value > -10 else "&lt; −10"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "−") if np.isfinite(value) else "–"
