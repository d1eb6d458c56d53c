"""The trainer plugin `lightning`, and its options."""

__all__ = ["LightningTrainer"]

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import wxml
from pydantic import Field
from wxml import Experiment, LossChoice, LossSpace, Trainer, TrainingMemory
from wxml.data.times import parse_duration
from wxml.training.loss_choice import LossSections, LossWeightSections

from wxml_trainer_lightning.loss_identity import loss_identity
from wxml_trainer_lightning.options import (
    Accelerator,
    Duration,
    Keep,
    OptimizerName,
    Precision,
    Rate,
    Rollout,
    TrackerName,
    Weight,
)

if TYPE_CHECKING:
    from wxml import CombinedLoss

PRECISIONS: dict[Precision, Literal["float32", "bfloat16", "float16"]] = {
    "32-true": "float32",
    "bf16-mixed": "bfloat16",
    "16-mixed": "float16",
}
FREE = ("checkpoint_every", "tracker", "tracking_uri", "workers")
"""The options that a resumed training may change, since its result does not depend on them."""


class LightningTrainer(Trainer):
    """AdamW or Muon with warmup and cosine decay over a growing rollout, in Lightning's loop; resumable bit by bit."""

    def __init__(
        self,
        *,
        max_steps: Annotated[int, Field(gt=0, le=10**12, description="training steps")] = 1000,
        max_time: Annotated[
            Duration | None,
            Field(description="longest time, like '10min'; null: only `max_steps` ends the training"),
        ] = None,
        batch_size: Annotated[int, Field(gt=0, description="samples in each step")] = 4,
        optimizer: Annotated[
            OptimizerName, Field(description="adamw, or muon for the matrices of linear layers and adamw for the rest")
        ] = "adamw",
        learning_rate: Annotated[Rate, Field(description="the highest learning rate")] = 1e-3,
        warmup: Annotated[
            float, Field(ge=0, lt=1, description="share of the training in which the learning rate rises")
        ] = 0.05,
        final_learning_rate_ratio: Annotated[
            float, Field(ge=0, le=1, description="the last learning rate over the highest")
        ] = 0.003,
        weight_decay: Annotated[Weight, Field(description="weight decay of the weights with two axes or more")] = 0.1,
        gradient_clip: Annotated[
            Rate | None, Field(description="largest 2-norm of the gradient; null: no limit")
        ] = 1.0,
        ema: Annotated[float | None, Field(gt=0, lt=1, description="decay of a moving average of the weights")] = None,
        rollout: Annotated[Rollout, Field(description="number of forecast steps in the loss")] = Rollout(),  # noqa: B008  # frozen
        loss: LossSections = LossChoice(plugin="squared"),  # noqa: B008  # frozen
        loss_weights: LossWeightSections = {},  # noqa: B006  # never changed
        accelerator: Annotated[
            Accelerator, Field(description="device to train on; auto: the fastest there is")
        ] = "auto",
        precision: Annotated[Precision, Field(description="precision of the numbers in the model")] = "32-true",
        threads: Annotated[
            int | None, Field(gt=0, le=1024, description="number of CPU threads; null: as many as torch takes")
        ] = None,
        workers: Annotated[
            int,
            Field(ge=0, le=256, description="processes that read samples; 0: a thread of the training process does"),
        ] = 0,
        validation_every: Annotated[int, Field(gt=0, description="steps between two validations")] = 200,
        validation_samples: Annotated[int, Field(gt=0, description="largest number of samples for a validation")] = 32,
        checkpoint_every: Annotated[int, Field(gt=0, description="steps between two states to resume from")] = 200,
        keep: Annotated[
            Keep, Field(description="weights for the checkpoint: with the lowest validation loss, or the last")
        ] = "best",
        tracker: Annotated[TrackerName, Field(description="record of parameters and losses")] = "mlflow",
        tracking_uri: Annotated[
            str | None,
            Field(description="address of MLflow's records; null: mlflow.db beside the run's folder"),
        ] = None,
    ) -> None:
        self.max_steps = max_steps
        self.max_time = max_time
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.warmup = warmup
        self.final_learning_rate_ratio = final_learning_rate_ratio
        self.weight_decay = weight_decay
        self.gradient_clip = gradient_clip
        self.ema = ema
        self.rollout = rollout
        self.loss = loss
        self.loss_weights = loss_weights
        self.accelerator = accelerator
        self.precision = precision
        self.threads = threads
        self.workers = workers
        self.validation_every = validation_every
        self.validation_samples = validation_samples
        self.checkpoint_every = checkpoint_every
        self.keep = keep
        self.tracker = tracker
        self.tracking_uri = tracking_uri

    @property
    def max_seconds(self) -> float | None:
        """`max_time` in seconds."""
        return None if self.max_time is None else float(parse_duration(self.max_time) / np.timedelta64(1, "s"))

    def identity(self) -> dict[str, Any]:
        """The options that change the result, as JSON values; a resumed training may change the others."""
        options = {name: value for name, value in vars(self).items() if name not in FREE}
        return options | {"rollout": self.rollout.model_dump(), **loss_identity(self.loss, self.loss_weights)}

    def memory(self) -> TrainingMemory:
        """AdamW has two moments, Muon one; the moving average and the best weights so far are copies."""
        from wxml_trainer_lightning.device import Device  # torch, like `fit`
        from wxml_trainer_lightning.loading import batches_held

        return TrainingMemory(
            batch_size=self.batch_size,
            rollout=self.rollout.maximum,
            precision=PRECISIONS[self.precision],
            moments=2 if self.optimizer == "adamw" else 1,
            copies=(self.ema is not None) + (self.keep == "best"),
            device=Device(self.accelerator, self.precision, self.threads).resolve(),
            batches_held=batches_held(self.workers),
        )

    def combined_loss(self, experiment: Experiment) -> "CombinedLoss":
        """The loss of a training; see `wxml.Trainer.combined_loss`."""
        steps = self.rollout.at_least(experiment.config.data.output_steps).maximum
        return wxml.CombinedLoss.of(LossSpace.of(experiment, steps), self.loss, self.loss_weights)

    def fit(self, experiment: Experiment, run_dir: Path, *, resume: bool = False) -> Path:
        """Train, and return the path of the checkpoint; see `wxml.training.trainer.Trainer.fit`.

        Raises:
            ArtefactError: the folder holds a training and `resume` is not set; or `resume` is set, and the folder holds
                no state, or a state that is damaged or was written with other settings; or a file cannot be written.
            ConfigError: a loss or a loss weight cannot be made as it is configured, or this machine has no such
                `accelerator`.
            DataError: a period has too few samples, or the loss is not finite.
            KeyboardInterrupt: Ctrl-C stopped the training after it wrote a state, from which `resume` continues.
        """
        from wxml_trainer_lightning.training_run import train  # takes 2 s, and options are read without it

        return train(experiment, self, Path(run_dir), resume=resume)
