"""The rule of Lion."""

__all__ = ["LionRule"]

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from wxml_trainer_lightning.optimizers.rule import Rule


class LionRule(Rule):
    """Sign descent with a mean gradient, algorithm 2 of Chen et al. 2023 (arXiv:2302.06675).

    With gradient g, learning rate η and weight decay λ:

        θ ← θ − η (sign(β₁ m + (1 − β₁) g) + λ θ),  m ← β₂ m + (1 − β₂) g
    """

    def __init__(self, groups: Iterable[dict[str, Any]], betas: tuple[float, float]) -> None:
        self.betas = betas
        super().__init__(groups, {"lr": 1e-4, "weight_decay": 0.0})

    def move(self, weights: list[Tensor], rate: float, decay: float) -> None:
        """Move weights; each operation is one call for all of them."""
        now, later = self.betas
        for weight in weights:
            if not self.state[weight]:
                self.state[weight]["exp_avg"] = torch.zeros_like(weight)
        means = [self.state[weight]["exp_avg"] for weight in weights]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        directions = torch._foreach_lerp(means, gradients, 1 - now)
        torch._foreach_sign_(directions)
        torch._foreach_mul_(weights, 1 - rate * decay)
        torch._foreach_add_(weights, directions, alpha=-rate)
        torch._foreach_lerp_(means, gradients, 1 - later)
