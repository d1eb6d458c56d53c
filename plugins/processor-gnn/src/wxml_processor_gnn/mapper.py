"""GnnMapper: one round of messages between the grid and the mesh."""

__all__ = ["GnnMapper"]

from torch import Tensor, nn
from wxml import EdgeFeatures, Mapper, MapperChannels, Route
from wxml_kernels import EdgeIndex

from wxml_processor_gnn.interaction import Interaction
from wxml_processor_gnn.mlp import (
    PRODUCTS,
    ActivationOption,
    BackendOption,
    HiddenLayers,
    Mlp,
    MlpOptions,
    PrecisionOption,
    Recompute,
)


class GnnMapper(Mapper):
    """Graph neural network between two node sets: one interaction network along the edges of the route.

    As an encoder it embeds both node sets and also updates the source, x_j + MLP_n[x_j ‖ x_j], with the weights that
    update the target. As a decoder it takes both as they are and reads the output off the target with one more network,
    without a layer norm. Formulas: `wxml_processor_gnn.interaction`.
    """

    def __init__(
        self,
        route: Route,
        channels: MapperChannels,
        *,
        hidden_layers: HiddenLayers = 2,
        activation: ActivationOption = "silu",
        precision: PrecisionOption = "float32",
        recompute: Recompute = False,
        backend: BackendOption = "auto",
    ) -> None:
        super().__init__(route, channels)
        hidden, options = (
            channels.hidden,
            MlpOptions(hidden_layers, activation, PRODUCTS[precision], recompute, backend),
        )

        def embedding(width: int) -> nn.Module:
            is_latent = channels.decode and width == hidden
            return nn.Identity() if is_latent else Mlp(width, hidden, hidden, options, nn.LayerNorm(hidden))

        self.edges = EdgeIndex.of(route.edges)
        self.edge_features = EdgeFeatures(route.edges, channels.edge_features)
        self.embed_source = embedding(channels.source)
        self.embed_target = embedding(channels.target)
        self.embed_edges = Mlp(self.edge_features.channels, hidden, hidden, options, nn.LayerNorm(hidden))
        self.interaction = Interaction(hidden, options, keeps_edges=False)
        self.read_off = Mlp(hidden, hidden, channels.out, options, None) if channels.decode else nn.Identity()

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The updated source, `[batch, source_node, hidden]`, and the target, `[batch, target_node, channels.out]`.

        A decoder returns its source unchanged.
        """
        source, target = self.embed_source(source), self.embed_target(target)
        mapped, _ = self.interaction(target, source, self.edge_features.embedded(self.embed_edges), self.edges)
        if not self.channels.decode:
            source = self.interaction.node_network.of_twice(source)
        return source, self.read_off(mapped)
