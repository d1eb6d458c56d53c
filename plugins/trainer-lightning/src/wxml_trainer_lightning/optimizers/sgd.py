"""The optimizer plugin `sgd`."""

__all__ = ["Sgd"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from wxml import Optimizer, OptimizerMoment, WeightGroup
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.optimizers.option_types import Share

if TYPE_CHECKING:
    import torch


class Sgd(Optimizer):
    """Gradient descent with momentum, that of torch (Sutskever et al. 2013).

    `weight_decay` is added to the gradient, as λ times the weight. Without momentum it keeps nothing for a weight.
    """

    def __init__(
        self,
        *,
        momentum: Annotated[Share, Field(description="what the momentum keeps in a step; 0: none")] = 0.9,
        nesterov: Annotated[bool, Field(description="whether the momentum is that after the step")] = False,
    ) -> None:
        if nesterov and not momentum:
            fault = Fault("training.optimizer.nesterov", "`nesterov` needs a `momentum` above 0, got 0")
            raise ConfigError([fault], fix="set `momentum`, or leave `nesterov` out")
        self.momentum = momentum
        self.nesterov = nesterov

    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """The optimizer of torch; see `wxml.Optimizer`."""
        from torch.optim import SGD

        return SGD([group.to_dict() for group in groups], momentum=self.momentum, nesterov=self.nesterov)

    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """The momentum, if there is any."""
        return (OptimizerMoment("momentum_buffer"),) if self.momentum else ()
