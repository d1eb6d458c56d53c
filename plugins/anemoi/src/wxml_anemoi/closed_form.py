"""Fills weights and inputs by a formula, so that two programs can be compared without sharing files or code.

For authors of `WeightNames`: `docs/weights-from-anemoi.md`.
"""

__all__ = ["closed_form", "fill_as_anemoi", "response"]

import zlib
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor
from wxml import EdgeFeatures, Mapper, Processor

from wxml_anemoi.names import AnemoiNames


def closed_form(name: str, shape: Sequence[int]) -> Tensor:
    """0.4 sin(i² / 7 + phase) for the i-th number, with a phase that follows from the name; float64."""
    phase = zlib.crc32(name.encode()) % 1000
    number = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return (0.4 * torch.sin(number**2 / 7 + phase)).reshape(shape)


def fill_as_anemoi(part: Mapper | Processor, names: AnemoiNames) -> None:
    """Fill each weight with the closed form of its name at Anemoi, learned features of edges with that of `edges`."""
    weights = {ours: weight.names[0] for ours, weight in names.weights.items()}
    for path, module in part.named_modules():
        if isinstance(module, EdgeFeatures):
            weights[f"{path}.trainable"] = "edges"
    with torch.no_grad():
        for name, parameter in part.named_parameters():
            parameter.copy_(closed_form(weights[name], parameter.shape))


def response(
    call: Callable[..., Sequence[Tensor]], inputs: Sequence[Tensor], parameters: Iterable[Tensor]
) -> dict[str, list[float]]:
    """A few numbers that change if any output or any gradient does.

    Args:
        call: computes the outputs from the inputs.
        inputs: gradients are taken with respect to these and to the parameters.
        parameters: in any order; those that `call` does not use are left out.
    """
    leaves, count = [value.detach().requires_grad_() for value in inputs], len(inputs)
    outputs = call(*leaves)
    weighted = [(out * closed_form("gradient", out.shape)).sum() for out in outputs]
    wanted = [*leaves, *parameters]
    found: Sequence[Tensor | None] = torch.autograd.grad(torch.stack(weighted).sum(), wanted, allow_unused=True)
    to_inputs, to_weights = ([each for each in some if each is not None] for some in (found[:count], found[count:]))
    weights = torch.cat([gradient.flatten() for gradient in to_weights])
    return {
        "outputs": [number for out in outputs for number in _digest(out)],
        "input gradients": [number for gradient in to_inputs for number in _digest(gradient)],
        "weight gradients": [float(weights.square().mean().sqrt())],
    }


def _digest(values: Tensor) -> list[float]:
    """The root mean square of all values, and four of them from the first to the last."""
    flat = values.detach().flatten()
    places = torch.linspace(0, len(flat) - 1, 4).long()
    return [float(flat.square().mean().sqrt()), *flat[places].tolist()]
