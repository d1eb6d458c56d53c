"""The loop over the steps, which is Lightning's: one device, no files, no chatter."""

__all__ = ["run_loop"]

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch import Callback, Trainer
from torch.utils.data import DataLoader

from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.module import ForecastModule


def run_loop(
    module: ForecastModule,
    batches: DataLoader[Any],
    callbacks: Sequence[Callback],
    device: Device,
    loss_scale: dict[str, float],
    run_dir: Path,
) -> None:
    """Train on every batch once, until a callback sets `should_stop`.

    Args:
        module: what to train.
        batches: one for each step.
        callbacks: called in this order.
        device: where.
        loss_scale: the state of the loss scaling of a training that is resumed; empty at the beginning.
        run_dir: where Lightning may write; it has no reason to.
    """
    with _quiet():
        trainer = Trainer(
            accelerator=device.resolve(),
            devices=1,
            precision=device.precision,
            gradient_clip_val=module.optimisation.gradient_clip,
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
        _fit(trainer, module, batches)


def _fit(trainer: Trainer, module: ForecastModule, batches: DataLoader[Any]) -> None:
    """Lightning turns a KeyboardInterrupt into SystemExit; turn it back."""
    try:
        trainer.fit(module, batches)
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from stop
        raise


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's tips and notes belong to nobody who uses wxml; its other warnings do."""
    log = logging.getLogger("lightning.pytorch")
    level = log.level
    log.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        # `workers` is an option; 0 is its default since reading in this process was the faster way when measured
        warnings.filterwarnings("ignore", "The '(train|val)_dataloader' does not have many workers")
        # `accelerator: cpu` on a machine that has a GPU is a choice
        warnings.filterwarnings("ignore", "GPU available but not used")
        # Lightning 2.6 makes a LeafSpec, which torch 2.10 and later discourage
        warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)` is deprecated", FutureWarning)
        try:
            yield
        finally:
            log.setLevel(level)
