"""The transformer block: attention, then a network on each node, both behind a norm and around a short cut."""

__all__ = ["TransformerBlock"]

from torch import Tensor, nn
from wxml_kernels.key_window import KeyWindow

from wxml_processor_transformer.block_options import BlockOptions
from wxml_processor_transformer.norm import node_norm


class TransformerBlock(nn.Module):
    """x ← x + MHA(norm(x)), then x ← x + FFN(norm(x)); about 12 C² weights at `mlp_ratio: 4`."""

    def __init__(self, channels: int, options: BlockOptions, condition_channels: int = 0) -> None:
        super().__init__()
        self.attention_norm = node_norm(options.norm, channels, condition_channels)
        self.attention = options.attention(channels)
        self.feed_forward_norm = node_norm(options.norm, channels, condition_channels)
        self.feed_forward = options.feed_forward(channels)

    def forward(
        self,
        state: Tensor,
        window: KeyWindow | None,
        places: nn.ModuleList | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """The new state, `[batch, node, channel]` in the order of the window, as the condition is."""
        normed = self.attention_norm(state, condition)
        state = state + self.attention(normed, normed, window, places)
        updated: Tensor = state + self.feed_forward(self.feed_forward_norm(state, condition))
        return updated
