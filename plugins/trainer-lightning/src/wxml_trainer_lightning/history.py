"""The history of a training: one row for each step, in `history.csv`."""

__all__ = ["History", "Listener", "ProgressListener", "Row", "part_column"]

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from wxml.errors import ArtefactError
from wxml.files.staging import staged
from wxml.terminal import Progress

from wxml_trainer_lightning.history_table import COLUMNS
from wxml_trainer_lightning.reading_time import TimedBatches
from wxml_trainer_lightning.schedule import Budget
from wxml_trainer_lightning.seeing.pace import Pace

LOG = logging.getLogger("wxml")
FLUSH_SECONDS = 0.5  # losses stay on the device this long, so that an accelerator need not wait for every one


@dataclass(frozen=True, slots=True)
class Row:
    """One step of training."""

    step: int
    """Counted from 1."""
    training_loss: float | None
    """None if no value of the truth is present in the samples of the step."""
    learning_rate: float
    rollout: int
    """The number of forecast steps in the loss."""
    validation_loss: float | None = None
    part_losses: Mapping[str, float | None] = field(default_factory=dict)
    """The validation loss on each of several grids, by its name; None where there is none."""
    made: float = field(default_factory=time.monotonic, compare=False)
    """When the step was made, on `time.monotonic`: rows are handed on several at a time."""

    def __str__(self) -> str:
        training, validation, *parts = (
            "" if loss is None else repr(loss)
            for loss in (self.training_loss, self.validation_loss, *self.part_losses.values())
        )
        values = [str(self.step), training, validation, repr(self.learning_rate), str(self.rollout), *parts]
        return f"{','.join(values)}\n"

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers that there are, by the names of the columns."""
        losses = {"training_loss": self.training_loss, "validation_loss": self.validation_loss}
        losses |= {part_column(name): loss for name, loss in self.part_losses.items()}
        there = {name: loss for name, loss in losses.items() if loss is not None}
        return {"learning_rate": self.learning_rate, "rollout": float(self.rollout), **there}


def part_column(name: str) -> str:
    """The column of the validation loss on one of several grids."""
    return f"validation_loss_{name}"


class Listener(Protocol):
    """Receives new rows; the progress bar and the tracker are listeners."""

    def __call__(self, rows: Sequence[Row]) -> None:
        """Receive `rows`, at least one, in the order of their steps."""


class ProgressListener:
    """Shows how far the training is: a bar on a terminal, else a line in the log for every 5 % of the training."""

    def __init__(self, budget: Budget, step: int, batches: TimedBatches, pace: Pace) -> None:
        """Begin after `step`, which is above 0 if the training is resumed."""
        self.budget = budget
        self.pace = pace
        self.batches = batches
        self.progress = Progress("training", budget.max_steps, start=step, unit="step", lines=20)

    def __call__(self, rows: Sequence[Row]) -> None:
        """Show the losses, the learning rate and the time of each row, and how long reading takes."""
        for row in rows:
            training = "no loss" if row.training_loss is None else f"loss {row.training_loss:.4g}"
            validation = "" if row.validation_loss is None else f", validation {row.validation_loss:.4g}"
            parts = [f"{name} {loss:.4g}" for name, loss in row.part_losses.items() if loss is not None]
            validation += f" ({', '.join(parts)})" if parts else ""
            note = f"{training}{validation}, learning rate {row.learning_rate:.3g}, {self.budget.elapsed:.0f} s"
            self.pace.made(row.step, row.made)
            note = ", ".join(part for part in (note, str(self.pace), str(self.batches)) if part)
            self.progress.update(row.step, note, fraction=self.budget.fraction(row.step))

    def close(self) -> None:
        """Leave the bar as it is."""
        self.progress.close()


class History:
    """Collects rows, and flushes them to the file and to the listeners.

    A flush fetches the training losses from the device.
    """

    def __init__(self, path: Path, step: int, listeners: Sequence[Listener], parts: Sequence[str] = ()) -> None:
        """Continue the file after `step`; drop the rows of later steps, since the training makes these steps again.

        Args:
            path: the file.
            step: the last step that stays.
            listeners: what receives new rows.
            parts: the names of the grids that are validated alone, too; each has a column.
        """
        self.path = path
        self.parts = tuple(parts)
        self.last: Row | None = None
        self._listeners = listeners
        self._rows: list[Row] = []
        self._losses: list[Tensor] = []
        self._has_truth: list[Tensor] = []
        self._has_warned = False
        self._flushed = time.monotonic()
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        kept = []
        for line in lines[1:]:
            number = line.partition(",")[0]
            # A line without an end was being written when the process was killed.
            if line.endswith("\n") and number.isdecimal() and int(number) <= step:
                kept.append(line)
        with staged(path, overwrite=True) as temporary:
            columns = ",".join([*COLUMNS, *map(part_column, self.parts)])
            temporary.write_text(f"{columns}\n{''.join(kept)}", encoding="utf-8")

    @property
    def is_due(self) -> bool:
        """Whether the last flush is more than `FLUSH_SECONDS` ago."""
        return time.monotonic() - self._flushed > FLUSH_SECONDS

    def record(self, step: int, loss: Tensor, has_truth: Tensor, learning_rate: float, rollout: int) -> None:
        """Add the row of a step, with its loss, and whether it has one, still on the device."""
        self._rows.append(Row(step, None, learning_rate, rollout, part_losses=dict.fromkeys(self.parts)))
        self._losses.append(loss.detach())
        self._has_truth.append(has_truth)

    def validated(self, loss: float, *part_losses: float) -> None:
        """Add a validation loss to the row of the last step, and those of the parts; NaN stands for none of a part."""
        there = (None if math.isnan(one) else one for one in part_losses)
        parts = dict(zip(self.parts, there, strict=True))
        self._rows[-1] = replace(self._rows[-1], validation_loss=loss, part_losses=parts)

    def flush(self) -> None:
        """Write the rows that were recorded since the last flush; warn of the first one without a training loss.

        Raises:
            ArtefactError: the file cannot be written, for example because the disk is full.
        """
        if not self._rows:
            return
        rows = self._fetched()
        self._rows, self._losses, self._has_truth = [], [], []
        self._flushed, self.last = time.monotonic(), rows[-1]
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines(map(str, rows))
        except OSError as error:
            raise ArtefactError(
                f"could not write `{self.path}`: {error.strerror}", fix="free some space, and go on with --resume"
            ) from error
        for listener in self._listeners:
            listener(rows)
        self._warn(rows)

    def _fetched(self) -> list[Row]:
        """The rows with their losses, which are fetched from the device."""
        losses, has_truth = torch.stack(self._losses).float().tolist(), torch.stack(self._has_truth).tolist()
        each = zip(self._rows, losses, has_truth, strict=True)
        return [replace(row, training_loss=loss if there else None) for row, loss, there in each]

    def _warn(self, rows: Sequence[Row]) -> None:
        """Warn of the first step that has no loss."""
        for row in rows:
            if row.training_loss is None and not self._has_warned:
                self._has_warned = True
                LOG.warning(
                    "no value of the truth is present in the samples of step %d: it has no training loss and teaches "
                    "the model nothing; %s leaves the loss of every such step empty",
                    row.step,
                    self.path.name,
                )
