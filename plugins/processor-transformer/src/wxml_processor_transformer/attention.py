"""Multi-head attention from target nodes to source nodes, each in its order."""

__all__ = ["Attention", "attend", "channels_of_head", "flash_attention", "require_backend"]

import logging
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor, nn
from torch.nn import functional
from wxml.errors import ConfigError, Fault
from wxml_kernels import BackendError, KeyWindow, window_attention

from wxml_processor_transformer.options import Backend


def channels_of_head(channels: int, heads: int) -> int:
    """The number of channels in each head.

    Raises:
        ConfigError: `heads` does not divide `channels`; the error names the numbers that do.
    """
    if channels % heads:
        fault = Fault("num_heads", f"it must divide the {channels} channels of the model, got {heads}")
        divisors = ", ".join(str(number) for number in range(1, channels + 1) if not channels % number)
        raise ConfigError([fault], fix=f"use one of {divisors}")
    return channels // heads


LOG = logging.getLogger("wxml.transformer")
WIDEST = 256
"""The most channels of a head that flash_attn takes."""
OLDEST = (8, 0)
"""The compute capability that it needs."""


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: KeyWindow | None,
    dropout: float = 0.0,
    backend: Backend = "auto",
) -> Tensor:
    """softmax(q·k / √d) v, over the keys in each query's window, or over all keys without a window.

    Args:
        query: shape `[batch, head, query, head channel]`.
        key: shape `[batch, head, key, head channel]`.
        value: like `key`.
        window: the keys that each query sees.
        dropout: probability with which a weight is zeroed.
        backend: `blocks`, `flash`, `flex`, or `auto`: the first of flash and flex that can run here, else blocks.

    Returns:
        Shape of `query`, dtype of `value`.

    Raises:
        ConfigError: `flex` cannot run on the device of the values.
    """
    if backend == "flash" or (backend == "auto" and _has_flash(value, window)):
        return flash_attention(query, key, value, window, dropout)
    if window is None:
        return functional.scaled_dot_product_attention(query.to(value), key.to(value), value, dropout_p=dropout)
    try:
        return window_attention(query, key, value, window, dropout, backend=backend)
    except BackendError as error:
        raise ConfigError([Fault("backend", str(error))], fix="use `backend: auto`: the same numbers") from error


def require_backend(backend: Backend, window: KeyWindow | None, dropout: float) -> None:
    """Check what a backend needs, whatever the device.

    Raises:
        ConfigError: flash_attn is not installed, or it has no window of this form; FlexAttention has no dropout.
    """
    if backend == "flex" and dropout:
        fault = Fault("backend", f"`flex` has no dropout of weights, got `dropout` {dropout:g}")
        raise ConfigError([fault], fix="use `backend: auto`, or `dropout: 0`")
    if backend == "flash":
        _require_flash(window)


def _require_flash(window: KeyWindow | None) -> None:
    if find_spec("flash_attn") is None:
        fault = Fault("backend", "`flash` needs the package flash-attn, which is not installed")
        raise ConfigError([fault], fix="install flash-attn (CUDA only), or use `backend: blocks`: the same numbers")
    if window is not None and not window.is_band:
        fault = Fault("backend", "`flash` has no window between two node sets")
        raise ConfigError([fault], fix="use `backend: blocks`, or `window: null`")


def _has_flash(value: Tensor, window: KeyWindow | None) -> bool:
    """Whether flash_attn can attend to these values; it is for GPUs and half precision."""
    if value.device.type != "cuda" or value.dtype not in (torch.bfloat16, torch.float16) or value.shape[-1] > WIDEST:
        return False
    return (window is None or window.is_band) and bool(_runs_flash(str(value.device)))


def _runs_flash(device: str) -> bool:
    """Whether flash_attn is there and made for a device."""
    return _found_flash(device)


# what `torch.compiler.assume_constant_result` does; it imports torch's compilers, which takes 1.1 s
_runs_flash._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _found_flash(device: str) -> bool:
    """The same, told to the log once."""
    if find_spec("flash_attn") is None or not torch.cuda.is_available():
        return False
    if torch.cuda.get_device_capability(device) < OLDEST:
        return False
    try:
        import flash_attn  # noqa: F401
    except ImportError as error:  # it was built for another torch
        LOG.warning("flash_attn is installed and cannot be imported: %s", error)
        return False
    LOG.info("attention: flash_attn on %s", device)
    return True


def flash_attention(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow | None, dropout: float) -> Tensor:
    """The result of `attend` by `flash_attn_func` (CUDA, half precision); shapes are those of `attend`."""
    from flash_attn import flash_attn_func  # optional, and only for CUDA

    query, key, value = (part.to(value.dtype).transpose(1, 2) for part in (query, key, value))
    width = -1 if window is None else window.window
    attended: Tensor = flash_attn_func(query, key, value, dropout_p=dropout, window_size=(width, width))
    return attended.transpose(1, 2)


class Attention(nn.Module):
    """W_o MHA(W_q x, W_k y, W_v y) + b_o: targets x look at sources y (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
        channels: C, of targets, sources and the result.
        heads: the number of heads; each has C / heads channels.
        backend: how the weighted sums are computed; see `attend`.
        qk_norm: layer norm of q and k in each head, without a bias (Henry et al. 2020, arXiv:2010.04245).
        dropout: probability with which a weight is zeroed in training.
    """

    def __init__(
        self, channels: int, heads: int, *, backend: Backend = "auto", qk_norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        width = channels_of_head(channels, heads)
        self.heads, self.dropout, self.backend = heads, dropout, backend
        self.query, self.key, self.value = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.query_norm = nn.LayerNorm(width, bias=False) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(width, bias=False) if qk_norm else nn.Identity()
        self.out = nn.Linear(channels, channels)

    def forward(
        self, target: Tensor, source: Tensor, window: KeyWindow | None, rotary: nn.ModuleList | None = None
    ) -> Tensor:
        """The attended values of each target, `[batch, target_node, channel]`.

        Args:
            target: shape `[batch, target_node, channel]`.
            source: shape `[batch, source_node, channel]`.
            window: the sources that each target sees; None: all.
            rotary: the rotations of queries and of keys.
        """
        query, key, value = (
            linear(nodes).view(*nodes.shape[:2], self.heads, -1).transpose(1, 2)  # [batch, head, node, head channel]
            for linear, nodes in ((self.query, target), (self.key, source), (self.value, source))
        )
        query, key = self.query_norm(query), self.key_norm(key)
        if rotary is not None:
            query, key = rotary[0](query), rotary[1](key)
        attended = attend(query, key, value, window, self.dropout if self.training else 0.0, self.backend)
        result: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return result
