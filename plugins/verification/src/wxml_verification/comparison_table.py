"""A comparison as a table for a terminal, and as JSON."""

__all__ = ["comparison_as_json", "comparison_table"]

import json
from collections.abc import Iterator

import numpy as np
from wxml.data.times import format_duration
from wxml.errors import DataError, nearest
from wxml.terminal import columns

from wxml_verification.comparison import Comparison
from wxml_verification.comparison_file import COLUMNS, rows

MOST_COLUMNS = 8


def comparison_table(comparison: Comparison, metric: str | None = None) -> str:
    """Three rows for each subject and baseline: both scores, and the difference; one column for each lead time.

    Args:
        comparison: the numbers; the table shows those of all nodes.
        metric: one of `comparison.metrics`; None: the first.

    Raises:
        DataError: there is no such metric.
    """
    name = comparison.metrics[0] if metric is None else metric
    if name not in comparison.metrics:
        raise DataError(f"the comparison has no metric {name!r}", fix=nearest(name, comparison.metrics))
    number = comparison.metrics.index(name)
    shown = _shown(len(comparison.lead_times))
    leads = [format_duration(comparison.lead_times[place]) for place in shown]
    table = [("variable", "units", "forecast", *leads), *_rows(comparison, number, shown)]
    return "\n".join([f"{name.upper()}", *columns(table, right=range(3, 3 + len(leads))), *_ends(comparison, number)])


def comparison_as_json(comparison: Comparison) -> str:
    """Every difference: {"schema": 1, "significance": …, "confidence": …, "notes": …, "differences": [{…}, …]}."""
    found = {
        "schema": 1,
        "significance": comparison.significance,
        "confidence": comparison.confidence,
        "notes": list(comparison.notes),
        "differences": [dict(zip(COLUMNS, row, strict=True)) for row in rows(comparison)],
    }
    return json.dumps(found, indent=1)


def _shown(count: int) -> list[int]:
    """The places of at most eight lead times, from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, MOST_COLUMNS)).tolist()})


def _rows(comparison: Comparison, metric: int, shown: list[int]) -> Iterator[tuple[str, ...]]:
    for place, subject in enumerate(comparison.subjects):
        units = comparison.units[place] if comparison.has_units[metric] else "1"
        for number, baseline in enumerate(comparison.baselines):
            at = (metric, number, place, slice(None), 0)
            if not np.isfinite(comparison.difference[at]).any():
                continue
            own, other, difference = (
                values[at][shown] for values in (comparison.own, comparison.other, comparison.difference)
            )
            marks = ["*" if one else "" for one in comparison.verdict[at][shown]]
            signed = [
                f"{one:+.3g}{mark}" if np.isfinite(one) else "–" for one, mark in zip(difference, marks, strict=True)
            ]
            yield subject, units, comparison.forecast, *map(_number, own)
            yield "", "", baseline, *map(_number, other)
            yield "", "", "difference", *signed


def _marked(difference: float, verdict: int) -> str:
    """A difference, with a star if it is significant."""
    return f"{difference:+.3g}{'*' if verdict else ''}" if np.isfinite(difference) else "–"


def _number(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else "–"


def _ends(comparison: Comparison, metric: int) -> Iterator[str]:
    """What the marks mean, who is better how often, and the notes."""
    yield (
        f"* significant: at most {1 - comparison.confidence:.0%} of all marked differences are expected to be chance "
        f"({comparison.significance}, Benjamini and Hochberg over all metrics)"
    )
    for number, baseline in enumerate(comparison.baselines):
        known = np.isfinite(comparison.difference[metric, number, :, :, 0])
        verdict = comparison.verdict[metric, number, :, :, 0][known]
        better, worse = int((verdict > 0).sum()), int((verdict < 0).sum())
        yield (
            f"{comparison.forecast} is better than {baseline} in {better} of {verdict.size} (variable, lead time) "
            f"pairs, worse in {worse}; in the others the difference may be chance"
        )
    if len(comparison.lead_times) > MOST_COLUMNS:
        yield "more lead times, metrics and regions are in comparison.csv, comparison.nc and --json"
    yield from comparison.notes
