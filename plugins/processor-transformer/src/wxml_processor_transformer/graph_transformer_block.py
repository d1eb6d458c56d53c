"""The graph transformer block: attention along edges, then a network on each node, both around a short cut.

    y = x + A(norm x, norm s),    out = y + FFN(norm y)

with A of `wxml_processor_transformer.graph_attention`; on a mesh the sources s are the targets x.
"""

__all__ = ["GraphTransformerBlock"]

from torch import Tensor, nn

from wxml_processor_transformer.graph_attention import Along
from wxml_processor_transformer.graph_transformer_options import GraphTransformerOptions
from wxml_processor_transformer.norm import node_norm


class GraphTransformerBlock(nn.Module):
    """About 13 C² weights at `mlp_ratio: 4`."""

    def __init__(
        self, channels: int, edge_channels: int, options: GraphTransformerOptions, condition_channels: int = 0
    ) -> None:
        super().__init__()
        self.attention_norm = node_norm(options.norm, channels, condition_channels)
        self.attention = options.attention(channels, edge_channels)
        self.feed_forward_norm = node_norm(options.norm, channels, condition_channels)
        self.feed_forward = options.feed_forward(channels)

    def forward(
        self, state: Tensor, along: Along, condition: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        """The new targets, `[batch, target_node, channel]`.

        Args:
            state: the targets x, shape `[batch, target_node, channel]`.
            along: the edges.
            condition: shape `[batch, target_node, condition channel]`.
            source: the sources behind their norm, shape `[batch, source_node, channel]`; None: the targets.
        """
        normed = self.attention_norm(state, condition)
        state = state + self.attention(normed, normed if source is None else source, along)
        updated: Tensor = state + self.feed_forward(self.feed_forward_norm(state, condition))
        return updated
