"""The parts of a U-Net on node sets: a block within one, and means from one to the next."""

__all__ = ["MeanOver", "NodeBlock"]

import torch
from torch import Tensor, nn
from wxml import EdgeSet, Mesh
from wxml.model.tensors import node_tensor
from wxml_kernels import EdgeIndex, gather_sources, segment_sum


class MeanOver(nn.Module):
    """The mean of the sources over the edges into each target; zero where none ends."""

    share: Tensor

    def __init__(self, edges: EdgeSet) -> None:
        super().__init__()
        self.edges = EdgeIndex.of(edges)
        count = torch.diff(self.edges.pointers).clamp(min=1)
        self.register_buffer("share", (1 / count)[:, None], persistent=False)

    def forward(self, values: Tensor) -> Tensor:
        """From `[batch, source_node, channel]` to `[batch, target_node, channel]`."""
        mean: Tensor = segment_sum(gather_sources(values, self.edges), self.edges) * self.share
        return mean


class NodeBlock(nn.Module):
    """x + W₂ gelu(W₁ n + mean over the edges j → i of (V n_j + E g_ij) + b₁) + b₂, with n = LN x and geometry g."""

    geometry: Tensor

    def __init__(self, mesh: Mesh, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.own = nn.Linear(channels, channels)
        self.others = nn.Linear(channels, channels, bias=False)
        self.place = nn.Linear(mesh.edges.features.shape[1], channels, bias=False)
        self.out = nn.Linear(channels, channels)
        self.mean = MeanOver(mesh.edges)
        self.register_buffer("geometry", node_tensor(mesh.edges.features), persistent=False)

    def forward(self, state: Tensor) -> Tensor:
        """The new state; both have the shape `[batch, node, channel]`."""
        normed = self.norm(state)
        around = segment_sum(self.place(self.geometry)[None], self.mean.edges) * self.mean.share
        inner = self.own(normed) + self.mean(self.others(normed)) + around
        new: Tensor = state + self.out(nn.functional.gelu(inner))
        return new
