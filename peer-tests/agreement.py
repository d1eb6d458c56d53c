"""Runs two modules that should be the same function, and says how far apart they are."""

__all__ = ["LIMITS", "Agreement", "Matched", "Side", "Tensors", "agreement", "stir"]

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

Tensors = tuple[Tensor, ...]
Side = tuple[nn.Module, Callable[..., Tensors]]
"""A module, and how it is called."""
Matched = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
"""Tensors by the names of the peer's parameters to tensors by ours: the same for weights and gradients."""
LIMITS = {torch.float32: 1e-5, torch.float64: 1e-12}
"""Greatest difference, relative to the greatest value of the same tensor."""
VANISHING = 1e-10
"""A gradient below this share of the greatest one, in float64, is zero but for rounding, as that of a key's bias is: a
softmax does not see it. In float32 as well it is measured against the greatest gradient, not against its own noise."""


@dataclass(frozen=True)
class Agreement:
    """Greatest relative differences in one precision."""

    output: float
    input_gradient: float
    weight_gradient: float

    @property
    def worst(self) -> float:
        return max(self.output, self.input_gradient, self.weight_gradient)


def stir(module: nn.Module, seed: int = 3) -> None:
    """Change every parameter from its initial value, zeros and ones too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=generator))


def agreement(
    ours: Side,
    theirs: Side,
    inputs: Tensors,
    matched: Matched,
    dtype: torch.dtype,
) -> Agreement:
    """The differences of outputs and gradients between the two sides.

    Args:
        ours: our side, whose outputs are compared one by one.
        theirs: the peer's.
        inputs: for both.
        matched: finds the counterpart of each of our parameters.
        dtype: the precision of both sides.
    """
    vanishing = _vanishing(theirs, inputs, matched)
    our_outputs, our_inputs = _run(*ours, inputs, dtype)
    their_outputs, their_inputs = _run(*theirs, inputs, dtype)
    found, wanted = dict(_gradients(ours[0])), matched(dict(_gradients(theirs[0])))
    assert set(wanted) == set(found), set(wanted) ^ set(found)
    greatest = max(float(value.abs().max()) for value in wanted.values())
    return Agreement(
        max(_difference(*pair) for pair in zip(our_outputs, their_outputs, strict=True)),
        max(_difference(*pair) for pair in zip(our_inputs, their_inputs, strict=True)),
        max(_difference(found[name], wanted[name], greatest if name in vanishing else 0.0) for name in wanted),
    )


def _vanishing(theirs: Side, inputs: Tensors, matched: Matched) -> set[str]:
    """Our names of the parameters whose gradients are zero but for rounding."""
    _run(*theirs, inputs, torch.float64)
    sizes = {name: float(value.abs().max()) for name, value in matched(dict(_gradients(theirs[0]))).items()}
    return {name for name, size in sizes.items() if size < VANISHING * max(sizes.values())}


def _gradients(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The gradient of each parameter under each of its names; zero for an unused parameter."""
    for name, parameter in module.named_parameters(remove_duplicate=False):
        yield name, torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _run(
    module: nn.Module, call: Callable[..., Tensors], inputs: Tensors, dtype: torch.dtype
) -> tuple[Tensors, Tensors]:
    """Outputs and the gradients of the inputs; those of the weights stay with the module."""
    module.to(dtype).zero_grad()
    leaves = tuple(value.detach().to(dtype, copy=True).requires_grad_() for value in inputs)
    outputs = call(*leaves)
    generator = torch.Generator().manual_seed(5)
    weighted = [(out * torch.randn(out.shape, generator=generator).to(dtype)).sum() for out in outputs]
    torch.stack(weighted).sum().backward()
    return tuple(out.detach() for out in outputs), tuple(leaf.grad for leaf in leaves)


def _difference(ours: Tensor, theirs: Tensor, floor: float = 0.0) -> float:
    assert ours.shape == theirs.shape, (ours.shape, theirs.shape)
    return float((ours - theirs).abs().max() / max(float(theirs.abs().max()), floor))
