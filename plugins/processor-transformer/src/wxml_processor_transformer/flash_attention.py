"""Attention by the flash_attn package, where it is installed (CUDA, half precision)."""

__all__ = ["flash_attention", "require_flash_attention"]

from importlib.util import find_spec

import numpy as np
from torch import Tensor
from wxml.errors import ConfigError, Fault
from wxml_kernels.key_window import KeyWindow


def require_flash_attention(window: KeyWindow | None) -> None:
    """Refuse where flash_attn is missing, or where the window is one that it does not have."""
    if find_spec("flash_attn") is None:
        fault = Fault("backend", "`flash` needs the package flash-attn, which is not installed")
        raise ConfigError([fault], fix="install flash-attn (CUDA only), or use `backend: blocks`: the same numbers")
    if window is not None and not _is_band(window):
        fault = Fault("backend", "`flash` has no window between two node sets")
        raise ConfigError([fault], fix="use `backend: blocks`, or `window: null`")


def _is_band(window: KeyWindow) -> bool:
    first, last = window.bounds.numpy()
    centres = np.arange(len(first))
    band = np.maximum(centres - window.window, 0), np.minimum(centres + window.window, len(first) - 1)
    return np.array_equal(first, band[0]) and np.array_equal(last, band[1])


def flash_attention(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow | None, dropout: float) -> Tensor:
    """What `attend` gives, by `flash_attn_func`; shapes are those of `attend`."""
    from flash_attn import flash_attn_func  # type: ignore[import-not-found]  # optional, and only for CUDA

    query, key, value = (part.to(value.dtype).transpose(1, 2) for part in (query, key, value))
    width = -1 if window is None else window.window
    gathered: Tensor = flash_attn_func(query, key, value, dropout_p=dropout, window_size=(width, width))
    return gathered.transpose(1, 2)
