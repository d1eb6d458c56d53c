"""`report.html` in the folder of a run: one page that grows while the training goes on. It needs nothing beside it."""

__all__ = ["Report"]

import base64
import csv
import logging
import math
import time
from collections.abc import Callable, Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.staging import staged
from wxml.masking import masked

from wxml_trainer_lightning.metrics.scoring import MEANING, Score
from wxml_trainer_lightning.seeing.charts import Line, chart
from wxml_trainer_lightning.seeing.tables import read_metrics
from wxml_trainer_lightning.tracking.run_record import read_run

LOG = logging.getLogger("wxml")
SHARE = 0.01
"""The share of the time of a training that its report may take."""
MOST_BYTES = 3 * 2**20
"""Larger pictures are left out."""
MOST_CHARTS = 24
Series = dict[str, list[tuple[float, float]]]


class Report:
    """Writes the report of a run from what lies in its folder.

    Attributes:
        path: the file.
    """

    def __init__(self, run_dir: Path, facts: Callable[[], Mapping[str, str]]) -> None:
        """Write nothing yet; `facts` gives what is said at the top, by name."""
        self.path = run_dir / "report.html"
        self._run_dir, self._facts = run_dir, facts
        self._due = 0.0
        self._has_failed = False

    def write(self, *, at_once: bool = False) -> bool:
        """Write the report, unless that would take more than its share of the time; return whether it was written.

        A failure is told once, and then nothing is written any more.
        """
        began = time.monotonic()
        if self._has_failed or (began < self._due and not at_once):
            return False
        try:
            page = _page(self._run_dir, self._facts())
            with staged(self.path, overwrite=True) as temporary:
                temporary.write_text(page, encoding="utf-8")
        except Exception as error:  # noqa: BLE001  # a report must never stop a training, whatever is in the folder
            self._has_failed = True
            LOG.warning("could not write `%s`, and the training goes on: %s", self.path, masked(str(error)))
        now = time.monotonic()
        self._due = now + (now - began) / SHARE
        return not self._has_failed


def _page(run_dir: Path, facts: Mapping[str, str]) -> str:
    style = (files(__package__) / "report.css").read_text(encoding="utf-8")
    name = escape(masked(run_dir.resolve().name))
    scores = read_metrics(run_dir)
    top = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in facts.items())
    return "\n".join(
        [
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>',
            f'<meta name="viewport" content="width=device-width"><style>{style}</style></head><body>',
            f"<h1>{name}</h1><dl class=facts>{top}</dl>",
            _section("Losses", _losses(_columns(run_dir / "history.csv"))),
            _section(
                f"Scores beside {scores[-1][1].beside if scores else 'persistence'}",
                _score_table(scores) + f"<div class=charts>{_score_charts(scores)}</div>",
            ),
            _section("Noted by callbacks", f"<div class=charts>{_number_charts(run_dir / 'numbers.csv')}</div>"),
            _section("Plots", _plots(run_dir / "plots")),
            _section("Settings", _settings(run_dir)),
            "</body></html>",
        ]
    )


def _section(title: str, body: str) -> str:
    is_empty = not body.replace("<div class=charts></div>", "")
    return "" if is_empty else f"<section><h2>{escape(title)}</h2>{body}</section>"


def _columns(path: Path) -> Series:
    """The columns of the history, each with its steps."""
    series: Series = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                for name, text in line.items():
                    if text and name != "step":
                        series.setdefault(name, []).append((float(line["step"]), float(text)))
    return series


def _losses(columns: Series) -> str:
    losses = [name for name in columns if "loss" in name]
    lines = [Line(_words(name), columns[name], colour=number) for number, name in enumerate(losses)]
    rest = [
        chart(_words(name), [Line("", columns[name], colour=5)])
        for name in ("learning_rate", "rollout")
        if name in columns
    ]
    return f"<div class=charts>{chart('loss', lines, logarithmic=True)}{''.join(rest)}</div>"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _score_table(scores: Sequence[tuple[int, Score]]) -> str:
    """The latest validation: a row for each variable, lead time and region, a column for each metric."""
    if not scores:
        return ""
    latest = [score for step, score in scores if step == scores[-1][0]]
    metrics = list(dict.fromkeys(score.metric for score in latest))
    rows: dict[tuple[str, str, str], dict[str, Score]] = {}
    for score in latest:
        rows.setdefault((score.variable, score.lead, score.region), {})[score.metric] = score
    head = "".join(f"<th>{escape(text)}</th>" for text in ("variable", "lead", "region", "units", *metrics))
    body = "".join(_score_row(where, found, metrics) for where, found in rows.items())
    beside = latest[0].beside
    note = (
        f"<p>Validation after step {scores[-1][0]}. Small: {beside}, {MEANING[beside]}, on the same samples."
        " Green is better than it, red is not.</p>"
    )
    return f"{note}<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _score_row(where: tuple[str, str, str], found: Mapping[str, Score], metrics: Sequence[str]) -> str:
    units = next((score.units for score in found.values() if score.units), "")
    cells = "".join(f"<td>{escape(text)}</td>" for text in (*where, units))
    return f"<tr>{cells}{''.join(_score_cell(found.get(metric)) for metric in metrics)}</tr>"


def _score_cell(score: Score | None) -> str:
    if score is None or not math.isfinite(score.value):
        return "<td>–</td>"
    judgement = {True: "good", False: "bad", None: ""}[score.beats_baseline]
    beside = f" <small>{score.baseline:.4g}</small>" if math.isfinite(score.baseline) else ""
    return f"<td class='number {judgement}'>{score.value:.4g}{beside}</td>"


def _score_charts(scores: Sequence[tuple[int, Score]]) -> str:
    """The first metric of each variable at each lead time, against the step."""
    if not scores:
        return ""
    metric = scores[0][1].metric
    lines: dict[str, dict[str, list[tuple[float, float, float]]]] = {}
    units: dict[str, str] = {}
    for step, score in scores:
        if score.metric == metric and score.region == "all":
            by_lead = lines.setdefault(score.variable, {})
            by_lead.setdefault(score.lead, []).append((float(step), score.value, score.baseline))
            units[score.variable] = score.units
    beside = scores[-1][1].beside
    return "".join(_score_chart(f"{metric} of {name}", by_lead, units[name], beside) for name, by_lead in lines.items())


def _score_chart(title: str, by_lead: Mapping[str, list[tuple[float, float, float]]], units: str, beside: str) -> str:
    lines = []
    for number, (lead, points) in enumerate(by_lead.items()):
        lines.append(Line(lead, [(step, value) for step, value, _ in points], colour=number))
        still = [(step, baseline) for step, _, baseline in points]
        lines.append(Line(f"{lead}, {beside}", still, is_dashed=True, colour=number))
    return chart(title, [line for line in lines if any(math.isfinite(y) for _, y in line.points)], units=units)


def _number_charts(path: Path) -> str:
    """A chart for each name up to its last slash, with a line for each part behind it."""
    groups: dict[str, Series] = {}
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file):
                group, _, name = line["name"].rpartition("/")
                points = groups.setdefault(group or name, {}).setdefault(name, [])
                points.append((float(line["step"]), float(line["value"])))
    return "".join(
        chart(
            _words(group), [Line(name, points, colour=number) for number, (name, points) in enumerate(series.items())]
        )
        for group, series in groups.items()
    )


def _plots(folder: Path) -> str:
    pictures = sorted(folder.glob("*.png")) if folder.is_dir() else []
    small = [path for path in pictures if path.stat().st_size <= MOST_BYTES]
    return "".join(f'<p><img alt="{escape(path.stem)}" src="{_embedded(path)}"></p>' for path in small)


def _embedded(path: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"


def _settings(run_dir: Path) -> str:
    try:
        parameters = read_run(run_dir).parameters
    except ArtefactError:
        return ""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td><code>{escape(text)}</code></td></tr>" for name, text in parameters.items()
    )
    return f"<details><summary>{len(parameters)} settings</summary><table class=settings>{rows}</table></details>"
