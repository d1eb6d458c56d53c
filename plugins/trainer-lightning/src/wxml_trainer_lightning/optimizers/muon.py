"""The optimizer plugin `muon`."""

__all__ = ["Muon"]

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from wxml import Optimizer, OptimizerMoment, WeightGroup

from wxml_trainer_lightning.optimizers.adamw import ADAMW
from wxml_trainer_lightning.optimizers.option_types import Betas, Epsilon, Share

if TYPE_CHECKING:
    import torch


class Muon(Optimizer):
    """Muon for the matrices of linear layers, and AdamW for the other weights.

    It moves a matrix by its orthogonalised momentum (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon), as
    far as AdamW would by root mean square (Liu et al. 2025, arXiv:2502.16982), so that one learning rate fits both.
    """

    def __init__(
        self,
        *,
        momentum: Annotated[Share, Field(description="what the momentum of a matrix keeps in a step")] = 0.95,
        nesterov: Annotated[bool, Field(description="whether the momentum is that after the step")] = True,
        betas: Annotated[Betas, Field(description="those of AdamW, for the other weights")] = (0.9, 0.95),
        eps: Annotated[Epsilon, Field(description="that of AdamW, for the other weights")] = 1e-8,
    ) -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        self.betas = betas
        self.eps = eps

    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """Muon and AdamW as one optimizer; see `wxml.Optimizer`."""
        from wxml_trainer_lightning.optimizers.chained import Chained
        from wxml_trainer_lightning.optimizers.uncompiled import QuickAdamW

        matrices, others = ([g.to_dict() for g in groups if g.are_matrices is wanted] for wanted in (True, False))
        parts: list[torch.optim.Optimizer] = []
        if matrices:
            parts.append(self._of_matrices(matrices))
        if others:
            parts.append(QuickAdamW(others, betas=self.betas, eps=self.eps))
        return Chained(parts)

    def _of_matrices(self, groups: list[dict[str, Any]]) -> "torch.optim.Optimizer":
        """Muon of torch, or before torch 2.9 the same of wxml."""
        import torch

        if hasattr(torch.optim, "Muon"):
            adjusted = "match_rms_adamw"
            return torch.optim.Muon(groups, momentum=self.momentum, nesterov=self.nesterov, adjust_lr_fn=adjusted)
        from wxml_trainer_lightning.optimizers.muon_rule import MuonRule

        return MuonRule(groups, self.momentum, nesterov=self.nesterov)

    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """The momentum of a matrix; those of AdamW of any other weight."""
        return (OptimizerMoment("momentum_buffer"),) if of_matrix else ADAMW
