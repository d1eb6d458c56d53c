"""Runs Lightning's loop over the steps on one device, without its files and tips, and handles signals."""

__all__ = ["Interruption", "run_loop"]

import logging
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, Trainer

from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.module import ForecastModule


def run_loop(
    module: ForecastModule,
    batches: Sized,
    callbacks: Sequence[Callback],
    device: Device,
    loss_scale: dict[str, float],
    run_dir: Path,
) -> None:
    """Train on every batch once, until a callback sets `should_stop`.

    Args:
        module: the model with its loss and optimizer.
        batches: an iterable of one batch for each step.
        callbacks: Lightning calls them in this order.
        device: the device to train on.
        loss_scale: the state of the loss scaling if the training is resumed, else empty.
        run_dir: the folder that Lightning may write in; with these options it writes nothing.
    """
    with _quiet():
        trainer = Trainer(
            accelerator=device.resolve(),
            devices=1,
            precision=device.precision,
            callbacks=list(callbacks),
            plugins=[LightningEnvironment()],  # so that it neither reads nor requeues the job of a batch system
            max_epochs=1,
            default_root_dir=run_dir,
            logger=False,
            enable_checkpointing=False,  # its checkpoints are pickles
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        if loss_scale:
            trainer.precision_plugin.load_state_dict(loss_scale)
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
        try:
            yield
        finally:
            log.setLevel(level)


class Interruption:
    """A context in which the first signal stops the training after the current step; a second Ctrl-C stops it at once.

    Only the main thread receives signals, so in any other thread the context does nothing.
    """

    def __init__(self) -> None:
        self._received: int | None = None
        self._before: dict[int, Any] = {}

    @property
    def is_requested(self) -> bool:
        """Whether training is to stop after this step."""
        return self._received is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raise what the signal would have raised: KeyboardInterrupt, or SystemExit with the code of SIGTERM."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if kind is None and self._received == signal.SIGINT:
            raise KeyboardInterrupt
        # Lightning answers SIGTERM by a SystemExit of its own, with code 0
        if self._received == signal.SIGTERM and (kind is None or issubclass(kind, SystemExit)):
            raise SystemExit(128 + signal.SIGTERM)

    def _request(self, number: int, frame: FrameType | None) -> None:
        if self.is_requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._received = number
