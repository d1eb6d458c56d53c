"""Callbacks that note numbers: `learning-rate`, `gradient-norms`, `loss-by-variable`, `rollout-evaluation`."""

__all__ = ["GradientNorms", "LearningRateNotes", "LossByVariable", "RolloutEvaluation"]

from typing import Annotated

from pydantic import Field
from wxml import Callback, Notes, TrainingView

Every = Annotated[int, Field(gt=0, description="steps between two looks")]


class LearningRateNotes(Callback):
    """Notes the learning rate and the share of the training that is done."""

    def __init__(self, *, every: Every = 50) -> None:
        self.every = every

    def on_step(self, view: TrainingView) -> Notes | None:
        """Note both numbers."""
        if view.step % self.every:
            return None
        return Notes({"training/learning_rate": view.learning_rate, "training/fraction": view.fraction})


class GradientNorms(Callback):
    """Notes the 2-norm of the gradient of each part of the model."""

    def __init__(self, *, every: Every = 50) -> None:
        self.every = every

    def on_step(self, view: TrainingView) -> Notes | None:
        """Note the norms; they are fetched from the device."""
        if view.step % self.every:
            return None
        return Notes({f"gradient_norm/{part}": norm for part, norm in view.gradient_norms().items()})


class LossByVariable(Callback):
    """Notes how much each variable adds to the validation loss."""

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Note the losses."""
        return Notes({f"validation_loss/{name}": loss for name, loss in view.loss_by_variable().items()})


class RolloutEvaluation(Callback):
    """Notes the metrics of forecasts that are longer than those of the validation."""

    def __init__(
        self,
        *,
        steps: Annotated[int, Field(gt=0, description="forecast steps")] = 8,
        samples: Annotated[int, Field(gt=0, description="samples of the validation period")] = 8,
        every: Annotated[int, Field(gt=0, description="validations between two looks")] = 1,
    ) -> None:
        self.steps, self.samples, self.every = steps, samples, every

    def on_validation(self, view: TrainingView) -> Notes | None:
        """Forecast, and note the metrics."""
        if len(view.validations) % self.every:
            return None
        numbers = view.evaluate(self.steps, self.samples)
        return Notes({name.replace("validation/", "rollout/", 1): value for name, value in numbers.items()})
