"""GnnMapper: one round of messages between the grid and the mesh."""

__all__ = ["GnnMapper"]

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from wxml import Mapper, MapperChannels, Route
from wxml.model.edges import EdgeIndex
from wxml.model.tensors import node_tensor

from wxml_processor_gnn.interaction import Interaction
from wxml_processor_gnn.mlp import Activation, mlp


class GnnMapper(Mapper):
    """Graph neural network between two node sets: one interaction network along the edges of the route.

    As an encoder it embeds both node sets and also updates the source, x_j + MLP_n[x_j ‖ x_j], with the weights that
    update the target. As a decoder it takes both as they are and reads the output off the target with one more network,
    without a layer norm. Formulas: `wxml_processor_gnn.interaction`.
    """

    edge_features: Tensor

    def __init__(
        self,
        route: Route,
        channels: MapperChannels,
        *,
        hidden_layers: Annotated[int, Field(gt=0, description="hidden layers of every network")] = 2,
        activation: Annotated[Activation, Field(description="nonlinearity of every network")] = "silu",
    ) -> None:
        super().__init__(route, channels)
        hidden, features = channels.hidden, route.edges.features

        def network(inputs: int, outputs: int = hidden, *, norm: bool = True) -> nn.Module:
            return mlp(inputs, hidden, outputs, hidden_layers=hidden_layers, activation=activation, norm=norm)

        def embedding(width: int) -> nn.Module:
            return nn.Identity() if channels.decode and width == hidden else network(width)

        self.edges = EdgeIndex(route.edges)
        self.register_buffer("edge_features", node_tensor(features), persistent=False)
        self.embed_source = embedding(channels.source)
        self.embed_target = embedding(channels.target)
        self.embed_edges = network(features.shape[1])
        self.interaction = Interaction(hidden, hidden_layers, activation)
        self.read_off = network(hidden, channels.out, norm=False) if channels.decode else nn.Identity()

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The updated source, `[batch, source_node, hidden]`, and the target, `[batch, target_node, channels.out]`.

        A decoder's source is not used any more and comes back as it is.
        """
        source, target = self.embed_source(source), self.embed_target(target)
        mapped, _ = self.interaction(target, source, self.embed_edges(self.edge_features), self.edges)
        if not self.channels.decode:
            source = self.interaction.update(source, source)
        return source, self.read_off(mapped)
