"""A step whose loss is not finite: made once more with an ear at every module, to name where that began."""

__all__ = ["BadStep", "origin"]

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from wxml.errors import DataError

from wxml_trainer_lightning.accumulation import pieces_of
from wxml_trainer_lightning.batch_forecast import Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.compilation import as_written
from wxml_trainer_lightning.loop_callback import LoopCallback
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.state import after_failure
from wxml_trainer_lightning.step_clock import StepClock

TOO_LARGE = 1e15
"""The square of such a value, summed over a grid, comes near to the largest number of single precision."""
NOTHING = "every value is finite; the sum of the errors is not"
Label = Callable[[Batch, int], str]
"""Tells what the sample at a place of a batch is, such as `2000-01-03T06`."""


class BadStep(LoopCallback):
    """Ends a training at a loss that is not finite, before it moves a weight; the loop calls it after `StepClock`.

    The samples and the random numbers of a step depend on its number alone, so it can be made again.
    """

    def __init__(self, clock: StepClock, variables: Sequence[str], label: Label, run_dir: Path) -> None:
        self.clock = clock
        self.variables = tuple(variables)
        self.label = label
        self.run_dir = run_dir
        self._batch: Any = None

    def before_step(self, module: ForecastModule, batch: Batch) -> None:
        """Keep the batch until the step is over."""
        self._batch = batch

    def before_move(self, module: ForecastModule, optimizer: Optimizer) -> None:
        """Look at the loss.

        Raises:
            DataError: it is not finite; names the first module, variable and sample.
        """
        if not bool(torch.isfinite(module.step_loss)):
            self.clock.before_step(module, self._batch)
            with module.precision.forward(), as_written():
                found = origin(module, self._batch, self.variables, self.label)
            if module.ranks.agreed(found != NOTHING) and found == NOTHING:
                raise RuntimeError("the samples of this process are well; another one has found it, and tells")
            raise self._error(module, found)

    def _error(self, module: ForecastModule, found: str) -> DataError:
        rollout = module.layout.steps(self._batch)
        at = f"step {self.clock.step + 1} (learning rate {self.clock.learning_rate:.3g}, {rollout} forecast steps)"
        return DataError(
            f"the training loss is {module.step_loss.item()} at {at}: {found}",
            fix="try a lower `training.learning_rate`, a longer `training.schedule.warmup`, or another "
            f"`training.precision` than 16-mixed{after_failure(self.run_dir)}",
        )


@torch.no_grad()
def origin(module: ForecastModule, batch: Batch, variables: Sequence[str], label: Label) -> str:
    """Make a step once more, without gradients, and say where the first value is that is not finite.

    Args:
        module: as it was when the step was made.
        batch: that of the step.
        variables: the names of the variables that are forecast.
        label: tells what a sample is.
    """
    heard = []
    for piece in pieces_of(batch, module.pieces):
        with _listening(module.model) as trace:
            module(piece)
        heard.append((piece, trace))  # and go on, since several processes make all pieces together
    found = (_told(module.layout, piece, trace, partial(_place, piece, variables, label)) for piece, trace in heard)
    return next(filter(None, found), NOTHING)


def _told(layout: Layout, batch: Batch, trace: "_Trace", at: Callable[[Tensor], str]) -> str:
    """What is wrong with a batch; empty if nothing is."""
    states = ~torch.isfinite(batch.values[:, : layout.input_steps, :, : layout.prognostic])
    truth = torch.isinf(layout.truth(batch))
    if bool(states.any()):
        return f"the first states are not finite: {at(states)}"
    if trace.module is not None:
        where = f"the output of `{trace.module}`" if trace.module else "the output of the model"
        first = f"{where} is the first that is not finite, in call {trace.call} of the model"
        return first if trace.forecast is None else f"{first}; in the forecast, {at(trace.forecast)}"
    if bool(truth.any()):
        return f"the truth is infinite: {at(truth)}"
    if trace.greatest is None or bool(trace.greatest.max() < TOO_LARGE):
        return ""
    value, bad = trace.greatest.max(), trace.greatest == trace.greatest.max()
    return f"every value is finite, but too large for a sum of errors: the forecast has {value:.3g}, {at(bad)}"


def _place(batch: Batch, variables: Sequence[str], label: Label, bad: Tensor) -> str:
    """The variable, the sample and the node of the first true value, shape `[batch, ..., node, variable]`."""
    first = [int(place) for place in bad.nonzero()[0]]
    sample = first[0] * len(batch.values) // len(bad)
    what = "the spread of " if first[-1] >= len(variables) else ""
    return f"{what}variable `{variables[first[-1] % len(variables)]}`, sample {label(batch, sample)}, node {first[-2]}"


@dataclass(slots=True)
class _Trace:
    """What was heard."""

    call: int = 0
    """The number of calls of the model so far; once something was found, that of the call in which it was."""
    module: str | None = None
    """The name of the first module whose output is not finite; modules within it were called before."""
    forecast: Tensor | None = None
    """Where the output of the model is not finite, shape `[batch, ..., node, variable]`."""
    greatest: Tensor | None = None
    """The magnitude of the output that has the greatest value, likewise."""

    def add(self, output: Tensor) -> None:
        """Look at the output of the model."""
        bad, size = ~torch.isfinite(output), output.abs()
        if self.forecast is None and bool(bad.any()):
            self.forecast = bad
        if self.greatest is None or bool(size.max() > self.greatest.max()):
            self.greatest = size


@contextmanager
def _listening(model: nn.Module) -> Iterator[_Trace]:
    trace = _Trace()

    def called(part: nn.Module, inputs: Any) -> None:
        if trace.module is None:
            trace.call += 1

    def listener(name: str) -> Callable[..., None]:
        def heard(part: nn.Module, inputs: Any, output: Any) -> None:
            if trace.module is None and any(not bool(torch.isfinite(one).all()) for one in _tensors(output)):
                trace.module = name
            if not name and isinstance(output, Tensor):
                trace.add(output)

        return heard

    hooks = [model.register_forward_pre_hook(called)]
    hooks += [part.register_forward_hook(listener(name)) for name, part in model.named_modules()]
    try:
        yield trace
    finally:
        for hook in hooks:
            hook.remove()


def _tensors(output: Any) -> Iterator[Tensor]:
    """The tensors of floating-point numbers in what a module returns."""
    if isinstance(output, Tensor):
        yield from (output,) if output.is_floating_point() else ()
    elif isinstance(output, dict):
        yield from _tensors(tuple(output.values()))
    elif isinstance(output, list | tuple):
        for one in output:
            yield from _tensors(one)
