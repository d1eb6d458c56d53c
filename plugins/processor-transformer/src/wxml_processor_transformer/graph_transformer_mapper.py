"""GraphTransformerMapper: attention along the edges between the grid and the mesh."""

__all__ = ["GraphTransformerMapper"]

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from wxml import EdgeFeatures, Mapper, MapperChannels, Route
from wxml_kernels import AttentionEdges

from wxml_processor_transformer import options
from wxml_processor_transformer.graph_transformer_block import Along, GraphTransformerBlock
from wxml_processor_transformer.transformer_block import node_norm


class GraphTransformerMapper(Mapper):
    """One graph transformer block from the nodes of one set to those of another.

    As an encoder it embeds both node sets by a linear layer each and hands the raw source on, so that the decoder can
    embed it for itself. As a decoder it takes the source as it is (unless its width is not that of the model), and
    reads the output off the target with a layer norm and a linear layer.
    """

    def __init__(
        self,
        route: Route,
        channels: MapperChannels,
        *,
        num_heads: options.NumHeads = 4,
        mlp_ratio: options.MlpRatio = 4.0,
        mlp: options.Mlp = "mlp",
        activation: options.Activation = "gelu",
        qk_norm: options.QkNorm = False,
        dropout: options.HiddenDropout = 0.0,
        norm: options.Norm = "layer-norm",
        zero_init: Annotated[bool, Field(description="a decoder's output is zero before training")] = False,
        backend: options.EdgeBackend = "auto",
    ) -> None:
        super().__init__(route, channels)
        hidden = channels.hidden
        chosen = options.BlockOptions(
            num_heads, mlp_ratio, mlp, activation, qk_norm, dropout, norm, edge_backend=backend
        )
        self.edges, self.edge_features = (
            AttentionEdges.of(route.edges),
            EdgeFeatures(route.edges, channels.edge_features),
        )
        is_latent = channels.decode and channels.source == hidden
        self.embed_source = nn.Identity() if is_latent else nn.Linear(channels.source, hidden)
        self.embed_target = nn.Linear(channels.target, hidden)
        self.source_norm = node_norm(norm, hidden)
        self.block = GraphTransformerBlock(hidden, self.edge_features.channels, chosen)
        self.read_off: nn.Module = nn.Identity()
        if channels.decode:
            linear = nn.Linear(hidden, channels.out)
            self.read_off = nn.Sequential(nn.LayerNorm(hidden), linear)
            if zero_init:
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)

    @property
    def source_out(self) -> int:
        """Channels of the source; the mapper returns it unchanged."""
        return self.channels.source

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The source as it is, `[batch, source_node, channels.source]`, and the mapped target.

        The target has the shape `[batch, target_node, channels.out]`.
        """
        embedded = self.source_norm(self.embed_source(source))
        along = Along(self.edges, self.edge_features.embedded(self.edges.arranged))
        return source, self.read_off(self.block(self.embed_target(target), along, source=embedded))
