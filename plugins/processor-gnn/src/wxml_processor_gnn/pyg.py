"""PygProcessor: any convolution of torch_geometric that reads node states and edge features, stacked."""

__all__ = ["PygProcessor"]

from functools import partial
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from wxml import EdgeFeatures, Mesh, Processor, ProcessorChannels, run_layers
from wxml.data.sphere import angular_distance
from wxml.model.tensors import node_tensor

from wxml_processor_gnn.mlp import ACTIVATIONS, Activation
from wxml_processor_gnn.pyg_operator import Place, Value, make_operator, what_it_reads

GREATEST_WEIGHT = 10.0
"""The greatest weight of an edge. The weight is mean length / length, which is infinite for an edge of length 0."""


class PygLayer(nn.Module):
    """x' = x + act(norm(operator(x, …)))."""

    def __init__(self, operator: nn.Module, norm: nn.Module, activation: nn.Module) -> None:
        super().__init__()
        self.operator, self.norm, self.activation = operator, norm, activation
        self.reads = what_it_reads(operator)

    def forward(self, state: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        """`[node, channel]` in and out; `inputs` holds the other tensors that an operator may read, by name."""
        served = inputs | {"x": state}
        change: Tensor = self.activation(self.norm(self.operator(**{name: served[name] for name in self.reads})))
        return state + change


class PygProcessor(Processor):
    """Layers of one convolution of `torch_geometric.nn`, named by its class: forty published operators to compare.

    x' = x + act(norm(operator(x, edges))). An operator with `edge_attr` reads the features of the edges, one with
    `edge_weight` the inverse of their length, one with `pos` the places of the nodes on the unit sphere. The items of a
    batch are parts of one graph without edges between them.
    """

    has_recompute_groups: ClassVar[bool] = True
    edge_index: Tensor
    edge_weight: Tensor
    points: Tensor

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        operator: Annotated[str, Field(description="class in torch_geometric.nn, such as GATv2Conv")],
        num_layers: Annotated[int, Field(gt=0, le=1000, description="layers, each with weights of its own")] = 4,
        activation: Annotated[Activation, Field(description="nonlinearity after every operator")] = "silu",
        norm: Annotated[Literal["layer", "none"], Field(description="norm after every operator")] = "layer",
        arguments: Annotated[dict[str, Value], Field(description="of the operator's constructor, by name")] = {},  # noqa: B006  # never changed
    ) -> None:
        super().__init__(mesh, channels)
        self.edge_features = EdgeFeatures(mesh.edges, channels.edge_features)
        edges, hidden = mesh.edges, channels.hidden
        self.register_buffer("edge_index", torch.tensor(np.stack([edges.source, edges.target])), persistent=False)
        points = mesh.nodes.points
        length = angular_distance(points[edges.source], points[edges.target])
        mean = length.mean() if length.any() else 1.0
        weight = (mean / np.maximum(length, mean / GREATEST_WEIGHT)).astype(np.float32)
        self.register_buffer("edge_weight", node_tensor(weight), persistent=False)
        self.register_buffer("points", node_tensor(points.astype(np.float32)), persistent=False)
        in_degrees = torch.tensor(np.bincount(np.diff(edges.pointers)))
        place = Place(hidden, self.edge_features.channels, in_degrees)
        self.layers = nn.ModuleList(
            PygLayer(
                make_operator(operator, place, arguments),
                nn.LayerNorm(hidden) if norm == "layer" else nn.Identity(),
                ACTIVATIONS[activation](),
            )
            for _ in range(num_layers)
        )

    def forward(self, state: Tensor) -> Tensor:
        """The state after all layers, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""
        batch, nodes, channels = state.shape
        flat = state.reshape(batch * nodes, channels)
        inputs = self._inputs(batch, nodes) | {"x_0": flat}

        def step(layer: nn.Module, values: Tensor) -> tuple[Tensor]:
            return (layer(values, inputs),)

        steps = [partial(step, layer) for layer in self.layers]
        (flat,) = run_layers(steps, (flat,), self.recompute_groups)
        return flat.view(batch, nodes, channels)

    def _inputs(self, batch: int, nodes: int) -> dict[str, Tensor]:
        """The tensors that operators may read beside the state, by name, for `batch` copies of the mesh."""
        first = nodes * torch.arange(batch, device=self.edge_index.device)
        edge_index = (self.edge_index[:, None] + first[:, None]).flatten(1)
        points = self.points.repeat(batch, 1)
        return {
            "edge_index": edge_index,
            "edge_attr": self.edge_features().repeat(batch, 1),
            "edge_weight": self.edge_weight.repeat(batch),
            "pos": points,
            "normal": points,  # on a sphere, the place itself points up
            "edge_type": torch.zeros_like(edge_index[0]),
            "node_type": edge_index.new_zeros(batch * nodes),
        }
