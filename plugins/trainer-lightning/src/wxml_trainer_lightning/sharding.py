"""Weights and moments that are divided among the processes of a training (FSDP2), and put together again.

Zhao et al. 2023, arXiv:2304.11277; each tensor is divided along its first axis.
"""

__all__ = ["divide", "divided_like", "whole"]

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, TypeGuard

from torch import Tensor, nn
from wxml import Mapper, Processor

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.tensor import DTensor


def divide(model: nn.Module, mesh: "DeviceMesh") -> None:
    """Divide the weights of a model among processes, whose gradients are added up.

    Each mapper and each layer of a processor has all of its own weights while it computes.
    """
    from torch.distributed.fsdp import fully_shard  # takes 0.5 s, and one process divides nothing

    for part in (*_parts(model), model):
        divided = fully_shard(part, mesh=mesh)
        divided.set_gradient_divide_factor(1.0)
        divided.set_force_sum_reduction_for_comms(enable=True)


def _parts(model: nn.Module) -> Iterator[nn.Module]:
    """The mappers, and the layers of the processors; each has weights, and is called as a module."""
    for part in model.children():
        if isinstance(part, Mapper | Processor):
            lists = [child for child in part.children() if isinstance(child, nn.ModuleList)]
            layers = [layer for layers in lists for layer in layers] if isinstance(part, Processor) else [part]
            yield from (layer for layer in layers if any(True for _ in layer.parameters()))


def whole(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Put the parts of tensors together, one tensor after the other; others stay as they are."""
    return {name: one.full_tensor() if _is_divided(one) else one for name, one in tensors.items()}


def divided_like(weight: Tensor, moment: Tensor) -> Tensor:
    """The part of a whole moment of a weight, as the weight is divided; a moment of another shape stays whole."""
    if not _is_divided(weight) or moment.shape != weight.shape:
        return moment
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(moment.to(weight.device), weight.device_mesh, weight.placements, src_data_rank=None)


def _is_divided(tensor: Tensor) -> TypeGuard["DTensor"]:
    """Whether a tensor is a part of a whole one, by what it can do: to import its class takes 0.5 s."""
    return hasattr(tensor, "full_tensor")
