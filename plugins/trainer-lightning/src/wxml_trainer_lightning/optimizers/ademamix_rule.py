"""The rule of AdEMAMix."""

__all__ = ["AdEMAMixRule", "Mixture"]

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wxml_trainer_lightning.optimizers.rule import Rule


@dataclass(frozen=True, slots=True)
class Mixture:
    """The numbers of AdEMAMix."""

    betas: tuple[float, float, float]
    """β₁ of the fast mean, β₂ of the mean square, β₃ of the slow mean."""
    alpha: float
    warmup: int
    """The steps T in which α and β₃ reach their values."""
    eps: float

    def alpha_at(self, step: int) -> float:
        """α in a step, counted from 1: α · min(1, t / T)."""
        return self.alpha * min(1.0, step / self.warmup) if self.warmup else self.alpha

    def slow_beta_at(self, step: int) -> float:
        """β₃ in a step, counted from 1: the half-life of the slow mean rises linearly from that of the fast one.

        min(exp(ln β₁ ln β₃ / ((1 − t/T) ln β₃ + t/T ln β₁)), β₃), equation 3 of the paper; without a half-life β₃.
        """
        start, _, end = self.betas
        if step >= self.warmup or not start or not end:
            return end
        share = step / self.warmup
        first, last = math.log(start), math.log(end)
        return min(math.exp(first * last / ((1 - share) * last + share * first)), end)


class AdEMAMixRule(Rule):
    """AdamW with a second, slow mean of the gradients, algorithm 1 of Pagliardini et al. 2024 (arXiv:2409.03137).

    With gradient g, learning rate η and weight decay λ, in step t:

        m₁ ← β₁ m₁ + (1 − β₁) g,  m₂ ← β₃(t) m₂ + (1 − β₃(t)) g,  ν ← β₂ ν + (1 − β₂) g²
        θ ← θ − η ((m₁ / (1 − β₁ᵗ) + α(t) m₂) / (√(ν / (1 − β₂ᵗ)) + ε) + λ θ)
    """

    def __init__(self, groups: Iterable[dict[str, Any]], mixture: Mixture) -> None:
        self.mixture = mixture
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0})

    def move(self, weights: list[Tensor], rate: float, decay: float) -> None:
        """Move weights, those together that have made as many steps."""
        by_step: dict[int, list[Tensor]] = {}
        for weight in weights:
            by_step.setdefault(self._count(weight), []).append(weight)
        for step, alike in by_step.items():
            self._move(alike, step, rate, decay)

    def _count(self, weight: Tensor) -> int:
        """The number of the step of a weight, counted from 1."""
        state = self.state[weight]
        if not state:
            state["step"] = torch.zeros(())
            state |= {name: torch.zeros_like(weight) for name in ("fast", "slow", "square")}
        state["step"] += 1
        return int(state["step"])

    def _move(self, weights: list[Tensor], step: int, rate: float, decay: float) -> None:
        """Move weights that have made as many steps; each operation is one call for all of them."""
        mixture, gradients = self.mixture, [weight.grad for weight in weights if weight.grad is not None]
        fast_beta, square_beta, _ = mixture.betas
        fast, slow, square = ([self.state[weight][name] for weight in weights] for name in ("fast", "slow", "square"))
        torch._foreach_lerp_(fast, gradients, 1 - fast_beta)
        torch._foreach_lerp_(slow, gradients, 1 - mixture.slow_beta_at(step))
        torch._foreach_mul_(square, square_beta)
        torch._foreach_addcmul_(square, gradients, gradients, 1 - square_beta)
        scale = torch._foreach_div(square, 1 - square_beta**step)
        torch._foreach_sqrt_(scale)
        torch._foreach_add_(scale, mixture.eps)
        update = torch._foreach_div(fast, 1 - fast_beta**step)
        torch._foreach_add_(update, slow, alpha=mixture.alpha_at(step))
        torch._foreach_mul_(weights, 1 - rate * decay)
        torch._foreach_addcdiv_(weights, update, scale, -rate)
