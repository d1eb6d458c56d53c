"""The options that the graph transformer's processor and mapper share."""

__all__ = ["GraphTransformerOptions", "HiddenDropout"]

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from wxml_processor_transformer.feed_forward import Activation, FeedForward, Mlp
from wxml_processor_transformer.graph_attention import GraphAttention
from wxml_processor_transformer.norm import Norm

HiddenDropout = Annotated[float, Field(ge=0, lt=1, description="probability of dropping a hidden value of the network")]


@dataclass(frozen=True, slots=True)
class GraphTransformerOptions:
    """What the user chose about a block."""

    num_heads: int
    mlp_ratio: float
    mlp: Mlp
    activation: Activation
    qk_norm: bool
    dropout: float
    norm: Norm

    def attention(self, channels: int, edge_channels: int) -> GraphAttention:
        """The attention of a block."""
        return GraphAttention(channels, self.num_heads, edge_channels, qk_norm=self.qk_norm)

    def feed_forward(self, channels: int) -> FeedForward:
        """The network of a block."""
        return FeedForward(channels, self.mlp_ratio, mlp=self.mlp, activation=self.activation, dropout=self.dropout)
