"""The optimizer plugin `ademamix`."""

__all__ = ["AdEMAMix"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import Field
from wxml import Optimizer, OptimizerMoment, WeightGroup

from wxml_trainer_lightning.optimizers.option_types import Epsilon, Share

if TYPE_CHECKING:
    import torch

OptionalShare = Annotated[float, Field(ge=0, le=1)]


class AdEMAMix(Optimizer):
    """AdamW with a second, slow mean of the gradients (Pagliardini et al. 2024, arXiv:2409.03137).

    It keeps one value more for each weight than AdamW.
    """

    def __init__(
        self,
        *,
        betas: Annotated[
            tuple[Share, Share, Share],
            Field(
                description="what the fast mean of the gradient, that of its square, and the slow mean keep in a step"
            ),
        ] = (0.9, 0.999, 0.9999),
        alpha: Annotated[float, Field(ge=0, le=1000, description="weight of the slow mean beside the fast one")] = 8.0,
        warmup: Annotated[
            OptionalShare,
            Field(
                description="share of `max_steps` in which `alpha` rises from 0 and the slow mean gets slow; 0: none"
            ),
        ] = 1.0,
        eps: Annotated[Epsilon, Field(description="added to the root of the mean square")] = 1e-8,
    ) -> None:
        self.betas = betas
        self.alpha = alpha
        self.warmup = warmup
        self.eps = eps

    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """The optimizer; see `wxml.Optimizer`."""
        from wxml_trainer_lightning.optimizers.ademamix_rule import AdEMAMixRule, Mixture

        mixture = Mixture(self.betas, self.alpha, round(self.warmup * steps), self.eps)
        return AdEMAMixRule([group.to_dict() for group in groups], mixture)

    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """The count of the steps, the fast and the slow mean gradient, and the mean square."""
        return (
            OptimizerMoment("step", is_count=True, is_never_negative=True),
            OptimizerMoment("fast"),
            OptimizerMoment("slow"),
            OptimizerMoment("square", is_never_negative=True),
        )
