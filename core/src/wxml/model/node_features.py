"""What a model reads at each node: values, geometry, and features that it learns."""

__all__ = ["GridFeatures", "MeshFeatures"]

import torch
from torch import Tensor, nn

from wxml.graphs.graph import NodeSet
from wxml.model.tensors import node_tensor


class MeshFeatures(nn.Module):
    """Geometry and learned features of a node set, the same for every sample."""

    geometry: Tensor

    def __init__(self, nodes: NodeSet, trainable: int) -> None:
        super().__init__()
        self.register_buffer("geometry", node_tensor(nodes.features), persistent=False)
        self.trainable = nn.Parameter(torch.zeros(len(nodes), trainable)) if trainable else None
        self.channels = self.geometry.shape[-1] + trainable

    def forward(self, batch: int) -> Tensor:
        """Shape `[batch, node, channels]`."""
        parts = [self.geometry] if self.trainable is None else [self.geometry, self.trainable]
        return torch.cat(parts, dim=-1).expand(batch, -1, -1)


class GridFeatures(nn.Module):
    """The states and forcings at the input times, joined by the features of the nodes.

    With a `change_scale`, shape `[prognostic]`, the states before the last one enter as what came after them:
    (x_t+1 − x_t) / change_scale. These are the same inputs, but of order one, where two states in a row hardly differ
    in units of the variable's own deviation: training takes about half the steps.
    """

    change_scale: Tensor | None

    def __init__(
        self,
        nodes: NodeSet,
        trainable: int,
        input_steps: int,
        prognostic: int,
        forcing: int,
        change_scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.nodes = MeshFeatures(nodes, trainable)
        self.channels = input_steps * (prognostic + forcing) + self.nodes.channels
        self.register_buffer("change_scale", change_scale, persistent=False)

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        """`[batch, time, node, prognostic]` and `[batch, time, node, forcing]` to `[batch, node, channels]`."""
        if self.change_scale is not None:
            states = torch.cat([states.diff(dim=1) / self.change_scale, states[:, -1:]], dim=1)
        inputs = torch.cat([states, forcings], dim=-1)
        flat = inputs.permute(0, 2, 1, 3).flatten(2)
        return torch.cat([flat, self.nodes(len(states)).to(flat.dtype)], dim=-1)
