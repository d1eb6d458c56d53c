"""The exponential moving average of the weights."""

__all__ = ["AveragedModel"]

from copy import deepcopy

import torch
from torch import nn


class AveragedModel(nn.Module):
    """A copy of a model whose weights trail those of the original (Polyak & Juditsky 1992, doi:10.1137/0330046).

    After step s: average ← d · average + (1 − d) · weights, with d = min(`decay`, s / (s + 10)), so that the first
    weights, which are random, are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.model = deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights of `model` after its step number `step`, counted from 1; buffers are copied."""
        share = 1 - min(self.decay, step / (step + 10))
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, share)
        for copy, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            copy.copy_(buffer)
