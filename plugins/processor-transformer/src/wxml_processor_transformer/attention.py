"""Multi-head attention from target nodes to source nodes, each in its order."""

__all__ = ["Attention", "Backend"]

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from wxml_kernels.block_attention import block_attention
from wxml_kernels.key_window import KeyWindow, Run

from wxml_processor_transformer.flash_attention import flash_attention
from wxml_processor_transformer.heads import channels_of_head

Backend = Literal["blocks", "flash"]
Kernel = Callable[[Tensor, Tensor, Tensor, KeyWindow | None, float], Tensor]


def attend(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow | None, dropout: float = 0.0) -> Tensor:
    """softmax(q·k / √d) v, over the keys in each query's window, or over all of them where there is none.

    Exact everywhere, and never more than O(queries · window). On a CPU (and on tensors without data) by
    `block_attention`, on other devices by `windowed_sdpa`.

    Args:
        query: shape `[batch, head, query, head channel]`; `key` and `value` likewise.
        key: the keys.
        value: what is averaged.
        window: which keys each query sees.
        dropout: probability with which a weight is zeroed.
    """
    if window is None:
        return functional.scaled_dot_product_attention(query.to(value), key.to(value), value, dropout_p=dropout)
    if query.device.type in ("cpu", "meta"):
        return block_attention(query, key, value, window.bounds, dropout)
    return windowed_sdpa(query.to(value), key.to(value), value, window, dropout)


def windowed_sdpa(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow, dropout: float = 0.0) -> Tensor:
    """The same by plain `scaled_dot_product_attention`, once for each run of blocks that share a mask.

    For self-attention these are one or two blocks at each border and one batch of all others.
    """
    bounds = window.bounds
    return torch.cat([_run(query, (key, value), run, bounds, dropout) for run in window.runs], dim=-2)


def _run(query: Tensor, pair: tuple[Tensor, Tensor], run: Run, bounds: Tensor, dropout: float) -> Tensor:
    keys = slice(run.low, run.low + run.keys + (run.blocks - 1) * run.queries)
    queries = slice(run.start, run.start + run.blocks * run.queries)
    key, value = (part[:, :, keys].unfold(2, run.keys, run.queries).transpose(-1, -2) for part in pair)
    blocks = query[:, :, queries].reshape(*query.shape[:2], run.blocks, run.queries, -1)
    first, last = (bounds[:, run.start : run.start + run.queries] - run.low).unsqueeze(-1)
    position = torch.arange(run.keys, device=bounds.device)
    seen = (position >= first) & (position <= last)
    blocks, key, value = (part.transpose(1, 2).flatten(0, 1) for part in (blocks, key, value))  # they join the batch
    out: Tensor = functional.scaled_dot_product_attention(blocks, key, value, attn_mask=seen, dropout_p=dropout)
    return out.view(len(query), run.blocks, *out.shape[1:]).transpose(1, 2).flatten(2, 3)


KERNELS: dict[str, Kernel] = {"blocks": attend, "flash": flash_attention}


class Attention(nn.Module):
    """W_o MHA(W_q x, W_k y, W_v y) + b_o: targets x look at sources y (Vaswani et al. 2017, arXiv:1706.03762).

    Args:
        channels: C, of targets, sources and the result.
        heads: in how many heads the channels fall.
        backend: `blocks` or `flash`.
        qk_norm: layer norm of q and k in each head, without a bias (Henry et al. 2020, arXiv:2010.04245).
        dropout: probability with which a weight is zeroed in training.
    """

    def __init__(
        self, channels: int, heads: int, *, backend: Backend = "blocks", qk_norm: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        width = channels_of_head(channels, heads)
        self.heads, self.dropout, self.kernel = heads, dropout, KERNELS[backend]
        self.query, self.key, self.value = (nn.Linear(channels, channels, bias=False) for _ in range(3))
        self.query_norm = nn.LayerNorm(width, bias=False) if qk_norm else nn.Identity()
        self.key_norm = nn.LayerNorm(width, bias=False) if qk_norm else nn.Identity()
        self.out = nn.Linear(channels, channels)

    def forward(
        self, target: Tensor, source: Tensor, window: KeyWindow | None, places: nn.ModuleList | None = None
    ) -> Tensor:
        """What the targets gather, `[batch, target_node, channel]`.

        Args:
            target: shape `[batch, target_node, channel]`.
            source: shape `[batch, source_node, channel]`.
            window: which sources each target sees; None: all.
            places: the rotations of queries and of keys.
        """
        query, key, value = (
            linear(nodes).view(*nodes.shape[:2], self.heads, -1).transpose(1, 2)
            for linear, nodes in ((self.query, target), (self.key, source), (self.value, source))
        )
        query, key = self.query_norm(query), self.key_norm(key)
        if places is not None:
            query, key = places[0](query), places[1](key)
        gathered = self.kernel(query, key, value, window, self.dropout if self.training else 0.0)
        result: Tensor = self.out(gathered.transpose(1, 2).flatten(2))
        return result
