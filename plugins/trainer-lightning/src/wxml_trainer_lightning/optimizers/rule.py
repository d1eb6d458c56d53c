"""An optimizer that moves all weights of a group by one rule."""

__all__ = ["Rule"]

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from wxml_trainer_lightning.optimizers.uncompiled import Uncompiled


class Rule(Uncompiled, ABC):
    """A step of torch, as a rule for the weights of one group that have a gradient."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # the signature of torch
        """Evaluate the loss, if there is a closure, and move every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            if weights:
                self.move(weights, group["lr"], group["weight_decay"])
        return loss

    @abstractmethod
    def move(self, weights: list[Tensor], rate: float, decay: float) -> None:
        """Move weights that have a gradient; no gradients are recorded."""
