"""The rule of Lion."""

__all__ = ["LionRule"]

from collections.abc import Iterable
from typing import Any

import torch
from torch.optim import Optimizer


class LionRule(Optimizer):
    """Sign descent with a mean gradient, algorithm 2 of Chen et al. 2023 (arXiv:2302.06675).

    With gradient g, learning rate η and weight decay λ:

        θ ← θ − η (sign(β₁ m + (1 − β₁) g) + λ θ),  m ← β₂ m + (1 − β₂) g
    """

    def __init__(self, groups: Iterable[dict[str, Any]], betas: tuple[float, float]) -> None:
        self.betas = betas
        super().__init__(groups, {"lr": 1e-4, "weight_decay": 0.0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # the signature of torch
        """Evaluate the loss, if there is a closure, and move every weight that has a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        now, later = self.betas
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                if not state:
                    state["exp_avg"] = torch.zeros_like(weight)
                mean = state["exp_avg"]
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(mean.lerp(weight.grad, 1 - now).sign_(), alpha=-group["lr"])
                mean.lerp_(weight.grad, 1 - later)
        return loss
