"""Attention in windows of an order of nodes: each query sees a contiguous range of keys."""

__all__ = ["window_attention", "windowed_sdpa"]

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.block_attention import block_attention
from wxml_kernels.flex_windows import WindowBackend, flex_attention_in_window, runs_flex
from wxml_kernels.key_windows import KeyWindow
from wxml_kernels.memory_pool import is_real

MOST_PAIRS = 2**20
"""Most pairs of queries and keys that are made at once on a CPU: their mask takes 4 MiB."""
DENSE = 1.5
"""A pair costs 2 to 3 times as much in blocks as at once; `benchmarks/window_forms.py` measures both."""


def window_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    window: KeyWindow,
    dropout: float = 0.0,
    *,
    backend: WindowBackend = "auto",
) -> Tensor:
    """softmax(q·k / √d) v over the keys in each query's window, d being the channels of a head.

    The result is exact, in O(queries · window) operations and O(queries + keys) memory.

    >>> value = torch.arange(4.0).view(1, 1, 4, 1)
    >>> window_attention(torch.zeros(1, 1, 4, 1), torch.zeros(1, 1, 4, 1), value, KeyWindow.among(4, 1)).flatten()
    tensor([0.5000, 1.0000, 2.0000, 2.5000])

    Args:
        query: shape `[batch, head, query, head channel]`.
        key: shape `[batch, head, key, head channel]`.
        value: like `key`.
        window: the keys that each query sees.
        dropout: probability with which a weight is zeroed; the others are scaled up.
        backend: `flex`: torch's FlexAttention, on a GPU, or on a CPU without gradients; `blocks`: a kernel of this
            library on a CPU, scaled_dot_product_attention block by block elsewhere; `auto`: `flex` on a GPU where a
            trial has shown that it works; on a CPU scaled_dot_product_attention with a mask where the window leaves
            few of at most a million pairs out; else `blocks`.

    Returns:
        Shape of `query`, dtype of `value`.

    Raises:
        BackendError: `backend` is `flex`, and it cannot run on the device, or with dropout, or with gradients.
    """
    if runs_flex(backend, (query, key, value), window, dropout):
        if torch.compiler.is_compiling() or is_real(value):
            return flex_attention_in_window(query, key, value, window)
        return block_attention(query, key, value, window.bounds)  # a plan of memory: it holds the same tensors
    if backend == "auto" and not dropout and value.device.type == "cpu" and _is_small(window):
        return _all_at_once(query, key, value, window)
    if query.device.type in ("cpu", "meta"):
        return block_attention(query, key, value, window.bounds, dropout)
    return windowed_sdpa(query.to(value), key.to(value), value, window, dropout)


def _is_small(window: KeyWindow) -> bool:
    """Whether all pairs of queries and keys at once cost less than those in blocks; 128 queries are a block there."""
    pairs = window.bounds.shape[1] * window.keys
    return pairs <= MOST_PAIRS and pairs <= DENSE * window.pairs_in_blocks


def _all_at_once(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow) -> Tensor:
    """The same by `scaled_dot_product_attention` with a mask of queries by keys, in float32 at least."""
    with torch.autocast(query.device.type, enabled=False):
        wide = torch.promote_types(value.dtype, torch.float32)
        q, k, v = (part.to(wide) for part in (query.to(value.dtype), key.to(value.dtype), value))
        first, last = window.bounds.unsqueeze(-1)
        place = torch.arange(window.keys, device=first.device)
        seen = None if window.sees_all else (place >= first) & (place <= last)
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=seen).to(value.dtype)


def windowed_sdpa(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow, dropout: float = 0.0) -> Tensor:
    """The same by `scaled_dot_product_attention`, called once for each run of blocks that share a mask.

    Self-attention has one or two blocks at each border and one run of all others.
    """
    outputs = []
    for run in window.runs:
        keys = slice(run.low, run.low + run.keys + (run.blocks - 1) * run.queries)
        queries = slice(run.start, run.start + run.blocks * run.queries)
        blocks = query[:, :, queries].reshape(*query.shape[:2], run.blocks, run.queries, -1)
        near = (part[:, :, keys].unfold(2, run.keys, run.queries).transpose(-1, -2) for part in (key, value))
        first, last = (window.bounds[:, run.start : run.start + run.queries] - run.low).unsqueeze(-1)
        position = torch.arange(run.keys, device=query.device)
        seen = (position >= first) & (position <= last)  # [query, key] of a block
        q, k, v = (part.transpose(1, 2).flatten(0, 1) for part in (blocks, *near))  # blocks join the batch
        out = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, dropout_p=dropout)
        outputs.append(out.view(len(query), run.blocks, *out.shape[1:]).transpose(1, 2).flatten(2, 3))
    return torch.cat(outputs, dim=-2)
