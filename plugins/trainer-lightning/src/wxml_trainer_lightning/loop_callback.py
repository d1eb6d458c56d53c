"""What the loop over the steps calls, and what it hands over."""

__all__ = ["LoopCallback", "MadeStep"]

from typing import NamedTuple

from torch import Tensor
from torch.optim import Optimizer

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.module import ForecastModule


class MadeStep(NamedTuple):
    """What a step has found, still on the device."""

    loss: Tensor
    """That of all samples of all processes; 0 without any truth."""
    has_truth: Tensor
    """Whether there is one."""


class LoopCallback:
    """Is called by the loop, and does nothing unless a subclass says so.

    Attributes:
        is_over: whether the step that was made is the last one.
    """

    is_over = False

    def began(self, module: ForecastModule) -> None:
        """The first step is about to be made."""

    def before_step(self, module: ForecastModule, batch: Batch) -> None:
        """A step is about to be made with this batch."""

    def before_move(self, module: ForecastModule, optimizer: Optimizer) -> None:
        """The gradients are there, in their true size, and the weights are about to move."""

    def after_step(self, module: ForecastModule, batch: Batch, made: MadeStep) -> None:
        """The weights have moved."""

    def ended(self, module: ForecastModule) -> None:
        """The last step was made."""

    def failed(self, module: ForecastModule, error: BaseException) -> None:
        """An error is about to leave the loop."""
