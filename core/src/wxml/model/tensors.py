"""The one door between NumPy and torch.

Outside, values are `[..., variable, node]`, as files hold them; inside, they are `[..., node, variable]`, as layers
want them.
"""

__all__ = ["node_tensor", "to_array", "to_tensor"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def to_tensor(values: NDArray[np.float32]) -> Tensor:
    """`[..., variable, node]` float32 to a tensor `[..., node, variable]`."""
    return torch.from_numpy(np.ascontiguousarray(np.swapaxes(values, -1, -2), dtype=np.float32))


def to_array(values: Tensor) -> NDArray[np.float32]:
    """A tensor `[..., node, variable]` on any device to `[..., variable, node]` float32."""
    array: NDArray[np.float32] = values.detach().to("cpu", torch.float32).numpy()
    return np.ascontiguousarray(np.swapaxes(array, -1, -2))


def node_tensor(values: NDArray[np.floating]) -> Tensor:
    """Values that are in layer order already, `[node, feature]` or `[edge, feature]`, as float32."""
    return torch.from_numpy(np.array(values, dtype=np.float32))
