"""The graph transformer block: attention along edges, then a network on each node, both inside a residual.

With targets h, sources s, features a of the edges and d channels in each head (Shi et al. 2021, arXiv:2009.03509):

    q = W_q h,   k = W_k s,   v = W_v s,   e = W_e a
    o_i = Σ_j softmax_j( q_i · (k_j + e_ij) / √d ) (v_j + e_ij)      over the edges j → i; zero without any
    A(h, s) = W_o (o + W_r h)

with biases everywhere. `wxml_kernels.edge_attention` computes o without e. The block is

    y = x + A(norm x, norm s),    out = y + FFN(norm y)

On a mesh the sources s are the targets x.
"""

__all__ = ["Along", "GraphAttention", "GraphTransformerBlock"]

from typing import NamedTuple, cast

from torch import Tensor, nn
from torch.nn import functional
from wxml.errors import ConfigError, Fault
from wxml_kernels import AttentionEdges, BackendError, edge_attention

from wxml_processor_transformer.attention import channels_of_head
from wxml_processor_transformer.options import BlockOptions, EdgeBackend
from wxml_processor_transformer.transformer_block import FeedForward, node_norm


class Along(NamedTuple):
    """The edges that attention goes along."""

    edges: AttentionEdges
    features: Tensor
    """a, as `AttentionEdges.arranged` gives them."""
    projection: nn.Linear | None = None
    """W_e if several layers share one; None: each has its own."""


class GraphAttention(nn.Module):
    """A(h, s) of the module's formula.

    Args:
        channels: C, of targets, sources and the result.
        heads: the number of heads; each has C / heads channels.
        edge_channels: features of an edge; 0 if W_e is shared.
        qk_norm: layer norm of q and k in each head, without a bias (Henry et al. 2020, arXiv:2010.04245).
        backend: how o is computed.
    """

    def __init__(
        self,
        channels: int,
        heads: int,
        edge_channels: int,
        *,
        qk_norm: bool = False,
        backend: EdgeBackend = "auto",
    ) -> None:
        super().__init__()
        width = channels_of_head(channels, heads)
        self.heads, self.backend = heads, backend
        self.query, self.key, self.value, self.root, self.out = (nn.Linear(channels, channels) for _ in range(5))
        self.edge = nn.Linear(edge_channels, channels) if edge_channels else None
        self.query_norm = nn.LayerNorm(width, bias=False) if qk_norm else None
        self.key_norm = nn.LayerNorm(width, bias=False) if qk_norm else None

    def forward(self, target: Tensor, source: Tensor, along: Along) -> Tensor:
        """The attended values of each target, `[batch, target_node, channel]`.

        The bias of e cancels in the softmax, whose weights sum to one, so it is added to v instead.

        Args:
            target: h, shape `[batch, target_node, channel]`.
            source: s, shape `[batch, source_node, channel]`.
            along: the edges.

        Raises:
            ConfigError: the backend cannot run on the device of the target.
        """
        edge = cast("nn.Linear", self.edge or along.projection)
        query, key = self.query(target), self.key(source)
        if self.query_norm is not None and self.key_norm is not None:
            query = self.query_norm(query.view(*query.shape[:2], self.heads, -1)).flatten(-2)
            key = self.key_norm(key.view(*key.shape[:2], self.heads, -1)).flatten(-2)
        value = functional.linear(source, self.value.weight, self.value.bias + edge.bias)
        on_edges = along.features, edge.weight, along.edges
        try:
            received = edge_attention(query, key, value, *on_edges, self.heads, backend=self.backend)
        except BackendError as error:
            raise ConfigError([Fault("backend", str(error))], fix="use `backend: auto`: the same numbers") from error
        result: Tensor = self.out(received + self.root(target))
        return result


class GraphTransformerBlock(nn.Module):
    """y = x + A(norm x, norm s), out = y + FFN(norm y); about 13 C² weights at `mlp_ratio: 4`."""

    def __init__(self, channels: int, edge_channels: int, options: BlockOptions, condition_channels: int = 0) -> None:
        super().__init__()
        self.attention_norm = node_norm(options.norm, channels, condition_channels)
        self.attention = GraphAttention(
            channels, options.num_heads, edge_channels, qk_norm=options.qk_norm, backend=options.edge_backend
        )
        self.feed_forward_norm = node_norm(options.norm, channels, condition_channels)
        self.feed_forward = FeedForward(channels, options)

    def forward(
        self, state: Tensor, along: Along, condition: Tensor | None = None, *, source: Tensor | None = None
    ) -> Tensor:
        """The new targets, `[batch, target_node, channel]`.

        Args:
            state: the targets x, shape `[batch, target_node, channel]`.
            along: the edges.
            condition: shape `[batch, target_node, condition channel]`.
            source: norm s, shape `[batch, source_node, channel]`; None: the targets are the sources.
        """
        normed = self.attention_norm(state, condition)
        state = state + self.attention(normed, normed if source is None else source, along)
        updated: Tensor = state + self.feed_forward(self.feed_forward_norm(state, condition))
        return updated
