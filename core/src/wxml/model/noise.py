"""Noise: makes the members of an ensemble differ."""

__all__ = ["ConditionalLayerNorm", "Noise", "seeded_noise"]

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn


class Noise(nn.Module):
    """Random numbers at each mesh node, embedded by LN(W₂ gelu(W₁ σ z + b₁) + b₂) (Lang et al. 2024, arXiv:2412.15832).

    They either condition the processor, or are injected: the mesh state x becomes W [x ‖ noise] + b, which is x at
    first.
    """

    def __init__(self, channels: int, hidden: int, standard_deviation: float, inject_into: int | None = None) -> None:
        """Fresh weights.

        Args:
            channels: the number of random numbers per node, and the width of their embedding.
            hidden: the width of the hidden layer.
            standard_deviation: σ.
            inject_into: the number of channels of the mesh state if the noise is injected into it; None: the noise
                conditions the processor.
        """
        super().__init__()
        self.channels = channels
        self.standard_deviation = standard_deviation
        self.network = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels), nn.LayerNorm(channels)
        )
        self.projection = None if inject_into is None else nn.Linear(inject_into + channels, inject_into)
        if self.projection is not None:
            nn.init.eye_(self.projection.weight)
            nn.init.zeros_(self.projection.bias)

    def forward(self, mesh: Tensor, normal: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Draw and embed the noise.

        Args:
            mesh: shape `[batch, mesh_node, channel]`.
            normal: z, standard normal numbers of shape `[batch, mesh_node, channels]`; None: drawn by torch.

        Returns:
            The mesh state, and the condition `[batch, mesh_node, channels]`, or None if the noise was injected.
        """
        if normal is None:
            normal = torch.randn(*mesh.shape[:-1], self.channels, device=mesh.device)
        embedded = self.network(self.standard_deviation * normal)
        if self.projection is None:
            return mesh, embedded
        return self.projection(torch.cat([mesh, embedded], dim=-1)), None


class ConditionalLayerNorm(nn.Module):
    """LN(x) · (1 + W_s z + b_s) + W_b z + b_b, with all of W and b zero at first: then a plain layer norm.

    The noise z makes the members of an ensemble differ (Lang et al. 2024, arXiv:2412.15832). Without condition channels
    it is `torch.nn.LayerNorm`, weight and bias included; with them the norm has none of its own.
    """

    def __init__(self, channels: int, condition_channels: int = 0) -> None:
        super().__init__()
        conditional = condition_channels > 0
        self.norm = nn.LayerNorm(channels, elementwise_affine=not conditional)
        self.scale = nn.Linear(condition_channels, channels) if conditional else None
        self.shift = nn.Linear(condition_channels, channels) if conditional else None
        for linear in (self.scale, self.shift):
            if linear is not None:
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, values: Tensor, condition: Tensor | None = None) -> Tensor:
        """Norm `values`, shape `[batch, node, channel]`; `condition` has shape `[batch, node, condition channel]`."""
        normed: Tensor = self.norm(values)
        if self.scale is None or self.shift is None or condition is None:
            return normed
        shifted: Tensor = normed * (1 + self.scale(condition)) + self.shift(condition)
        return shifted


def seeded_noise(seeds: Sequence[int], nodes: int, channels: int, correlation: float = 0.0) -> Iterator[Tensor]:
    """Draw standard normal numbers for one call of a model after the other, without end.

    The numbers of item i of the batch depend only on `seeds[i]` and on the number of the call. Each number z follows a
    stationary autoregressive process of first order over the calls, z ← ρ z + √(1 − ρ²) ε with ε standard normal.

    Args:
        seeds: one for each item of the batch.
        nodes: the number of mesh nodes.
        channels: the number of numbers at each node.
        correlation: ρ between one call and the next, 0 to 1; at 1 the numbers stay.

    Yields:
        Shape `[len(seeds), nodes, channels]`.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def drawn() -> Tensor:
        return torch.stack([torch.randn(nodes, channels, generator=generator) for generator in generators])

    numbers = drawn()
    while True:
        yield numbers
        numbers = correlation * numbers + math.sqrt(1 - correlation**2) * drawn() if correlation else drawn()
