"""Divides the time of training steps among phases."""

__all__ = ["Phases", "TimedRanks"]

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from wxml.training.step_profile import PHASES

from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.ranks import Ranks


class Phases:
    """Is told what begins and ends; at each moment exactly one phase is under way, the innermost one.

    So the times of the phases add up to that of the whole. An accelerator works beside the host, so its work is awaited
    wherever the phase changes.

    Attributes:
        seconds: the time of each phase from `restart` to `finish`.
        entered: is told each phase that comes to be under way.
    """

    def __init__(self, device: str, clock: Callable[[], float] = time.perf_counter) -> None:
        """Begin in the phase `other`.

        Args:
            device: the type of the device as torch calls it.
            clock: the time in seconds.
        """
        self.device = device
        self._clock = clock
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self.entered: Callable[[str], None] = lambda phase: None
        self.is_traced = False
        self._is_over = False
        self._open = ["other"]
        self._marks: list[AbstractContextManager[Any] | None] = []
        self._since = clock()
        self._last_gradient: float | None = None

    @contextmanager
    def under_way(self, phase: str) -> Iterator[None]:
        """The context of a phase, one of `PHASES`; within it may be others."""
        self._start(phase)
        try:
            yield
        finally:
            self._stop()

    def _start(self, phase: str) -> None:
        is_new = phase != self._open[-1]
        if is_new:
            self._count()
        if phase == "backward" and is_new:
            self._last_gradient = None
        self._open.append(phase)
        mark: AbstractContextManager[Any] | None = None
        if is_new and self.is_traced:
            mark = torch.profiler.record_function(phase)
            mark.__enter__()  # type: ignore[no-untyped-call]
        self._marks.append(mark)
        self.entered(phase)

    def _stop(self) -> None:
        phase = self._open[-1]
        if phase != self._open[-2]:
            if phase == "backward" and self._last_gradient is not None:
                self._give("backward", self._last_gradient)
                self._open[-1] = "communication"
            self._count()
        self._open.pop()
        if (mark := self._marks.pop()) is not None:
            mark.__exit__(None, None, None)
        self.entered(self._open[-1])

    def restart(self) -> float:
        """Begin again at 0, and return the time."""
        self._count()
        self.seconds = dict.fromkeys(PHASES, 0.0)
        return self._since

    def finish(self) -> float:
        """Count no further, and return the time."""
        self._count()
        self._is_over = True
        return self._since

    def listen(self, model: nn.Module) -> None:
        """Take the end of a backward pass, after the last gradient, for communication: the wait for those of others."""
        for weight in model.parameters():
            if weight.requires_grad:
                weight.register_post_accumulate_grad_hook(self._gradient)  # type: ignore[no-untyped-call]

    def _gradient(self, _: Tensor) -> None:
        self._wait()
        self._last_gradient = self._clock()

    def _count(self) -> None:
        """Give the time since the last change to the phase that is under way."""
        if self.device != "cpu":
            torch.get_device_module(self.device).synchronize()
        self._give(self._open[-1], self._clock())

    def _give(self, phase: str, until: float) -> None:
        if not self._is_over:
            self.seconds[phase] += until - self._since
        self._since = until

    def _wait(self) -> None:
        """Wait for the computation of an accelerator, not for what it sends meanwhile."""
        if self.device == "cuda":
            torch.cuda.current_stream().synchronize()


class TimedRanks(Ranks):
    """The processes that train together; the time in which they talk is communication."""

    def __init__(self, place: Placement, phases: Phases) -> None:
        super().__init__(place)
        self.phases = phases

    def total(self, values: Tensor) -> Tensor:
        """See `Ranks.total`."""
        if self.is_alone:
            return super().total(values)
        with self.phases.under_way("communication"):
            return super().total(values)

    def greatest(self, numbers: Sequence[int]) -> list[int]:
        """See `Ranks.greatest`."""
        if self.is_alone:
            return super().greatest(numbers)
        with self.phases.under_way("communication"):
            return super().greatest(numbers)
