"""Converts between NumPy and torch.

Arrays have the shape `[..., variable, node]` of files; tensors have the shape `[..., node, variable]` of layers.
"""

__all__ = ["node_tensor", "to_array", "to_tensor"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(values: NDArray[np.float32]) -> Tensor:
    """Convert an array `[..., variable, node]` to a float32 tensor `[..., node, variable]`."""
    return torch.from_numpy(np.ascontiguousarray(np.swapaxes(values, -1, -2), dtype=np.float32))


def to_array(values: Tensor) -> NDArray[np.float32]:
    """Convert a tensor `[..., node, variable]` on any device to a float32 array `[..., variable, node]`."""
    array: NDArray[np.float32] = values.detach().to("cpu", torch.float32).numpy()
    return np.ascontiguousarray(np.swapaxes(array, -1, -2))


def node_tensor(values: NDArray[np.floating]) -> Tensor:
    """Convert an array `[node, feature]` or `[edge, feature]` to a float32 tensor of the same shape."""
    return torch.from_numpy(np.array(values, dtype=np.float32))
