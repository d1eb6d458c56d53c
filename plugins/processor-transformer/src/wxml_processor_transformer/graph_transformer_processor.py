"""GraphTransformerProcessor: attention along the edges of the mesh."""

__all__ = ["GraphTransformerProcessor"]

from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn
from wxml import Mesh, Processor, ProcessorChannels
from wxml.anemoi_names import AnemoiNames
from wxml.model.features import EdgeFeatures
from wxml.model.layers import Layer, run_layers
from wxml_kernels.edge_attention import AttentionEdges

from wxml_processor_transformer import block_options as options
from wxml_processor_transformer.anemoi_names import graph_transformer_processor_names
from wxml_processor_transformer.graph_attention import Along
from wxml_processor_transformer.graph_transformer_block import GraphTransformerBlock
from wxml_processor_transformer.graph_transformer_options import GraphTransformerOptions, HiddenDropout

EdgeProjection = Literal["layer", "once"]


class GraphTransformerProcessor(Processor):
    """Graph transformer: a mesh node attends to those that have edges into it.

    Formulas: `wxml_processor_transformer.graph_transformer_block` and `.graph_attention`.
    """

    takes_condition: ClassVar[bool] = True
    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[int, Field(gt=0, description="blocks, each with weights of its own")] = 4,
        num_heads: options.Heads = 4,
        mlp_ratio: options.MlpRatio = 4.0,
        mlp: options.MlpOption = "mlp",
        activation: options.ActivationOption = "gelu",
        qk_norm: options.QkNorm = False,
        dropout: HiddenDropout = 0.0,
        norm: options.NormOption = "layer-norm",
        edge_projection: Annotated[
            EdgeProjection, Field(description="a matrix for the features of edges in each layer, or one for all")
        ] = "layer",
    ) -> None:
        super().__init__(mesh, channels)
        hidden = channels.hidden
        chosen = GraphTransformerOptions(num_heads, mlp_ratio, mlp, activation, qk_norm, dropout, norm)
        self.edges, self.edge_features = AttentionEdges(mesh.edges), EdgeFeatures(mesh.edges, channels.edge_features)
        shared = edge_projection == "once"
        self.projection = nn.Linear(self.edge_features.channels, hidden) if shared else None
        width = 0 if shared else self.edge_features.channels
        self.layers = nn.ModuleList(
            GraphTransformerBlock(hidden, width, chosen, channels.condition) for _ in range(num_layers)
        )

    def anemoi_names(self) -> AnemoiNames | None:
        """The names in a GraphTransformerProcessor, whose layers have projections of their own."""
        return graph_transformer_processor_names(self) if self.projection is None else None

    def forward(self, state: Tensor, condition: Tensor | None = None) -> Tensor:
        """The state after all blocks, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""
        along = Along(self.edges, self.edges.arranged(self.edge_features()), self.projection)
        layers = [self._layer(block, along, condition) for block in self.layers]
        (state,) = run_layers(layers, (state,), self.recompute_groups)
        return state

    def _layer(self, block: nn.Module, along: Along, condition: Tensor | None) -> Layer:
        return lambda state: (block(state, along, condition),)
