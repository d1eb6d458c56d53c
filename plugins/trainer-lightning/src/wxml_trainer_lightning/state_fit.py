"""Holds the tensors of a training's state against the model and the optimizer that are to take them."""

__all__ = ["check_weights", "fitting_moments"]

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from wxml.errors import ArtefactError

FIX = "resume with the plugin versions that it was started with, or start again in another directory"
ADAMW, MUON = frozenset(("step", "exp_avg", "exp_avg_sq")), frozenset(("momentum_buffer",))
"""The names of the moments of one weight."""
NEVER_NEGATIVE = ("step", "exp_avg_sq")


def check_weights(kind: str, found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Compare the names, shapes and types of weights with those of a model.

    Args:
        kind: `weights`, `average` or `best`.
        found: the weights in the state.
        wanted: the state of the model.

    Raises:
        ArtefactError: names the first weight that does not fit.
    """
    for name in sorted(found.keys() ^ wanted.keys()):
        problem = "the model has no such weight" if name in found else "it is missing"
        raise _misfit(f"{kind}/{name}", problem)
    for name, tensor in found.items():
        _check_like(f"{kind}/{name}", tensor, wanted[name])


def fitting_moments(optimizer: Optimizer, moments: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    """Sort moments by the number of their weight, as the optimizer's `load_state_dict` takes them.

    Args:
        optimizer: a fresh optimizer of the model.
        moments: `0/exp_avg` and so on → tensor. A weight that never had a gradient has none.

    Raises:
        ArtefactError: names the first moment that does not fit its weight, or that is missing.
    """
    groups = [(group, weight) for group in optimizer.param_groups for weight in group["params"]]
    sorted_in: dict[int, dict[str, Tensor]] = {}
    for key, tensor in moments.items():
        number, _, name = key.partition("/")
        if not (number.isascii() and number.isdigit() and len(number) < 10 and int(number) < len(groups)):
            raise _misfit(f"optimizer/{key}", f"the optimizer has {len(groups)} weights")
        sorted_in.setdefault(int(number), {})[name] = tensor.clone()
    for place, of_weight in sorted_in.items():
        _check_moments(f"optimizer/{place}", of_weight, *groups[place])
    return sorted_in


def _check_moments(place: str, moments: Mapping[str, Tensor], group: Mapping[str, Any], weight: Tensor) -> None:
    """Check the moments of one weight: their names, shapes, types and values."""
    wanted = ADAMW if "betas" in group else MUON
    for name in sorted(moments.keys() ^ wanted):
        problem = "the optimizer has no such moment" if name in moments else "it is missing"
        raise _misfit(f"{place}/{name}", problem)
    for name, tensor in moments.items():
        _check_like(f"{place}/{name}", tensor, torch.zeros(()) if name == "step" else weight)
        if not bool(torch.isfinite(tensor).all()) or (name in NEVER_NEGATIVE and bool((tensor < 0).any())):
            raise _misfit(f"{place}/{name}", "a value is negative or not finite")


def _check_like(name: str, found: Tensor, wanted: Tensor) -> None:
    """Check the shape and the type of a tensor."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        got, right = (f"{one.dtype} of shape {list(one.shape)}".removeprefix("torch.") for one in (found, wanted))
        raise _misfit(name, f"it must be {right}, got {got}")


def _misfit(name: str, problem: str) -> ArtefactError:
    return ArtefactError(f"tensor `{name}` of the state does not fit the training: {problem}", fix=FIX)
