"""The optimizer plugin `lion`."""

__all__ = ["Lion"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from wxml import Optimizer, OptimizerMoment, WeightGroup

from wxml_trainer_lightning.optimizers.option_types import Betas

if TYPE_CHECKING:
    import torch


class Lion(Optimizer):
    """Moves every weight by the sign of a mean gradient (Chen et al. 2023, arXiv:2302.06675).

    It keeps one value for each weight. All weights move equally far, so the learning rate is to be 3 to 10 times lower
    than with AdamW, and `weight_decay` as much higher.
    """

    def __init__(
        self,
        *,
        betas: Annotated[
            Betas, Field(description="what the mean gradient keeps for the sign, and from one step to the next")
        ] = (0.9, 0.99),
    ) -> None:
        self.betas = betas

    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """The optimizer; see `wxml.Optimizer`."""
        from wxml_trainer_lightning.optimizers.lion_rule import LionRule

        return LionRule([group.to_dict() for group in groups], self.betas)

    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """The mean gradient."""
        return (OptimizerMoment("exp_avg"),)
