"""The transformer block: attention, then a network on each node, both behind a norm and inside a residual.

The norms and the network on nodes are those of the graph transformer as well.
"""

__all__ = ["FeedForward", "RmsNorm", "TransformerBlock", "make_attention", "node_norm"]

from torch import Tensor, nn
from wxml import ConditionalLayerNorm
from wxml.errors import ConfigError, Fault
from wxml_kernels import KeyWindow, LayerStack, row_network

from wxml_processor_transformer.attention import Attention
from wxml_processor_transformer.options import BlockOptions, Norm

ACTIVATIONS: dict[str, type[nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU, "silu": nn.SiLU}
GATES: dict[str, type[nn.Module]] = {"glu": nn.Sigmoid, "swiglu": nn.SiLU, "geglu": nn.GELU, "reglu": nn.ReLU}


class RmsNorm(nn.RMSNorm):
    """x / √(mean x² + ε) · w (Zhang and Sennrich 2019, arXiv:1910.07467); there is no conditional form."""

    def forward(self, values: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[..., channel]` in and out."""
        return super().forward(values)


def node_norm(norm: Norm, channels: int, condition_channels: int = 0) -> nn.Module:
    """Make a norm; call it with values `[..., channel]` and, if there are condition channels, a condition.

    Raises:
        ConfigError: `norm` is `rms-norm`, which has no conditional form, and there are condition channels.
    """
    if norm == "layer-norm":
        return ConditionalLayerNorm(channels, condition_channels)
    if condition_channels:
        fault = Fault("norm", "`rms-norm` takes no noise as a condition")
        raise ConfigError([fault], fix="use `norm: layer-norm`, or `model.noise.how: inject`")
    return RmsNorm(channels, eps=1e-5)


class FeedForward(nn.Module):
    """W_o a(W_v x + b_v) + b_o, or gated, W_o [g(W_g x + b_g) · (W_v x + b_v)] + b_o (Shazeer 2020, arXiv:2002.05202).

    The hidden layer has `mlp_ratio` · C channels, rounded to the nearest integer. With `mlp: mlp` the form is the plain
    one with `activation` a. Otherwise it is gated: g is a sigmoid for `glu`, SiLU for `swiglu`, GELU for `geglu` and
    ReLU for `reglu`, and `activation` is not used. `dropout` zeroes hidden values in training.
    """

    def __init__(self, channels: int, options: BlockOptions) -> None:
        super().__init__()
        gated, hidden = options.mlp != "mlp", int(channels * options.mlp_ratio + 0.5)
        self.plain = None if gated else options.activation
        self.value = nn.Linear(channels, hidden)
        self.gate = nn.Linear(channels, hidden) if gated else None
        self.activation = GATES[options.mlp]() if gated else ACTIVATIONS[options.activation]()
        self.dropout = nn.Dropout(options.dropout)
        self.out = nn.Linear(hidden, channels)

    def forward(self, values: Tensor) -> Tensor:
        """`[..., channel]` in and out."""
        if self.plain is not None and not (self.training and self.dropout.p):
            stack = LayerStack(self.plain, (self.out.weight,), (self.out.bias,))
            return row_network((values,), (self.value.weight,), self.value.bias, stack)
        hidden = self.value(values)
        hidden = self.activation(hidden) if self.gate is None else self.activation(self.gate(values)) * hidden
        mapped: Tensor = self.out(self.dropout(hidden))
        return mapped


class TransformerBlock(nn.Module):
    """y = x + MHA(norm x), out = y + FFN(norm y); about 12 C² weights at `mlp_ratio: 4`."""

    def __init__(self, channels: int, options: BlockOptions, condition_channels: int = 0) -> None:
        super().__init__()
        self.attention_norm = node_norm(options.norm, channels, condition_channels)
        self.attention = make_attention(channels, options)
        self.feed_forward_norm = node_norm(options.norm, channels, condition_channels)
        self.feed_forward = FeedForward(channels, options)

    def forward(
        self,
        state: Tensor,
        window: KeyWindow | None,
        rotary: nn.ModuleList | None = None,
        condition: Tensor | None = None,
    ) -> Tensor:
        """The new state, `[batch, node, channel]`; state and condition are in the order of the window."""
        normed = self.attention_norm(state, condition)
        state = state + self.attention(normed, normed, window, rotary)
        updated: Tensor = state + self.feed_forward(self.feed_forward_norm(state, condition))
        return updated


def make_attention(channels: int, options: BlockOptions) -> Attention:
    """Make the attention that the options describe."""
    return Attention(
        channels, options.num_heads, backend=options.backend, qk_norm=options.qk_norm, dropout=options.dropout
    )
