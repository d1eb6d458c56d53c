"""The watch over a training: validation at intervals, and the best weights so far."""

__all__ = ["Best", "Validation"]

import math
from dataclasses import dataclass

from torch import Tensor
from torch.utils.data import DataLoader

from wxml_trainer_lightning.batches import Sample
from wxml_trainer_lightning.module import ForecastModule


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The weights with the lowest validation loss, on the CPU."""

    loss: float
    step: int
    weights: dict[str, Tensor]


class Validation:
    """Validates the judged model on the same samples every time.

    Attributes:
        loss: the latest validation loss.
        best: the best weights so far; None unless they are to be kept.
    """

    def __init__(self, batches: DataLoader[Sample] | None, every: int, *, keep_best: bool) -> None:
        self.batches = batches
        self.every = every
        self.keep_best = keep_best
        self.loss: float | None = None
        self.best: Best | None = None

    def is_due(self, step: int) -> bool:
        """Whether it is time to validate after this step."""
        return step % self.every == 0

    def run(self, module: ForecastModule, step: int) -> float:
        """Validate, and keep the weights if they are the best; the first of several equal ones are."""
        loss = module.validation_loss(self.batches or ())
        if self.keep_best and loss < (self.best.loss if self.best else math.inf):
            weights = {name: tensor.detach().cpu().clone() for name, tensor in module.judged.state_dict().items()}
            self.best = Best(loss, step, weights)
        self.loss = loss
        return loss
