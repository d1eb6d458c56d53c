"""What the trainings of a sweep have reached: a table on the terminal and `sweep.csv`."""

__all__ = ["Result", "best_of", "read_result", "table_lines", "write_csv"]

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml.files.staging import staged
from wxml.masking import masked
from wxml.terminal import columns

from wxml_trainer_lightning.history_table import read_last_step, read_validations
from wxml_trainer_lightning.sweeping.plan import PlannedRun
from wxml_trainer_lightning.sweeping.record import RunState

NUMBERS = ("best_validation_loss", "best_step", "final_validation_loss", "steps", "seconds")


@dataclass(frozen=True, slots=True)
class Result:
    """What one training has reached."""

    run: str
    values: Mapping[str, str]
    """The chosen value of each key that has several."""
    status: str
    curve: Sequence[tuple[int, float]]
    """The step and the loss of each validation."""
    steps: int
    seconds: float

    @property
    def best(self) -> tuple[int, float] | None:
        """The step and the loss of the validation with the smallest loss."""
        return min(self.curve, key=lambda point: point[1], default=None)

    def to_dict(self) -> dict[str, object]:
        """The values of a row, numbers as numbers; None for what is not there."""
        step, loss = self.best or (None, None)
        final = self.curve[-1][1] if self.curve else None
        numbers = dict(zip(NUMBERS, (loss, step, final, self.steps, self.seconds), strict=True))
        return {"run": self.run, **self.values, "status": self.status, **numbers}


def read_result(folder: Path, run: PlannedRun, state: RunState) -> Result:
    """Read what a training has reached so far from its folder in `folder`."""
    history = folder / run.name / "history.csv"
    values = {key: masked(value) for key, value in run.values.items()}
    return Result(run.name, values, state.status, read_validations(history), read_last_step(history), state.seconds)


def best_of(results: Sequence[Result]) -> Result | None:
    """The training with the smallest validation loss; None if none was validated."""
    judged = [(result.best[1], number) for number, result in enumerate(results) if result.best is not None]
    return results[min(judged)[1]] if judged else None


def table_lines(results: Sequence[Result]) -> list[str]:
    """The table as text; a star marks the smallest loss."""
    best = best_of(results)
    rows = [result.to_dict() for result in results]
    head = [name.replace("_", " ") if name in NUMBERS else name for name in rows[0]]
    cells = [[_text(value) for value in row.values()] for row in rows]
    marks = ["*" if result is best else " " for result in results]
    numbers = range(len(head) - len(NUMBERS) + 1, len(head) + 1)
    return columns([["", *head], *([mark, *row] for mark, row in zip(marks, cells, strict=True))], right=numbers)


def _text(value: object) -> str:
    return "–" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def write_csv(path: Path, results: Sequence[Result]) -> None:
    """Write the table; a cell is empty where nothing is known."""
    rows = [result.to_dict() for result in results]
    with staged(path, overwrite=True) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
