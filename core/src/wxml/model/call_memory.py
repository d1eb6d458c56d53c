"""The memory of one call of a model without gradients, planned before it is made."""

__all__ = ["CallMemory", "call_memory"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode  # no public module has it; torch's manual names this one

from wxml.model.memory_trace import GAPS, MemoryTrace
from wxml.model.without_values import values_refused, without_values

Shape = Sequence[int]


@dataclass(frozen=True, slots=True)
class CallMemory:
    """What calling a model takes, in bytes."""

    lasting: int
    """Weights, the graph, and what the model makes once."""
    coming_and_going: int
    """The peak of all else: inputs, activations, output."""


def call_memory(model: nn.Module, called: Callable[..., Tensor], shapes: Sequence[Shape], device: str) -> CallMemory:
    """Trace a call of a model on tensors without values; it takes no memory.

    Args:
        model: a fresh model, of no use afterwards.
        called: calls this model.
        shapes: those of the inputs.
        device: where the model is to run, as torch names it.

    Raises:
        ContractError: a part of the model reads values of tensors in `forward`.
    """
    fake, trace = FakeTensorMode(allow_non_fake_inputs=True), MemoryTrace()
    with fake:
        without_values(model, device)
        trace.hold("lasting", *model.parameters(), *model.buffers())
    for label in ("lasting", "call"):  # a model may make something once, such as the indices of a batch
        trace.at_peak = trace.live.copy()
        with values_refused(), fake, trace, torch.no_grad(), trace.labelled(label):
            called(*(torch.empty(tuple(shape), device=device) for shape in shapes))
    lasting, going = trace.live["lasting"], trace.at_peak["call"]
    return CallMemory(lasting, int(going * (1 + GAPS.get(torch.device(device).type, 0))))
