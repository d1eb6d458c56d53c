"""The optimizer plugin `adamw`."""

__all__ = ["ADAMW", "AdamW"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from wxml import Optimizer, OptimizerMoment, WeightGroup

from wxml_trainer_lightning.optimizers.option_types import Betas, Epsilon

if TYPE_CHECKING:
    import torch

ADAMW = (
    OptimizerMoment("step", is_count=True, is_never_negative=True),
    OptimizerMoment("exp_avg"),
    OptimizerMoment("exp_avg_sq", is_never_negative=True),
)


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019, arXiv:1711.05101), that of torch."""

    def __init__(
        self,
        *,
        betas: Annotated[
            Betas, Field(description="what the means of the gradient and of its square keep in a step")
        ] = (0.9, 0.95),  # as GraphCast and its successors take them (Lam et al. 2023, arXiv:2212.12794)
        eps: Annotated[Epsilon, Field(description="added to the root of the mean square")] = 1e-8,
    ) -> None:
        self.betas = betas
        self.eps = eps

    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """The optimizer of torch; see `wxml.Optimizer`."""
        from wxml_trainer_lightning.optimizers.uncompiled import QuickAdamW

        return QuickAdamW([group.to_dict() for group in groups], betas=self.betas, eps=self.eps)

    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """The count of the steps, the mean gradient and its mean square."""
        return ADAMW
