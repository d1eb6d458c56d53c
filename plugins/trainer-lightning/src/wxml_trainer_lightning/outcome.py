"""The outcome of a training: the checkpoints at its end, and what they say of it."""

__all__ = ["write_outcome"]

import logging
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wxml import Experiment

from wxml_trainer_lightning.state import Position, TrainingState

if TYPE_CHECKING:
    from wxml_trainer_lightning.trainer import LightningTrainer

LOG = logging.getLogger("wxml")


def write_outcome(
    experiment: Experiment, options: "LightningTrainer", final: TrainingState, path: Path, *, overwrite: bool
) -> None:
    """Write the checkpoint of the weights that are kept, and one beside it of each other average.

    Args:
        experiment: what was trained.
        options: those of the trainer.
        final: the last state.
        path: of the checkpoint.
        overwrite: replace what an earlier part of this training has written.
    """
    position = final.position
    notes = _notes(experiment, options, position)
    experiment.save(path, final.kept_weights, notes, overwrite=overwrite)
    for name, weights in final.other_averages.items():
        of_average = {"average": name, "weights_of_step": position.step, "weights_validation_loss": None, "metrics": {}}
        beside = path.with_name(f"checkpoint-{name}.safetensors")
        experiment.save(beside, weights, notes | of_average, overwrite=overwrite)
    if position.skipped_steps:
        LOG.info("%d steps were skipped, since their gradients stood out", position.skipped_steps)
    LOG.info("training done: %d steps in %.0f s, checkpoint %s", position.step, position.elapsed, path)


def _notes(experiment: Experiment, options: "LightningTrainer", position: Position) -> dict[str, Any]:
    """What the checkpoint says of the training: nothing that differs between two runs with the same result."""
    validation = position.validation_loss
    if validation is not None and not math.isfinite(validation):
        validation = None  # JSON knows no infinity
    return {
        "steps": position.step,
        "seed": experiment.config.seed,
        "training_loss": position.training_loss,
        "validation_loss": validation,
        "weights_of_step": position.step if position.best_step is None else position.best_step,
        **_judgement(options, validation, position.best_loss),
        "metrics": position.metrics if position.best_step is None else position.best_metrics,
        "averaged": options.judged_average() is not None,
        "skipped_steps": position.skipped_steps,
    }


def _judgement(options: "LightningTrainer", validation: float | None, best: float | None) -> dict[str, Any]:
    """What the validation says of the weights of the checkpoint: their loss, or the number that chose them."""
    keep = options.keep.best
    if keep is None or keep.metric == "validation_loss" or best is None:
        return {"weights_validation_loss": validation if best is None else best}
    return {"weights_validation_loss": None, "weights_metric": {keep.metric: best}}
