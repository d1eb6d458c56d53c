"""Bounding: keeps variables within their physical limits."""

__all__ = ["Bounding", "Fraction"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from wxml.model.tensors import node_tensor


@dataclass(frozen=True, slots=True)
class Fraction:
    """A variable that is a share f of another one, such as convective precipitation of all precipitation.

    In model space, where physical = scale · model + offset for each of the two:
    part = f · (factor · total + offset) + shift.
    """

    part: int
    """Which output variable; the network forecasts f, which is kept between 0 and 1."""
    total: int
    """Which output variable it is a share of."""
    factor: float
    """scale of the total / scale of the part."""
    offset: float
    """offset of the total / scale of the part."""
    shift: float
    """−offset of the part / scale of the part."""
    slope: float = 0.0
    """How fast f changes beyond 0 and 1."""


class Bounding(nn.Module):
    """y = c + slope · (x − c) with c = min(max(x, lowest), highest), and then the fractions.

    Slope 0 is relu (one limit) and hardtanh (two), a small slope their leaky kinds, which always have a gradient.
    """

    lowest: Tensor
    highest: Tensor
    slope: Tensor

    def __init__(
        self,
        lowest: NDArray[np.float32],
        highest: NDArray[np.float32],
        slope: NDArray[np.float32] | None = None,
        fractions: Sequence[Fraction] = (),
    ) -> None:
        """Limits in model space.

        Args:
            lowest: shape `[output variable]`, −∞ where there is no limit.
            highest: the same, ∞ where there is none.
            slope: shape `[output variable]`; None: 0 everywhere.
            fractions: in an order in which no total comes after a share of it.
        """
        super().__init__()
        slope = np.zeros_like(lowest) if slope is None else slope
        for name, values in (("lowest", lowest), ("highest", highest), ("slope", slope)):
            self.register_buffer(name, node_tensor(values), persistent=False)
        self.fractions = tuple(fractions)
        self.has_limits = bool(np.isfinite(lowest).any() or np.isfinite(highest).any())
        self.is_leaky = bool(slope.any())

    def forward(self, outputs: Tensor) -> Tensor:
        """`[..., node, output variable]` in and out."""
        if self.has_limits:
            clamped = torch.clamp(outputs, self.lowest, self.highest)
            outputs = clamped + self.slope * (outputs - clamped) if self.is_leaky else clamped
        return self._with_fractions(outputs) if self.fractions else outputs

    def _with_fractions(self, outputs: Tensor) -> Tensor:
        columns = list(outputs.unbind(-1))
        for fraction in self.fractions:
            raw, total = columns[fraction.part], columns[fraction.total]
            clamped = raw.clamp(0, 1)
            share = clamped + fraction.slope * (raw - clamped)
            columns[fraction.part] = share * (fraction.factor * total + fraction.offset) + fraction.shift
        return torch.stack(columns, dim=-1)
