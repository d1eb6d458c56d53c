"""Layer norm, and layer norm that noise shifts and scales."""

__all__ = ["ConditionalLayerNorm"]

from torch import Tensor, nn


class ConditionalLayerNorm(nn.Module):
    """LN(x) · (1 + W_s z + b_s) + W_b z + b_b, with all of W and b zero at first: then a plain layer norm.

    The noise z makes the members of an ensemble differ (Lang et al. 2024, arXiv:2412.15832). Without condition channels
    it is `torch.nn.LayerNorm`, weight and bias included; with them the norm has none of its own.
    """

    def __init__(self, channels: int, condition_channels: int = 0) -> None:
        super().__init__()
        conditional = condition_channels > 0
        self.norm = nn.LayerNorm(channels, elementwise_affine=not conditional)
        self.scale = nn.Linear(condition_channels, channels) if conditional else None
        self.shift = nn.Linear(condition_channels, channels) if conditional else None
        for linear in (self.scale, self.shift):
            if linear is not None:
                nn.init.zeros_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, values: Tensor, condition: Tensor | None = None) -> Tensor:
        """`[batch, node, channel]` in and out; the condition has shape `[batch, node, condition channel]`."""
        normed: Tensor = self.norm(values)
        if self.scale is None or self.shift is None or condition is None:
            return normed
        shifted: Tensor = normed * (1 + self.scale(condition)) + self.shift(condition)
        return shifted
