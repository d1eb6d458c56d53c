"""Ablations of the processor and of neighbours: NoOpProcessor, PointWiseProcessor and PointWiseMapper."""

__all__ = ["NoOpProcessor", "PointWiseMapper", "PointWiseProcessor"]

from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from torch import Tensor, nn
from wxml import Mapper, MapperChannels, Mesh, Processor, ProcessorChannels, Route, run_layers
from wxml.data.sphere import angular_distance
from wxml_kernels import EdgeIndex, gather_sources, segment_sum

from wxml_processor_gnn.mlp import ACTIVATIONS, Activation


class NoOpProcessor(Processor):
    """Returns the state as the update Δ, for ablations: a model without a processor.

    Core computes state + Δ, so the decoder reads twice the encoder's output; with `model.latent_skip: false` it reads
    that very state.
    """

    def forward(self, state: Tensor) -> Tensor:
        """The state itself, shape `[batch, mesh_node, channel]`."""
        return state


class PointWiseLayer(nn.Sequential):
    """x' = W₂ act(LN(W₁ x + b₁)) + b₂; W₂ and b₂ are left out if the hidden layer is as wide as the state."""

    def __init__(self, widths: tuple[int, int], activation: Activation, dropout: float, norm: bool) -> None:
        """`widths` are those of the state and of the hidden layer; without `norm` there is no LN."""
        channels, hidden = widths
        back = [nn.Linear(hidden, channels)] if hidden != channels else []
        dropped = [nn.Dropout(dropout)] if dropout else []
        normed = [nn.LayerNorm(hidden)] if norm else []
        super().__init__(nn.Linear(channels, hidden), *normed, ACTIVATIONS[activation](), *back, *dropped)

    def forward(self, state: Tensor) -> tuple[Tensor]:
        """`[batch, node, channel]` in and, as the only tensor, out."""
        for part in self:
            state = part(state)
        return (state,)


class PointWiseProcessor(Processor):
    """An MLP on each mesh node alone, for ablations: no node reads a neighbour on the mesh.

    The layers follow one another without a residual; core's is the only one, from the first layer to the last.
    """

    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[int, Field(gt=0, le=1000, description="layers, each with weights of its own")] = 4,
        mlp_ratio: Annotated[float, Field(gt=0, description="width of the hidden layers, in channels")] = 4.0,
        activation: Annotated[Activation, Field(description="nonlinearity of every layer")] = "gelu",
        dropout: Annotated[float, Field(ge=0, lt=1, description="share of values left out in training")] = 0.0,
        norm: Annotated[
            bool, Field(description="a layer norm in every layer, which forgets how large values are")
        ] = True,
    ) -> None:
        super().__init__(mesh, channels)
        width, hidden = channels.hidden, max(1, int(mlp_ratio * channels.hidden + 0.5))
        self.layers = nn.ModuleList(
            PointWiseLayer((width, hidden), activation, dropout, norm) for _ in range(num_layers)
        )

    def forward(self, state: Tensor) -> Tensor:
        """The state after all layers, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""
        (state,) = run_layers(list(self.layers), (state,), self.recompute_groups)
        return state


class PointWiseMapper(Mapper):
    """Each target node reads the nearest of the source nodes that an edge joins to it, for ablations.

    Between two equal node sets this maps node i to node i, and no value moves from one node to another. The encoder
    embeds with one linear layer; the decoder reads its output off with a layer norm and a linear layer. The mapper does
    not read the target's own values, so features that the model learns for mesh nodes have no effect. A target without
    edges reads zeros.
    """

    def __init__(
        self,
        route: Route,
        channels: MapperChannels,
        *,
        norm: Annotated[
            bool, Field(description="a layer norm in the decoder, which forgets how large values are")
        ] = True,
    ) -> None:
        super().__init__(route, channels)
        edges = route.edges
        length = angular_distance(route.source.points[edges.source], route.target.points[edges.target])
        order = np.lexsort((edges.source, length, edges.target))  # of equally short edges, the lowest source first
        kept = order[edges.pointers[:-1][np.diff(edges.pointers) > 0]]  # the shortest edge into each target
        self.nearest = EdgeIndex(edges.source[kept], edges.target[kept], len(route.source), len(route.target))
        width, out = channels.source, channels.out
        normed = [nn.LayerNorm(width)] if channels.decode and norm else []
        self.layers = nn.Sequential(*normed, nn.Linear(width, out))

    @property
    def source_out(self) -> int:
        """Channels of the source; the mapper returns it unchanged."""
        return self.channels.source

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The source as it is, and the mapped target, shape `[batch, target_node, channels.out]`."""
        decode = self.channels.decode  # a decoder's layers run first: there are fewer mesh nodes than grid nodes
        values = self.layers(source) if decode else source
        nearest = segment_sum(gather_sources(values, self.nearest), self.nearest)  # the sum over one edge is its source
        return source, nearest if decode else self.layers(nearest)
