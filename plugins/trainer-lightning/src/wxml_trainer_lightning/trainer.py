"""The trainer plugin `lightning`: its options."""

__all__ = ["LightningTrainer"]

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from wxml import Experiment, Trainer, TrainingMemory
from wxml.data.times import parse_duration

from wxml_trainer_lightning.schedule import Rollout
from wxml_trainer_lightning.settings import (
    Accelerator,
    Keep,
    OptimizerName,
    Precision,
    Settings,
    TrackerName,
    VariableWeighting,
)


def _check_duration(text: str) -> str:
    parse_duration(text)
    return text


Duration = Annotated[str, AfterValidator(_check_duration)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


PRECISIONS: dict[Precision, Literal["float32", "bfloat16", "float16"]] = {
    "32-true": "float32",
    "bf16-mixed": "bfloat16",
    "16-mixed": "float16",
}


class LightningTrainer(Trainer):
    """AdamW or Muon with warmup and cosine decay over a growing rollout, in Lightning's loop; resumable bit by bit."""

    def __init__(
        self,
        *,
        max_steps: Annotated[int, Field(gt=0, description="training steps")] = 1000,
        max_time: Annotated[
            Duration | None, Field(description="end after so long, like '10min', if steps do not")
        ] = None,
        batch_size: Annotated[int, Field(gt=0, description="samples in each step")] = 4,
        optimizer: Annotated[
            OptimizerName, Field(description="adamw, or muon for the matrices of linear layers and adamw for the rest")
        ] = "adamw",
        learning_rate: Annotated[Rate, Field(description="the highest learning rate")] = 1e-3,
        warmup: Annotated[float, Field(ge=0, lt=1, description="share of the training in which it rises")] = 0.05,
        final_learning_rate_ratio: Annotated[
            float, Field(ge=0, le=1, description="last rate over the highest")
        ] = 0.003,
        weight_decay: Annotated[Weight, Field(description="of weights with two axes or more")] = 0.1,
        gradient_clip: Annotated[Rate | None, Field(description="longest gradient (2-norm); null: no limit")] = 1.0,
        ema: Annotated[float | None, Field(gt=0, lt=1, description="decay of a moving average of the weights")] = None,
        rollout: Annotated[Rollout, Field(description="forecast steps that the loss is taken over")] = Rollout(),  # noqa: B008  # frozen
        variable_weighting: Annotated[VariableWeighting, Field(description="unit of errors")] = "tendency",
        variable_weights: Annotated[dict[str, Weight], Field(description="factors in the loss, by name")] = {},  # noqa: B006  # never changed
        accelerator: Annotated[Accelerator, Field(description="where to train; auto: the fastest there is")] = "auto",
        precision: Annotated[Precision, Field(description="floating-point numbers in the model")] = "32-true",
        threads: Annotated[int | None, Field(gt=0, description="threads of the CPU; null: as torch has it")] = None,
        workers: Annotated[int, Field(ge=0, description="processes that read samples; 0: this one reads")] = 0,
        validation_every: Annotated[int, Field(gt=0, description="steps between validations")] = 200,
        validation_samples: Annotated[int, Field(gt=0, description="how many samples to validate on at most")] = 32,
        checkpoint_every: Annotated[int, Field(gt=0, description="steps between states to resume from")] = 200,
        keep: Annotated[Keep, Field(description="weights to keep: of the best validation, or the last")] = "best",
        tracker: Annotated[TrackerName, Field(description="who else is told parameters and losses")] = "mlflow",
        tracking_uri: Annotated[str | None, Field(description="MLflow's; null: mlflow.db beside the run")] = None,
    ) -> None:
        self.settings = Settings(**{name: value for name, value in locals().items() if name != "self"})

    def memory(self) -> TrainingMemory:
        """AdamW has two moments, Muon one; the moving average and the best weights so far are copies."""
        from wxml_trainer_lightning.device import Device  # torch, like `fit`

        chosen = self.settings
        return TrainingMemory(
            batch_size=chosen.batch_size,
            rollout=chosen.rollout.maximum,
            precision=PRECISIONS[chosen.precision],
            moments=2 if chosen.optimizer == "adamw" else 1,
            copies=(chosen.ema is not None) + (chosen.keep == "best"),
            device=Device(chosen.accelerator, chosen.precision, chosen.threads).resolve(),
        )

    def fit(self, experiment: Experiment, run_dir: Path, *, resume: bool = False) -> Path:
        """Train, and return the path of the checkpoint; see `wxml.training.trainer.Trainer.fit`.

        Raises:
            ArtefactError: the folder holds a training and `resume` is not set, or there is nothing to resume, or a
                state that is damaged or of other settings; or the disk refuses.
            ConfigError: `variable_weights` names no variable that is forecast, or the device is not there.
            DataError: too few samples, or a loss that is not finite.
            KeyboardInterrupt: after a state was written, so that `resume` goes on from there.
        """
        from wxml_trainer_lightning.course import train  # takes 2 s, and options are read without it

        return train(experiment, self.settings, Path(run_dir), resume=resume)
