"""Rotary position embeddings: queries and keys turn by angles that depend on their places.

Two channels of a head form a plane, which turns by θ_m(place). The product of a turned query and a turned key depends
on the difference of their angles alone (Su et al. 2021, arXiv:2104.09864).
"""

__all__ = ["Rotary", "rotary_pair"]

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from wxml import NodeSet
from wxml.errors import ConfigError, Fault

from wxml_processor_transformer.options import Position

Places = tuple[NodeSet, NDArray[np.int64]]
BASE = 10000.0


class Rotary(nn.Module):
    """Turns `[batch, head, node, head channel]` by one angle per node and plane; a plane is channels m and m + d/2."""

    cos: Tensor
    sin: Tensor

    def __init__(self, angles: NDArray[np.float64]) -> None:
        super().__init__()
        for name, values in (("cos", np.cos(angles)), ("sin", np.sin(angles))):
            self.register_buffer(name, torch.from_numpy(values.astype(np.float32)), persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """The turned values, same shape and dtype."""
        first, second = values.chunk(2, dim=-1)
        cos, sin = self.cos.to(values.dtype), self.sin.to(values.dtype)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def rotary_pair(position: Position, size: int, target: Places, source: Places) -> nn.ModuleList | None:
    """The rotations of targets and sources, in this order.

    Args:
        position: `rank`: θ_m = rank / 10000^(2m/d), the ranks being those among the sources. `sphere`: half of the
            planes turn by (m + 1) λ, so that nothing jumps at the date line, the others by (m + 1) φ.
        size: d, channels of a head.
        target: nodes and ranks of the targets.
        source: nodes and ranks of the sources.

    Raises:
        ConfigError: `size` is no multiple of the channels that a plane of this position needs.
    """
    if position == "none":
        return None
    planes = 2 if position == "rank" else 4
    if size % planes:
        fault = Fault("position", f"`{position}` needs a multiple of {planes} channels in a head, got {size}")
        raise ConfigError([fault], fix="change `num_heads` or the channels of the model")
    rotations = []
    for nodes, ranks in (target, source):
        if position == "rank":
            angles = ranks[:, None] * BASE ** (-2 * np.arange(size // 2) / size)
        else:
            wave_numbers = 1.0 + np.arange(size // 4)
            coordinates = np.radians(np.stack([nodes.longitudes, nodes.latitudes]))
            angles = np.concatenate([values[:, None] * wave_numbers for values in coordinates], axis=1)
        rotations.append(Rotary(angles))
    return nn.ModuleList(rotations)
