"""How far a training is: a bar on a terminal, plain lines in a log otherwise."""

__all__ = ["ProgressBar", "ProgressLines", "open_progress"]

import logging
import sys
from collections.abc import Sequence

from tqdm import tqdm  # type: ignore[import-untyped]  # has no stubs

from wxml_trainer_lightning.budget import Budget
from wxml_trainer_lightning.history import Row

LOG = logging.getLogger("wxml")
LINES = 20  # in a log, over a whole training: one for every 5 %


class ProgressBar:
    """A bar on standard error with the step and the loss."""

    def __init__(self, budget: Budget, step: int) -> None:
        self.bar = tqdm(total=budget.max_steps, initial=step, desc="training", unit="step", dynamic_ncols=True)

    def __call__(self, rows: Sequence[Row]) -> None:
        """Move on to the last of some rows."""
        self.bar.set_postfix({"loss": f"{rows[-1].training_loss:.4g}"}, refresh=False)
        self.bar.update(rows[-1].step - self.bar.n)

    def close(self) -> None:
        """Leave the bar as it is."""
        self.bar.close()


class ProgressLines:
    """A line in the log at the first step, and then for every 5 % of the training."""

    def __init__(self, budget: Budget, step: int) -> None:
        self.budget = budget
        self.written = -1 if step == 0 else int(LINES * budget.fraction(step))

    def __call__(self, rows: Sequence[Row]) -> None:
        """Write the lines that are due among some rows."""
        for row in rows:
            part = int(LINES * self.budget.fraction(row.step))
            if part > self.written:
                self.written = part
                LOG.info(_line(row, self.budget))

    def close(self) -> None:
        """Nothing to leave behind."""


def open_progress(budget: Budget, step: int) -> ProgressBar | ProgressLines:
    """The bar on a terminal, else the lines; going on after `step`."""
    return ProgressBar(budget, step) if sys.stderr.isatty() else ProgressLines(budget, step)


def _line(row: Row, budget: Budget) -> str:
    validation = "" if row.validation_loss is None else f", validation {row.validation_loss:.4g}"
    return (
        f"step {row.step} of {budget.max_steps}: loss {row.training_loss:.4g}{validation}, "
        f"learning rate {row.learning_rate:.3g}, {budget.elapsed:.0f} s"
    )
