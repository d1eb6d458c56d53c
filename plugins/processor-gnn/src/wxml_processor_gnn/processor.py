"""GnnProcessor: rounds of messages on the mesh."""

__all__ = ["GnnProcessor"]

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from wxml import Mesh, Processor
from wxml.model.edges import EdgeIndex
from wxml.model.tensors import node_tensor

from wxml_processor_gnn.interaction import Interaction
from wxml_processor_gnn.mlp import Activation, mlp


class GnnProcessor(Processor):
    """Graph neural network: interaction networks on the mesh edges, whose state is carried from layer to layer.

    About 9 · channels² weights a layer at two hidden layers. Formulas: `wxml_processor_gnn.interaction`.
    """

    edge_features: Tensor

    def __init__(
        self,
        mesh: Mesh,
        channels: int,
        *,
        num_layers: Annotated[int, Field(gt=0, description="rounds of messages, each with weights of its own")] = 4,
        hidden_layers: Annotated[int, Field(gt=0, description="hidden layers of the edge and node networks")] = 2,
        activation: Annotated[Activation, Field(description="nonlinearity of the edge and node networks")] = "silu",
    ) -> None:
        super().__init__(mesh, channels)
        features = mesh.edges.features
        self.edges = EdgeIndex(mesh.edges)
        self.register_buffer("edge_features", node_tensor(features), persistent=False)
        self.embed_edges = mlp(
            features.shape[1], channels, channels, hidden_layers=hidden_layers, activation=activation
        )
        self.layers = nn.ModuleList(Interaction(channels, hidden_layers, activation) for _ in range(num_layers))

    def forward(self, state: Tensor) -> Tensor:
        """The state after all rounds, shape `[batch, mesh_node, channel]`."""
        edge = self.embed_edges(self.edge_features)
        for layer in self.layers:
            state, edge = layer(state, state, edge, self.edges)
        return state
