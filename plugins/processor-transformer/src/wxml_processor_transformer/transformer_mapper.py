"""TransformerMapper: attention between the grid and the mesh, within a window along a common order."""

__all__ = ["TransformerMapper"]

import numpy as np
import torch
from torch import Tensor, nn
from wxml import Mapper, MapperChannels, Route
from wxml_kernels import KeyWindow

from wxml_processor_transformer import options
from wxml_processor_transformer.attention import require_backend
from wxml_processor_transformer.node_order import node_order, ranks_among, reordered
from wxml_processor_transformer.rotary import rotary_pair
from wxml_processor_transformer.transformer_block import FeedForward, make_attention, node_norm


class TransformerMapper(Mapper):
    """One block of attention from targets y to sources x: y ← norm y, y ← y + MHA(y, norm x), y ← y + FFN(norm y).

    The first residual starts behind the norm, not in front of it as in a processor's block: so does Anemoi's.

    Targets and sources are sorted along one curve; a target sees the sources at most `window` ranks away from its own
    place among them. The edges of the route play no part. As an encoder it embeds both node sets and hands the raw
    source on; as a decoder it embeds its target and reads the output off it with a layer norm and a linear layer.
    """

    source_order: Tensor
    target_order: Tensor
    target_back: Tensor

    def __init__(
        self,
        route: Route,
        channels: MapperChannels,
        *,
        num_heads: options.NumHeads = 4,
        window: options.Window = 512,
        order: options.Order = "hilbert",
        position: options.Position = "none",
        mlp_ratio: options.MlpRatio = 4.0,
        mlp: options.Mlp = "mlp",
        activation: options.Activation = "gelu",
        qk_norm: options.QkNorm = False,
        dropout: options.AttentionDropout = 0.0,
        norm: options.Norm = "layer-norm",
        backend: options.Backend = "auto",
    ) -> None:
        super().__init__(route, channels)
        hidden = channels.hidden
        chosen = options.BlockOptions(num_heads, mlp_ratio, mlp, activation, qk_norm, dropout, norm, backend)
        self.embed_source = nn.Identity() if channels.decode else nn.Linear(channels.source, hidden)
        self.embed_target = nn.Linear(channels.target, hidden)
        self.source_norm, self.target_norm = node_norm(norm, hidden), node_norm(norm, hidden)
        self.attention = make_attention(hidden, chosen)
        self.feed_forward_norm = node_norm(norm, hidden)
        self.feed_forward = FeedForward(hidden, chosen)
        reading = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, channels.out))
        self.read_off = reading if channels.decode else nn.Identity()

        ranks = ranks_among(route.target, route.source, order)
        self.window = None if window is None else KeyWindow(ranks, len(route.source), window)
        require_backend(backend, self.window, dropout)
        source_order, target_order = node_order(route.source, order), node_order(route.target, order)
        for name, index in (
            ("source_order", source_order),
            ("target_order", target_order),
            ("target_back", np.argsort(target_order)),
        ):
            self.register_buffer(name, torch.tensor(index), persistent=False)
        targets = reordered(route.target, target_order), ranks
        sources = reordered(route.source, source_order), np.arange(len(source_order))
        self.rotary = rotary_pair(position, hidden // num_heads, targets, sources)

    @property
    def source_out(self) -> int:
        """Channels of the source; the mapper returns it unchanged."""
        return self.channels.source

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The source as it is, `[batch, source_node, channels.source]`, and the mapped target.

        The target has the shape `[batch, target_node, channels.out]`.
        """
        x = self.embed_source(source.index_select(1, self.source_order))
        y = self.target_norm(self.embed_target(target.index_select(1, self.target_order)))
        y = y + self.attention(y, self.source_norm(x), self.window, self.rotary)
        y = y + self.feed_forward(self.feed_forward_norm(y))
        return source, self.read_off(y).index_select(1, self.target_back)
