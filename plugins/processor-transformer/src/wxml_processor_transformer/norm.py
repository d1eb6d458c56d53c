"""The norms in front of attention and network."""

__all__ = ["Norm", "node_norm"]

from typing import Literal

from torch import Tensor, nn
from wxml.errors import ConfigError, Fault
from wxml.model.noise import ConditionalLayerNorm

Norm = Literal["layer-norm", "rms-norm"]


class RmsNorm(nn.RMSNorm):
    """x / √(mean x² + ε) · w (Zhang and Sennrich 2019, arXiv:1910.07467); there is no conditional form."""

    def forward(self, values: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[..., channel]` in and out."""
        return super().forward(values)


def node_norm(norm: Norm, channels: int, condition_channels: int = 0) -> nn.Module:
    """A norm that is called with values and, if there are condition channels, a condition."""
    if norm == "layer-norm":
        return ConditionalLayerNorm(channels, condition_channels)
    if condition_channels:
        fault = Fault("norm", "`rms-norm` takes no noise as a condition")
        raise ConfigError([fault], fix="use `norm: layer-norm`, or `model.noise.how: inject`")
    return RmsNorm(channels, eps=1e-5)
