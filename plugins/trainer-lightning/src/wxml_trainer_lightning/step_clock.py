"""Counts the steps, and sets the random numbers and the learning rate, which depend on the count."""

__all__ = ["StepClock"]

import numpy as np
import torch
from torch.optim import Optimizer
from wxml import Progress

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.loop_callback import LoopCallback, MadeStep
from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.optimisation import FACTOR
from wxml_trainer_lightning.schedule import Budget, LearningRate


class StepClock(LoopCallback):
    """Counts the steps. The loop calls it before its other callbacks, so these see the count after the step.

    Attributes:
        step: the number of complete steps.
        learning_rate: the learning rate of the latest step.
        losses: the validation losses so far, if the schedule of the learning rate uses them.
        at_rest: whether no step is half done, so that weights, history and validation belong together.
    """

    def __init__(self, step: int, seed: int, budget: Budget, schedule: LearningRate) -> None:
        self.step = step
        self.seed = seed
        self.budget = budget
        self.schedule = schedule
        self.learning_rate = 0.0
        self.losses: list[float] = []
        self.at_rest = True

    def before_step(self, module: ForecastModule, batch: Batch) -> None:
        """Seed the random numbers by the experiment's seed and the step, so a state need not hold a generator.

        Each of several processes draws its own, since it has other samples.
        """
        module.step = self.step
        rank = [module.ranks.place.rank] if module.ranks.place.rank else []
        seed = int(np.random.SeedSequence([self.seed % 2**64, self.step, *rank]).generate_state(1, np.uint64)[0])
        torch.default_generator.manual_seed(seed)
        if module.device.type != "cpu":
            torch.get_device_module(module.device).manual_seed(seed)

    def before_move(self, module: ForecastModule, optimizer: Optimizer) -> None:
        """Set the learning rate of this step, in each group that of its part of the model."""
        self.at_rest = False
        step = self.step + 1
        progress = Progress(step, self.budget.max_steps, self.budget.fraction(step), tuple(self.losses))
        self.learning_rate = self.schedule.at(progress)
        for group in optimizer.param_groups:
            group["lr"] = self.learning_rate * group[FACTOR]

    def validated(self, loss: float) -> None:
        """Keep a validation loss for the schedule, if it uses them."""
        if self.schedule.schedule.uses_losses:
            self.losses.append(loss)

    def after_step(self, module: ForecastModule, batch: Batch, made: MadeStep) -> None:
        """Count the step, and update the averages of the weights."""
        self.step += 1
        module.averages.update(module.model, self.step)
