"""The options that the transformer's processor and mapper share."""

__all__ = [
    "ActivationOption",
    "BackendOption",
    "BlockOptions",
    "Dropout",
    "Heads",
    "MlpOption",
    "MlpRatio",
    "NormOption",
    "OrderOption",
    "PositionOption",
    "QkNorm",
    "Window",
]

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from wxml_processor_transformer.attention import Attention, Backend
from wxml_processor_transformer.feed_forward import Activation, FeedForward, Mlp
from wxml_processor_transformer.node_order import Order
from wxml_processor_transformer.norm import Norm
from wxml_processor_transformer.rotary import Position

Heads = Annotated[int, Field(gt=0, description="heads of the attention; they divide the channels")]
Window = Annotated[
    int | None, Field(gt=0, description="how many places away in the order a node sees others; null: all nodes")
]
OrderOption = Annotated[Order, Field(description="order of the nodes in which the window slides")]
PositionOption = Annotated[
    Position, Field(description="what rotary embeddings turn by: rank in the order, place on the sphere")
]
MlpRatio = Annotated[float, Field(gt=0, description="width of the hidden layer over channels")]
MlpOption = Annotated[Mlp, Field(description="kind of the network on nodes; all but mlp are gated")]
ActivationOption = Annotated[Activation, Field(description="nonlinearity, where `mlp` is mlp")]
QkNorm = Annotated[bool, Field(description="layer norm of queries and keys in each head")]
Dropout = Annotated[
    float, Field(ge=0, lt=1, description="probability of dropping an attention weight or a hidden value")
]
NormOption = Annotated[Norm, Field(description="norm in front of attention and network")]
BackendOption = Annotated[Backend, Field(description="how attention is computed; the numbers are the same")]


@dataclass(frozen=True, slots=True)
class BlockOptions:
    """What the user chose about a block."""

    num_heads: int
    mlp_ratio: float
    mlp: Mlp
    activation: Activation
    qk_norm: bool
    dropout: float
    norm: Norm
    backend: Backend

    def attention(self, channels: int) -> Attention:
        """The attention of a block."""
        return Attention(channels, self.num_heads, backend=self.backend, qk_norm=self.qk_norm, dropout=self.dropout)

    def feed_forward(self, channels: int) -> FeedForward:
        """The network of a block."""
        return FeedForward(channels, self.mlp_ratio, mlp=self.mlp, activation=self.activation, dropout=self.dropout)
