"""PointWiseProcessor: a network on every mesh node for itself."""

__all__ = ["PointWiseProcessor"]

from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn
from wxml import Mesh, Processor, ProcessorChannels
from wxml.anemoi_names import AnemoiNames, AnemoiWeight
from wxml.model.layers import run_layers

from wxml_processor_gnn.mlp import ACTIVATIONS, Activation


class PointWiseLayer(nn.Sequential):
    """x' = W₂ act(LN(W₁ x + b₁)) + b₂; without W₂ and b₂ where the hidden layer is as wide as the state."""

    def __init__(self, channels: int, hidden: int, activation: Activation, dropout: float) -> None:
        back = [nn.Linear(hidden, channels)] if hidden != channels else []
        dropped = [nn.Dropout(dropout)] if dropout else []
        super().__init__(nn.Linear(channels, hidden), nn.LayerNorm(hidden), ACTIVATIONS[activation](), *back, *dropped)

    def forward(self, state: Tensor) -> tuple[Tensor]:
        """`[batch, node, channel]` in and, as the only tensor, out."""
        for part in self:
            state = part(state)
        return (state,)


class PointWiseProcessor(Processor):
    """An MLP on every mesh node for itself: what a model can do without neighbours on the mesh, for ablations.

    The layers follow one another without a residual; core's is the only one, from the first layer to the last.
    """

    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[int, Field(gt=0, description="layers, each with weights of its own")] = 4,
        mlp_ratio: Annotated[float, Field(gt=0, description="width of the hidden layers, in channels")] = 4.0,
        activation: Annotated[Activation, Field(description="nonlinearity of every layer")] = "gelu",
        dropout: Annotated[float, Field(ge=0, lt=1, description="share of values left out in training")] = 0.0,
    ) -> None:
        super().__init__(mesh, channels)
        width, hidden = channels.hidden, max(1, int(mlp_ratio * channels.hidden + 0.5))
        self.layers = nn.ModuleList(PointWiseLayer(width, hidden, activation, dropout) for _ in range(num_layers))

    def anemoi_names(self) -> AnemoiNames:
        """The names in a PointWiseMLPProcessor: `layers.0.3.bias` is `proc.0.mlp.3.bias` there."""
        paths = [(name, name.split(".")) for name, _ in self.named_parameters()]
        return AnemoiNames(
            {name: AnemoiWeight((f"proc.{layer}.mlp.{part}.{kind}",)) for name, (_, layer, part, kind) in paths}
        )

    def forward(self, state: Tensor) -> Tensor:
        """The state after all layers, which core takes as the update Δ; shape `[batch, mesh_node, channel]`."""
        (state,) = run_layers(list(self.layers), (state,), self.recompute_groups)
        return state
