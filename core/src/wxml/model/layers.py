"""Activation checkpointing: the backward pass recomputes some activations instead of keeping them all."""

__all__ = ["run_layers", "run_part", "set_recompute"]

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from wxml.config.model_schema import ActivationCheckpointingConfig
from wxml.model.mapper import Mapper
from wxml.model.processor import Processor

Tensors = tuple[Tensor, ...]
RunnablePart = Any
"""A mapper, a processor, or the mappers of several grids: a module with `recompute_whole`."""
Layer = Callable[..., Tensors]


def run_layers(layers: Sequence[Layer], state: Tensors, recompute_groups: int = 0) -> Tensors:
    """Run layers one after the other and return the output of the last one.

    Args:
        layers: each takes the tensors that the one before returned, and returns as many.
        state: the input of the first layer.
        recompute_groups: 0 keeps every activation for the backward pass. A number n splits the layers into n groups of
            about equal length and keeps only the input of each group; the backward pass runs a group again (Chen et al.
            2016, arXiv:1604.06174). Exact, dropout included.
    """
    if not recompute_groups or not torch.is_grad_enabled():
        return _run(layers, *state)
    count = min(recompute_groups, len(layers))
    bounds = [len(layers) * group // count for group in range(count + 1)]
    for first, last in pairwise(bounds):
        state = checkpoint(_run, layers[first:last], *state, use_reentrant=False)
    return state


def _run(layers: Sequence[Layer], *state: Tensor) -> Tensors:
    for layer in layers:
        state = layer(*state)
    return state


def set_recompute(model: nn.Module, config: ActivationCheckpointingConfig) -> None:
    """Tell the mappers and the processor of a model what to recompute.

    A processor without `has_recompute_groups` is recomputed as a whole.
    """
    for part in model.children():
        if isinstance(part, Processor):
            part.recompute_groups = config.processor if part.has_recompute_groups else 0
            part.recompute_whole = config.processor > 0 and not part.has_recompute_groups
        elif isinstance(part, Mapper):
            part.recompute_whole = config.mappers
        else:  # the mappers of several grids
            set_recompute(part, config)


def run_part(part: RunnablePart, *inputs: Any) -> Any:
    """Call a mapper or a processor; if its `recompute_whole` is set, keep only its inputs. Exact, dropout included."""
    if part.recompute_whole and torch.is_grad_enabled():
        return checkpoint(part, *inputs, use_reentrant=False)
    return part(*inputs)
