"""Which activations are kept for the backward pass, and which are computed again there (gradient checkpointing)."""

__all__ = ["choose_kept", "run_part"]

from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from wxml.config.schema import CheckpointingConfig
from wxml.model.mapper import Mapper
from wxml.model.processor import Processor


def choose_kept(model: nn.Module, config: CheckpointingConfig) -> None:
    """Tell the parts of a model what to keep.

    The layers of a processor that knows groups of layers are recomputed group by group, any other processor as a whole.
    """
    for part in model.children():
        if isinstance(part, Processor):
            part.layer_groups = config.processor if part.has_layer_groups else 0
            part.is_recomputed = config.processor > 0 and not part.has_layer_groups
        elif isinstance(part, Mapper):
            part.is_recomputed = config.mappers


def run_part(part: Mapper | Processor, *inputs: Any) -> Any:
    """What a mapper or processor gives, its activations kept or not as it was told; exact, dropout included."""
    if part.is_recomputed and torch.is_grad_enabled():
        return checkpoint(part, *inputs, use_reentrant=False)
    return part(*inputs)
