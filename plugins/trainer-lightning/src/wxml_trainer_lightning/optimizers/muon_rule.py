"""The rule of Muon, for versions of torch before 2.9, which have none."""

__all__ = ["MuonRule"]

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from wxml_trainer_lightning.optimizers.rule import Rule

QUINTIC = (3.4445, -4.7750, 2.0315)
"""The polynomial of Jordan et al. 2024, whose iterates bring singular values near to 1."""
STEPS = 5
SMALLEST = 1e-7


class MuonRule(Rule):
    """Descent along the orthogonalised momentum of matrices, the same as that of torch 2.9, to the bit.

    With gradient G, learning rate η, weight decay λ and momentum μ, of a matrix of r rows and c columns:

        M ← μ M + (1 − μ) G,  U = orthogonal(μ M + (1 − μ) G, or M without `nesterov`)
        W ← (1 − η λ) W − 0.2 η √max(r, c) U
    """

    def __init__(self, groups: Iterable[dict[str, Any]], momentum: float, *, nesterov: bool) -> None:
        self.momentum = momentum
        self.nesterov = nesterov
        super().__init__(groups, {"lr": 1e-3, "weight_decay": 0.1})

    def move(self, weights: list[Tensor], rate: float, decay: float) -> None:
        """Move matrices."""
        for weight in weights:
            gradient = weight.grad
            assert gradient is not None  # noqa: S101  # `step` gives those that have one
            if not self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(gradient)
            mean = self.state[weight]["momentum_buffer"]
            mean.lerp_(gradient, 1 - self.momentum)
            direction = orthogonal(gradient.lerp(mean, self.momentum) if self.nesterov else mean)
            weight.mul_(1 - rate * decay)
            weight.add_(direction, alpha=-rate * (0.2 * math.sqrt(max(weight.shape))))


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, and singular values near to 1, in bfloat16; by Newton's iteration."""
    a, b, c = QUINTIC
    wide = matrix.bfloat16().T if matrix.size(0) > matrix.size(1) else matrix.bfloat16()
    wide = wide / wide.norm().clamp(min=SMALLEST)
    for _ in range(STEPS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.size(0) > matrix.size(1) else wide
