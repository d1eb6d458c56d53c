"""`sweep.html`: the table of a sweep and the validation losses of its trainings; it needs nothing beside it."""

__all__ = ["sweep_page"]

from collections import Counter
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from wxml.masking import masked

from wxml_trainer_lightning.seeing.charts import COLOURS, Line, chart
from wxml_trainer_lightning.sweeping.results import NUMBERS, Result, best_of


def sweep_page(name: str, results: Sequence[Result]) -> str:
    """The page of a sweep of this name."""
    style = (files("wxml_trainer_lightning.seeing") / "report.css").read_text(encoding="utf-8")
    title = escape(masked(name))
    statuses = Counter(result.status for result in results)
    said = escape(", ".join(f"{number} {status}" for status, number in statuses.items()))
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>',
            f"<h1>{title}</h1><p>{len(results)} trainings: {said}. Green: the smallest validation loss.</p>",
            f"<div class=wide>{_table(results)}</div>",
            f"<h2>Validation loss</h2><div class=charts>{_charts(results)}</div>",
            "</body></html>",
        ]
    )


def _table(results: Sequence[Result]) -> str:
    best, rows = best_of(results), [result.to_dict() for result in results]
    head = "".join(f"<th>{escape(name.replace('_', ' ') if name in NUMBERS else name)}</th>" for name in rows[0])
    body = "".join(
        f"<tr>{''.join(_cell(value, is_best=result is best) for value in row.values())}</tr>"
        for row, result in zip(rows, results, strict=True)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object, *, is_best: bool) -> str:
    text = "–" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
    return f"<td class='number{' good' if is_best else ''}'>{escape(text)}</td>"


def _charts(results: Sequence[Result]) -> str:
    """All trainings in one chart, as far as colours tell them apart, and each in its own."""
    lines = [Line(result.run, result.curve, colour=number) for number, result in enumerate(results)]
    together = chart("all trainings", lines, logarithmic=True) if 1 < len(lines) <= len(COLOURS) else ""
    each = (
        chart(result.run, [Line("", result.curve, colour=number)], logarithmic=True)
        for number, result in enumerate(results)
    )
    return together + "".join(each)
