"""Holds the tensors of a training's state against the model and the optimizer that are to take them."""

__all__ = ["Kept", "check_weights", "fitting_moments"]

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from wxml import OptimizerMoment
from wxml.errors import ArtefactError

FIX = "resume with the plugin versions that it was started with, or start again in another directory"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """A weight, and what the optimizer keeps for it."""

    weight: Tensor
    moments: tuple[OptimizerMoment, ...]


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


def fitting_moments(kept: Mapping[str, Kept], moments: Mapping[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Sort moments by the name of their weight, and check them.

    Args:
        kept: name of a weight → what the optimizer keeps for it, in the order of the model.
        moments: `encoder.weight/exp_avg` and so on → tensor. A weight that never had a gradient has none.

    Raises:
        ArtefactError: names the first moment that does not fit its weight, or that is missing.
    """
    found: dict[str, dict[str, Tensor]] = {}
    former = _former_order(kept)
    for key, tensor in moments.items():
        weight, _, name = key.rpartition("/")
        if weight.isascii() and weight.isdigit() and len(weight) < 10 and int(weight) < len(former):
            weight = former[int(weight)]
        if weight not in kept:
            raise _misfit(f"optimizer/{key}", "the optimizer has no such weight")
        found.setdefault(weight, {})[name] = tensor.clone()
    for weight, of_weight in found.items():
        _check_moments(f"optimizer/{weight}", of_weight, kept[weight])
    return found


def _former_order(kept: Mapping[str, Kept]) -> list[str]:
    """The names of the weights by the numbers that earlier versions gave them in a state.

    They numbered the matrices that Muon moves first, then what has two axes or more, then the rest.
    """
    has_own = len({one.moments for one in kept.values()}) > 1
    muons = [name for name, one in kept.items() if has_own and len(one.moments) == 1]
    rest = [name for name in kept if name not in muons]
    return [*muons, *sorted(rest, key=lambda name: kept[name].weight.ndim <= 1)]


def _check_moments(place: str, moments: Mapping[str, Tensor], kept: Kept) -> None:
    """Check the moments of one weight: their names, shapes, types and values."""
    wanted = {moment.name: moment for moment in kept.moments}
    for name in sorted(moments.keys() ^ wanted.keys()):
        problem = "the optimizer has no such moment" if name in moments else "it is missing"
        raise _misfit(f"{place}/{name}", problem)
    for name, tensor in moments.items():
        _check_like(f"{place}/{name}", tensor, torch.zeros(()) if wanted[name].is_count else kept.weight)
        negative = wanted[name].is_never_negative and bool((tensor < 0).any())
        if negative or not bool(torch.isfinite(tensor).all()):
            raise _misfit(f"{place}/{name}", "a value is negative or not finite")


def _check_like(name: str, found: Tensor, wanted: Tensor) -> None:
    """Check the shape and the type of a tensor."""
    if found.shape != wanted.shape or found.dtype != wanted.dtype:
        got, right = (f"{one.dtype} of shape {list(one.shape)}".removeprefix("torch.") for one in (found, wanted))
        raise _misfit(name, f"it must be {right}, got {got}")


def _misfit(name: str, problem: str) -> ArtefactError:
    return ArtefactError(f"tensor `{name}` of the state does not fit the training: {problem}", fix=FIX)
