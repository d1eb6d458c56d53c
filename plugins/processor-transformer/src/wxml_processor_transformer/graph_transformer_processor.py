"""GraphTransformerProcessor: attention along the edges of the mesh."""

__all__ = ["GraphTransformerProcessor"]

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor, nn
from wxml import EdgeFeatures, Mesh, Processor, ProcessorChannels, run_layers
from wxml_kernels import AttentionEdges

from wxml_processor_transformer import options
from wxml_processor_transformer.graph_transformer_block import Along, GraphTransformerBlock

EdgeProjection = Literal["layer", "once"]


class GraphTransformerProcessor(Processor):
    """Graph transformer: a mesh node attends to those that have edges into it.

    Formulas: `wxml_processor_transformer.graph_transformer_block`.
    """

    takes_condition: ClassVar[bool] = True
    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: options.NumLayers = 4,
        num_heads: options.NumHeads = 4,
        mlp_ratio: options.MlpRatio = 4.0,
        mlp: options.Mlp = "mlp",
        activation: options.Activation = "gelu",
        qk_norm: options.QkNorm = False,
        dropout: options.HiddenDropout = 0.0,
        norm: options.Norm = "layer-norm",
        edge_projection: Annotated[
            EdgeProjection, Field(description="a matrix for the features of edges in each layer, or one for all")
        ] = "layer",
        backend: options.EdgeBackend = "auto",
    ) -> None:
        super().__init__(mesh, channels)
        hidden = channels.hidden
        chosen = options.BlockOptions(
            num_heads, mlp_ratio, mlp, activation, qk_norm, dropout, norm, edge_backend=backend
        )
        self.edges, self.edge_features = AttentionEdges.of(mesh.edges), EdgeFeatures(mesh.edges, channels.edge_features)
        shared = edge_projection == "once"
        self.projection = nn.Linear(self.edge_features.channels, hidden) if shared else None
        width = 0 if shared else self.edge_features.channels
        self.layers = nn.ModuleList(
            GraphTransformerBlock(hidden, width, chosen, channels.condition) for _ in range(num_layers)
        )

    def forward(self, state: Tensor, condition: Tensor | None = None) -> Tensor:
        """The state after all blocks, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""
        along = Along(self.edges, self.edge_features.embedded(self.edges.arranged), self.projection)

        def step(block: nn.Module, state: Tensor) -> tuple[Tensor]:
            return (block(state, along, condition),)

        steps = [partial(step, block) for block in self.layers]
        (state,) = run_layers(steps, (state,), self.recompute_groups)
        return state
