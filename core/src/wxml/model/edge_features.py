"""What a model reads at each edge: geometry, and features that it learns."""

__all__ = ["EdgeFeatures"]

import torch
from torch import Tensor, nn

from wxml.graphs.graph import Mesh, Route
from wxml.model.tensors import node_tensor


class EdgeFeatures(nn.Module):
    """Geometry and learned features of the edges of a route or a mesh, the same for every sample."""

    geometry: Tensor

    def __init__(self, place: Route | Mesh) -> None:
        super().__init__()
        edges, trainable = place.edges, place.trainable_features
        self.register_buffer("geometry", node_tensor(edges.features), persistent=False)
        self.trainable = nn.Parameter(torch.zeros(len(edges), trainable)) if trainable else None
        self.channels = self.geometry.shape[-1] + trainable

    def forward(self) -> Tensor:
        """Shape `[edge, channels]`."""
        return self.geometry if self.trainable is None else torch.cat([self.geometry, self.trainable], dim=-1)
