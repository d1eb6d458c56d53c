"""GnnProcessor: rounds of messages on the mesh."""

__all__ = ["GnnProcessor"]

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn
from wxml import EdgeFeatures, Mesh, Processor, ProcessorChannels, run_layers
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


class GnnProcessor(Processor):
    """Graph neural network: interaction networks on the mesh edges, whose state is carried from layer to layer.

    About 9 · channels² weights a layer at two hidden layers. Formulas: `wxml_processor_gnn.interaction`.
    """

    takes_condition: ClassVar[bool] = True
    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[
            int, Field(gt=0, le=1000, description="rounds of messages, each with weights of its own")
        ] = 4,
        hidden_layers: HiddenLayers = 2,
        activation: ActivationOption = "silu",
        precision: PrecisionOption = "float32",
        recompute: Recompute = False,
        backend: BackendOption = "auto",
    ) -> None:
        super().__init__(mesh, channels)
        options = MlpOptions(hidden_layers, activation, PRODUCTS[precision], recompute, backend)
        self.edges = EdgeIndex.of(mesh.edges)
        self.edge_features = EdgeFeatures(mesh.edges, channels.edge_features)
        features, hidden = self.edge_features.channels, channels.hidden
        self.embed_edges = Mlp(features, hidden, hidden, options, nn.LayerNorm(hidden))
        self.layers = nn.ModuleList(
            Interaction(hidden, options, channels.condition, keeps_edges=layer + 1 < num_layers)
            for layer in range(num_layers)
        )

    def forward(self, state: Tensor, condition: Tensor | None = None) -> Tensor:
        """The state after all rounds, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""

        def step(layer: nn.Module, state: Tensor, edge: Tensor) -> tuple[Tensor, Tensor]:
            new: tuple[Tensor, Tensor] = layer(state, state, edge, self.edges, condition)
            return new

        steps = [partial(step, layer) for layer in self.layers]
        state, _ = run_layers(steps, (state, self.edge_features.embedded(self.embed_edges)), self.recompute_groups)
        return state
