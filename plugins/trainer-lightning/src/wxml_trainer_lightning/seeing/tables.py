"""The tables of a run beside its history: `metrics.csv` and `numbers.csv`. A resumed training goes on with them."""

__all__ = ["METRIC_COLUMNS", "Table", "metrics_table", "numbers_table", "read_metrics", "read_numbers"]

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_args

from wxml import Baseline
from wxml.errors import ArtefactError
from wxml.files.staging import staged

from wxml_trainer_lightning.metrics.scoring import Score

METRIC_COLUMNS = ("step", "metric", "variable", "level", "lead", "region", "value", "persistence", "better", "units")
"""The eighth has the name of the baseline, which is that of the task."""
NUMBER_COLUMNS = ("step", "name", "value")


class Table:
    """A table whose first column is a step; it is made when its first row comes."""

    def __init__(self, path: Path, columns: Sequence[str], step: int) -> None:
        """Continue the file after `step`; drop the rows of later steps, since the training makes these steps again."""
        self.path, self._columns = path, columns
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines(keepends=True)[1:]
            kept = [line for line in lines if _is_kept(line, step)]
            with staged(path, overwrite=True) as temporary:
                temporary.write_text(",".join(columns) + "\n" + "".join(kept), encoding="utf-8")

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows; without any, no file is made.

        Raises:
            ArtefactError: the file cannot be written, for example because the disk is full.
        """
        rows = list(rows)
        if not rows:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if not self.path.exists():
            writer.writerow(self._columns)
        writer.writerows(["" if value is None else value for value in row] for row in rows)
        try:
            with self.path.open("a", encoding="utf-8", newline="") as file:
                file.write(text.getvalue())
        except OSError as error:
            raise ArtefactError(
                f"could not write `{self.path}`: {error.strerror}", fix="free some space, and go on with --resume"
            ) from error


def metrics_table(run_dir: Path, step: int, beside: Baseline = "persistence") -> Table:
    """The table of the metrics of all validations, beside those of a baseline."""
    columns = [beside if name == "persistence" else name for name in METRIC_COLUMNS]
    return Table(run_dir / "metrics.csv", columns, step)


def numbers_table(run_dir: Path, step: int) -> Table:
    """The table of the numbers that callbacks note."""
    return Table(run_dir / "numbers.csv", NUMBER_COLUMNS, step)


def read_metrics(run_dir: Path) -> list[tuple[int, Score]]:
    """The scores of all validations in `metrics.csv`, each with its step; empty without the file."""
    path = run_dir / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [(int(line["step"]), _score(line)) for line in csv.DictReader(file) if None not in line.values()]


def read_numbers(run_dir: Path) -> list[tuple[int, str, float]]:
    """The lines of `numbers.csv`: step, name and value; empty without the file."""
    path = run_dir / "numbers.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [(int(line["step"]), line["name"], float(line["value"])) for line in csv.DictReader(file)]


def _score(line: dict[str, str]) -> Score:
    level = float(line["level"]) if line["level"] else None
    beside: Baseline = next((name for name in get_args(Baseline) if name in line), "persistence")
    numbers = {"value": float(line["value"]), "baseline": float(line[beside])}
    texts = {name: line[name] for name in ("metric", "variable", "lead", "region", "better", "units")}
    return Score(level=level, beside=beside, **texts, **numbers)  # type: ignore[arg-type]  # they hold different types


def _is_kept(line: str, step: int) -> bool:
    """A line without an end was being written when the process was killed."""
    number = line.partition(",")[0]
    return line.endswith("\n") and number.isdecimal() and int(number) <= step
