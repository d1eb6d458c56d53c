"""A model whose weights have a shape, a dtype and a device, but no values: it can be traced, and computes nothing."""

__all__ = ["values_refused", "without_values"]

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wxml.errors import ContractError


@contextmanager
def values_refused() -> Iterator[None]:
    """Turn the error of torch, if values are read or shapes depend on values, into one that says what to do."""
    try:
        yield
    except RuntimeError as error:
        raise ContractError(
            f"the memory of this model cannot be planned: {str(error).splitlines()[0]}",
            fix="no `forward` of a plugin may depend on values of tensors; its authors can make indices and masks "
            "in the constructor",
        ) from error


def without_values(model: nn.Module, device: str) -> None:
    """Replace all weights and buffers by tensors without values; it is called inside the fake mode of torch."""
    made: dict[int, Tensor] = {}
    for module in model.modules():
        for name, old in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            if id(old) not in made:
                new = torch.empty_like(old, device=device)
                made[id(old)] = nn.Parameter(new, old.requires_grad) if isinstance(old, nn.Parameter) else new
            setattr(module, name, made[id(old)])
