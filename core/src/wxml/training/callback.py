"""Callback: looks on at a training, tells what it sees, and may end it."""

__all__ = ["Callback", "ForecastSample", "Notes", "TrainingView", "Validated"]

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.variables import Variable


@dataclass(frozen=True, slots=True)
class Validated:
    """One validation."""

    step: int
    numbers: Mapping[str, float]
    """`validation_loss`, and metrics by names such as `validation/rmse/t2m/6h`."""


@dataclass(frozen=True, slots=True, eq=False)
class ForecastSample:
    """A forecast of one sample of the validation period, in physical units."""

    forecast: NDArray[np.float32]
    """Shape `[member, step, node, variable]`."""
    truth: NDArray[np.float32]
    """Shape `[step, node, variable]`; NaN where missing."""
    last: NDArray[np.float32]
    """The last known state, shape `[node, variable]`; NaN for diagnostic variables."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingView:
    """A training between two steps, to read and not to change."""

    step: int
    """The number of steps that were made."""
    fraction: float
    """The share of the training that is done."""
    learning_rate: float
    """Of the latest step."""
    variables: tuple[Variable, ...]
    """The variables that are forecast, in the order of the last axis of a sample."""
    grid: Grid
    timestep: np.timedelta64
    validations: Sequence[Validated]
    """All validations so far, those before the training was resumed too."""
    gradient_norms: Callable[[], Mapping[str, float]]
    """Gives the 2-norm of the gradient of the latest step by part of the model, after it was clipped; `all` for all."""
    weights: Callable[[], Mapping[str, NDArray[np.float32]]]
    """Gives copies of all weights."""
    loss_by_variable: Callable[[], Mapping[str, float]]
    """Gives the loss of each variable in the latest validation, before the mean over the variables."""
    forecast: Callable[[int, int], ForecastSample]
    """Gives the forecast of (number of steps, number of the sample in the validation period)."""
    evaluate: Callable[[int, int], Mapping[str, float]]
    """Gives the metrics of (number of steps, number of samples), by the names that validations have."""
    run_dir: Path | None
    """The folder of the run, for files of the callback's own; None in a process that writes nothing."""
    lead_times: Callable[[int], NDArray[np.timedelta64]] | None = None
    """Gives the lead times of (number of steps); None: they are one `timestep` apart."""

    def lead_time(self, steps: int) -> np.timedelta64:
        """The lead time of the last of some steps."""
        return steps * self.timestep if self.lead_times is None else self.lead_times(steps)[-1]


@dataclass(frozen=True, slots=True, eq=False)
class Notes:
    """What a callback has seen."""

    numbers: Mapping[str, float] = field(default_factory=dict)
    """Name → value, for the trackers and for `numbers.csv`."""
    arrays: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    """What `draw` needs; nothing is drawn without any."""
    end: str = ""
    """Why the training is to end after this step; empty: it goes on."""


class Callback:
    """Looks on at a training. All options are keyword-only; a callback fills the methods that it needs.

    The methods are called between two steps and hold the training up, so they gather what they need and return it; slow
    work belongs into `draw`, which another process does. If a method raises, that is told once, the callback is not
    called any more, and the training goes on.
    """

    def on_step(self, view: TrainingView) -> Notes | None:
        """Look after a step; called after every one."""

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Look after a validation."""

    def on_checkpoint(self, view: TrainingView) -> Notes | None:
        """Look after a state was written from which the training can be resumed."""

    def on_end(self, view: TrainingView) -> Notes | None:
        """Look after the last step, also of a training that was stopped."""

    def draw(self, arrays: Mapping[str, NDArray[np.generic]], folder: Path) -> None:
        """Draw what was noted, in another process that is ended after a while; it may raise, hang or crash.

        Args:
            arrays: those of `Notes.arrays`.
            folder: an empty folder, to fill with PNG and HTML files; they take the place of those of the same name in
                `plots` in the folder of the run.
        """
