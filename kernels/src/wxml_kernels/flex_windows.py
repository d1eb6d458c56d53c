"""Attention in windows by torch's FlexAttention (Dong et al. 2024, arXiv:2412.05496), compiled for the device.

Its block mask says which blocks of `SIDE` queries and `SIDE` keys meet, and which of them are seen whole, so that the
kernel skips the rest: O(queries · window) operations, as in `windowed_sdpa`, without its copies of keys and values.

`auto` takes it on a CUDA device if there is no dropout, the values have 32 bits or fewer, Triton is installed, and a
trial on this device, made once for each window, gives the numbers of `windowed_sdpa`, forward and backward.
"""

__all__ = ["WindowBackend", "flex_attention_in_window", "runs_flex", "why_not_flex"]

import logging
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from typing import Any, Literal, cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn import functional

from wxml_kernels.fused import BackendError, first_line
from wxml_kernels.key_windows import KeyWindow
from wxml_kernels.memory_pool import is_real

WindowBackend = Literal["auto", "blocks", "flex"]
"""How attention in windows is computed: `blocks` by this library on a CPU, by torch block by block elsewhere."""

LOG = logging.getLogger("wxml.kernels")
HAS_TRITON = find_spec("triton") is not None
SIDE = 128
"""Queries and keys of a block; what FlexAttention takes if nothing is said."""
NARROWEST = 16
"""The fewest channels of a head on a GPU; widths are filled up with zeros to this or to the next power of two."""
TOLERANCE = 3e-2
"""The largest difference over the largest value in a trial: bfloat16 has eight bits, products in TF32 have ten."""


_TRIALS: WeakKeyDictionary[KeyWindow, dict[tuple[torch.device, torch.dtype, int], str | None]] = WeakKeyDictionary()


def why_not_flex(value: Tensor, dropout: float = 0.0, *, gradients: bool = False) -> str | None:
    """Why FlexAttention cannot attend to these values, in words; None if it can.

    >>> why_not_flex(torch.zeros(1, 1, 4, 8), dropout=0.1)
    'it has no dropout'
    >>> why_not_flex(torch.zeros(1, 1, 4, 8), gradients=True)
    'on a cpu it has no backward pass'
    """
    device = value.device.type
    if dropout:
        return "it has no dropout"
    if device not in ("cpu", "cuda"):
        return f"it runs on cuda, and without gradients on a cpu, and the device is {device}"
    if device == "cpu":
        return "on a cpu it has no backward pass" if gradients else None
    if value.dtype not in (torch.float32, torch.bfloat16, torch.float16):
        return f"on cuda it has no {str(value.dtype).removeprefix('torch.')}"
    return None if HAS_TRITON else "the package triton is not installed"


def runs_flex(backend: WindowBackend, parts: tuple[Tensor, Tensor, Tensor], window: KeyWindow, dropout: float) -> bool:
    """Whether FlexAttention attends from a query to a key and a value.

    Raises:
        BackendError: `backend` is `flex`, and it cannot.
    """
    value = parts[2]
    if backend == "blocks" or (backend == "auto" and value.device.type != "cuda"):
        return False
    gradients = torch.is_grad_enabled() and any(part.requires_grad for part in parts)
    compiling = torch.compiler.is_compiling()
    planned = not compiling and not is_real(value)
    reason = why_not_flex(value, dropout, gradients=gradients and not planned)
    if backend == "flex" and reason:
        raise BackendError(f"`backend` cannot be 'flex': {reason}")
    if reason is None and not (backend == "flex" or compiling or planned):
        reason = _fault_of_trial(value, window)
    if not compiling and not planned:
        _tell(str(value.device), reason)
    return reason is None


@cache
def _tell(device: str, reason: str | None) -> None:
    """Log which form runs on a device, once."""
    if reason is None:
        LOG.info("attention in windows: FlexAttention on %s", device)
    else:
        LOG.warning("attention in windows: scaled_dot_product_attention on %s, since of flex: %s", device, reason)


def flex_attention_in_window(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow) -> Tensor:
    """`window_attention`, whose arguments these are, by FlexAttention."""
    from torch.nn.attention.flex_attention import flex_attention

    width = value.shape[-1]
    filled = max(NARROWEST, 1 << (width - 1).bit_length()) - width
    q, k, v = (functional.pad(part.to(value.dtype), (0, filled)) for part in (query, key, value))
    attend = _compiled() if not torch.compiler.is_compiling() else cast("Callable[..., Tensor]", flex_attention)
    out = attend(q, k, v, block_mask=block_mask(window), scale=width**-0.5)
    return out[..., :width]


@cache
def _compiled() -> Callable[..., Tensor]:
    """FlexAttention; uncompiled it makes all scores, of each query with each key."""
    from torch.nn.attention.flex_attention import flex_attention

    compiled: Callable[..., Tensor] = torch.compile(flex_attention, fullgraph=True)
    return compiled


def block_mask(window: KeyWindow) -> Any:
    """The block mask of a window, kept for the next call; eight tables of int32, `[block of queries, block of keys]`.

    Under a compiler it is made in the graph, unless a call before has made it.
    """
    made = window.block_mask
    if made is None or made.kv_indices.device != window.bounds.device:
        if torch.compiler.is_compiling():
            return _block_mask(window)
        with torch.inference_mode(False):  # a forecast may make it, and training uses it afterwards
            made = window.block_mask = _block_mask(window)
    return made


def _block_mask(window: KeyWindow) -> Any:
    from torch.nn.attention.flex_attention import BlockMask

    first, last = window.bounds
    queries, keys = len(first), window.keys
    starts = torch.arange(0, queries, SIDE, device=first.device)
    ends = (starts + SIDE).clamp(max=queries) - 1
    columns = torch.arange(-(-keys // SIDE), device=first.device)
    low, high = first[starts, None] // SIDE, last[ends, None] // SIDE
    met = (low <= columns) & (columns <= high)  # [block of queries, block of keys]
    complete = (starts + SIDE <= queries)[:, None] & ((columns + 1) * SIDE <= keys)
    whole = complete & (first[ends, None] <= columns * SIDE) & (last[starts, None] >= (columns + 1) * SIDE - 1)

    def seen(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        inside: Tensor = (first[i] <= j) & (j <= last[i])
        return inside

    tables = (*_in_front(met & ~whole), *_in_front(whole))
    return BlockMask.from_kv_blocks(*tables, BLOCK_SIZE=SIDE, mask_mod=seen, seq_lengths=(queries, keys))


def _in_front(blocks: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks each row has, and their columns in front of the others; `[1, 1, row]`, `[1, 1, row, column]`."""
    order = torch.argsort(blocks.to(torch.int8), dim=1, descending=True, stable=True)
    return blocks.sum(1, dtype=torch.int32)[None, None], order.to(torch.int32)[None, None]


def _fault_of_trial(value: Tensor, window: KeyWindow) -> str | None:
    """What a trial of one head in a window has shown, made once: None if it agrees with `windowed_sdpa`."""
    case = (value.device, value.dtype, value.shape[-1])
    made = _TRIALS.setdefault(window, {})
    if case not in made:
        made[case] = _trial(value, window)
    return made[case]


def _trial(value: Tensor, window: KeyWindow) -> str | None:
    from wxml_kernels.windows import windowed_sdpa

    generator = torch.Generator().manual_seed(0)  # the generator of the process is left alone
    nodes = window.bounds.shape[1], window.keys, window.keys
    try:
        device = value.device.type
        with torch.inference_mode(False), torch.enable_grad(), torch.autocast(device, enabled=False):
            drawn = (torch.randn(1, 1, count, value.shape[-1], generator=generator) for count in nodes)
            parts = [part.to(value.device, value.dtype).requires_grad_() for part in drawn]
            query, key, value = parts
            flex = flex_attention_in_window(query, key, value, window)
            plain = windowed_sdpa(query, key, value, window)
            results = [[out, *torch.autograd.grad(out.square().sum(), parts)] for out in (flex, plain)]
        for flex, plain in zip(*results, strict=True):
            if not (flex - plain).abs().max() <= TOLERANCE * plain.abs().max():
                return "it gave other numbers in a trial"
    except Exception as error:  # noqa: BLE001  # compilers and drivers fail in many ways, and another form remains
        return f"a trial failed: {type(error).__name__}: {first_line(error)}"
    return None
