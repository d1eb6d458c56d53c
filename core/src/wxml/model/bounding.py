"""Bounding: keeps variables within their physical limits."""

__all__ = ["Bounding"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml.model.tensors import node_tensor


class Bounding(nn.Module):
    """Clamps each output variable to limits that are given in model space; infinite where there is none."""

    lowest: Tensor
    highest: Tensor

    def __init__(self, lowest: NDArray[np.float32], highest: NDArray[np.float32]) -> None:
        super().__init__()
        self.register_buffer("lowest", node_tensor(lowest), persistent=False)
        self.register_buffer("highest", node_tensor(highest), persistent=False)
        self.is_needed = bool(np.isfinite(lowest).any() or np.isfinite(highest).any())

    def forward(self, outputs: Tensor) -> Tensor:
        """`[batch, node, output variable]` in and out."""
        return torch.clamp(outputs, self.lowest, self.highest) if self.is_needed else outputs
