"""The rule of AdEMAMix."""

__all__ = ["AdEMAMixRule", "Mixture"]

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


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


class AdEMAMixRule(Optimizer):
    """AdamW with a second, slow mean of the gradients, algorithm 1 of Pagliardini et al. 2024 (arXiv:2409.03137).

    With gradient g, learning rate η and weight decay λ, in step t:

        m₁ ← β₁ m₁ + (1 − β₁) g,  m₂ ← β₃(t) m₂ + (1 − β₃(t)) g,  ν ← β₂ ν + (1 − β₂) g²
        θ ← θ − η ((m₁ / (1 − β₁ᵗ) + α(t) m₂) / (√(ν / (1 − β₂ᵗ)) + ε) + λ θ)
    """

    def __init__(self, groups: Iterable[dict[str, Any]], mixture: Mixture) -> None:
        self.mixture = mixture
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # the signature of torch
        """Evaluate the loss, if there is a closure, and move every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"], group["weight_decay"])
        return loss

    def _move(self, weight: Tensor, gradient: Tensor, rate: float, decay: float) -> None:
        state, mixture = self.state[weight], self.mixture
        if not state:
            state["step"] = torch.zeros(())
            state |= {name: torch.zeros_like(weight) for name in ("fast", "slow", "square")}
        state["step"] += 1
        step = int(state["step"])
        fast_beta, square_beta, _ = mixture.betas
        fast, slow = state["fast"], state["slow"]
        square = state["square"]
        fast.lerp_(gradient, 1 - fast_beta)
        slow.lerp_(gradient, 1 - mixture.slow_beta_at(step))
        square.mul_(square_beta).addcmul_(gradient, gradient, value=1 - square_beta)
        scale = (square / (1 - square_beta**step)).sqrt_().add_(mixture.eps)
        update = fast / (1 - fast_beta**step) + mixture.alpha_at(step) * slow
        weight.mul_(1 - rate * decay).addcdiv_(update, scale, value=-rate)
