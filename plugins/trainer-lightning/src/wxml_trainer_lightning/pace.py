"""Counts the steps, and sets what depends on their number: random numbers, learning rate, the end."""

__all__ = ["Pace"]

from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch.optim import Optimizer

from wxml_trainer_lightning.budget import Budget
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.schedule import LearningRate


class Pace(Callback):
    """The first callback of every step, so that the others find the count as it is after the step.

    Attributes:
        step: steps that are complete.
        learning_rate: of the latest step.
        at_rest: whether weights, history and validation are those of a whole number of steps at this moment.
    """

    def __init__(self, step: int, seed: int, budget: Budget, schedule: LearningRate) -> None:
        self.step = step
        self.seed = seed
        self.budget = budget
        self.schedule = schedule
        self.learning_rate = 0.0
        self.at_rest = True

    @property
    def is_over(self) -> bool:
        """Whether the budget is spent."""
        return self.budget.is_spent(self.step)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        """Random numbers depend on the seed and the step alone, so nothing needs to be kept for a resumed training."""
        seed = int(np.random.SeedSequence([self.seed % 2**64, self.step]).generate_state(1, np.uint64)[0])
        torch.default_generator.manual_seed(seed)
        if pl_module.device.type != "cpu":
            torch.get_device_module(pl_module.device).manual_seed(seed)

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        """The learning rate of this step."""
        self.at_rest = False
        self.learning_rate = self.schedule.at(self.budget.fraction(self.step + 1))
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """The step is complete."""
        self.step += 1
        if isinstance(pl_module, ForecastModule) and pl_module.average is not None:
            pl_module.average.update(pl_module.model, self.step)
