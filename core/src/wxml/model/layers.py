"""Layers one after the other, all their activations kept or some computed again in the backward pass."""

__all__ = ["run_layers"]

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Tensors = tuple[Tensor, ...]
Layer = Callable[..., Tensors]


def run_layers(layers: Sequence[Layer], state: Tensors, groups: int = 0) -> Tensors:
    """What comes out of the last layer.

    Args:
        layers: each takes the tensors that the one before gave, and gives as many.
        state: what the first layer takes.
        groups: 0 keeps every activation for the backward pass. Otherwise the layers fall into so many groups of about
            the same length, of which only the inputs are kept: the backward pass runs a group again (Chen et al. 2016,
            arXiv:1604.06174). Exact, dropout included.
    """
    if not groups or not torch.is_grad_enabled():
        return _run(layers, *state)
    count = min(groups, len(layers))
    bounds = [len(layers) * group // count for group in range(count + 1)]
    for first, last in pairwise(bounds):
        state = checkpoint(_run, layers[first:last], *state, use_reentrant=False)
    return state


def _run(layers: Sequence[Layer], *state: Tensor) -> Tensors:
    for layer in layers:
        state = layer(*state)
    return state
