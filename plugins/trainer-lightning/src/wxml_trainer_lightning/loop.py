"""Runs Lightning's loop over the steps, without its files and tips, and handles signals."""

__all__ = ["Interruption", "run_loop"]

import logging
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from lightning.pytorch import Callback, Trainer
from lightning.pytorch.profilers import Profiler

from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.exit_codes import LEFT
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.options import Strategy
from wxml_trainer_lightning.strategies import environment_for, precision_for, strategy_for

WARNING: int = getattr(signal, "SIGUSR1", signal.SIGTERM)
"""The signal by which a batch system warns before it ends a job; Windows has none."""
TO_LEAVE = {signal.SIGTERM, WARNING}


def run_loop(
    module: ForecastModule,
    batches: Sized,
    callbacks: Sequence[Callback],
    device: Device,
    strategy: Strategy,
    run_dir: Path,
    profiler: Profiler | None = None,
) -> None:
    """Train on every batch once, until a callback sets `should_stop`.

    Args:
        module: the model with its loss and optimizer.
        batches: an iterable of one batch for each step.
        callbacks: Lightning calls them in this order.
        device: the device to train on.
        strategy: how several devices share the work.
        run_dir: the folder that Lightning may write in; with these options it writes nothing.
        profiler: is told what begins and ends.
    """
    place = module.ranks.place
    with _quiet():
        trainer = Trainer(
            accelerator=device.resolve(),
            devices=1 if place.ranks == 1 else "auto",  # those of the strategy
            num_nodes=place.nodes,
            strategy=strategy_for(place, strategy, device.of_ranks(place)),
            callbacks=list(callbacks),
            plugins=[environment_for(place), precision_for(device)],
            use_distributed_sampler=False,  # an order of samples knows its process
            max_epochs=1,
            default_root_dir=run_dir,
            logger=False,
            profiler=profiler,
            enable_checkpointing=False,  # its checkpoints are pickles
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        if module.loss_scale:
            trainer.precision_plugin.load_state_dict(module.loss_scale)
        try:
            trainer.fit(module, batches)
        except SystemExit as stop:
            if isinstance(stop.__context__, KeyboardInterrupt):  # which Lightning turned into SystemExit
                raise KeyboardInterrupt from stop
            raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Lightning's tips and notes, which are of no use here; let its other warnings through."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # `workers` is an option; its default is 0, since reading in this process was faster when measured
        warnings.filterwarnings("ignore", "The '(train|val)_dataloader' does not have many workers")
        # `accelerator: cpu` on a machine that has a GPU is a choice
        warnings.filterwarnings("ignore", "GPU available but not used")
        # Lightning 2.6 makes a LeafSpec, which torch 2.10 and later discourage
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        # a compiler looks at it in the states of a rollout
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed")
        # its new name is unknown to older versions of torch
        warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
        # the output of a model, or of a part of it, is never changed in place
        warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
        try:
            yield
        finally:
            log.setLevel(level)


class Interruption:
    """A context in which the first signal stops the training after the current step; a second Ctrl-C stops it at once.

    Only the main thread receives signals. After `seconds` it acts as if SIGUSR1 had been received.
    """

    def __init__(self, seconds: float | None = None) -> None:
        """Start the clock."""
        self._signal = 0
        self._before: dict[int, Any] = {}
        self._end = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def received(self) -> int:
        """The number of the signal that this process has received, 0 before any."""
        return self._signal or (WARNING if time.monotonic() > self._end else 0)

    @property
    def reason(self) -> str:
        """Why the training leaves, in words."""
        is_late = time.monotonic() > self._end
        return "`training.leave_after`" if is_late else signal.Signals(self._signal).name

    def leave(self, number: int) -> None:
        """Leave at the end of the context because of a signal, which this or another process has received."""
        self._signal = number

    def __enter__(self) -> Self:
        self._before = self.listen()
        return self

    def listen(self) -> dict[int, Any]:
        """Handle the signals, and return what handled them before.

        Lightning puts a handler of its own before any other, which waits for all processes wherever a signal finds one.
        So this is called again when its loop begins.
        """
        if threading.current_thread() is not threading.main_thread():
            return {}
        return {number: signal.signal(number, self._request) for number in (signal.SIGINT, *TO_LEAVE)}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise KeyboardInterrupt after Ctrl-C, and SystemExit with the code `LEFT` after another signal."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self._signal == signal.SIGINT:
            raise KeyboardInterrupt
        # Lightning answers SIGTERM by a SystemExit of its own, with code 0
        if self._signal not in (0, signal.SIGINT) and (kind is None or issubclass(kind, SystemExit)):
            raise SystemExit(LEFT)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = self._signal or number
