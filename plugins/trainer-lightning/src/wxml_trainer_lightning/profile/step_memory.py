"""Counts the tensors of one training step, by what they belong to."""

__all__ = ["StepMemory"]

import gc
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle
from wxml.model.memory_trace import MemoryTrace

from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.module import ForecastModule

PARTS = ("encoder", "processor", "decoder")
LABELS = {"forward": "other", "backward": "backward", "optimiser": "optimiser step"}
"""Phase → the label of what is made in it, outside of the parts of the model."""


class StepMemory:
    """Counts every tensor from `begin` to `end`: those that were there, and those that come and go.

    A label is one of the rows of `wxml train --plan`. Memory that an operation takes and gives back inside itself is
    not seen, and neither are arrays of NumPy.
    """

    def __init__(self, module: ForecastModule) -> None:
        self._module = module
        self._trace = MemoryTrace()
        self._handles: list[RemovableHandle] = []
        self._phase = "other"

    def begin(self, batch: Batch) -> None:
        """Count what is there at the beginning of a step, and listen."""
        for label, tensors in self._there(batch).items():
            self._trace.hold(label, *tensors)
        for name in PARTS:
            part = getattr(self._module.model, name, None)
            if isinstance(part, nn.Module):
                self._handles.append(part.register_forward_pre_hook(lambda *_, name=name: self._in_part(name)))
                self._handles.append(part.register_forward_hook(lambda *_: self._in_part("other")))
        for weight in self._module.model.parameters():
            if weight.requires_grad:
                self._handles.append(weight.register_post_accumulate_grad_hook(self._gradient))  # type: ignore[no-untyped-call]
        self._trace.__enter__()  # type: ignore[no-untyped-call]

    def end(self) -> dict[str, int]:
        """Listen no more, and return the bytes of each label at the moment when their sum was greatest."""
        self._trace.__exit__(None, None, None)  # type: ignore[no-untyped-call]
        for handle in self._handles:
            handle.remove()
        return {label: size for label, size in self._trace.at_peak.items() if size}

    def entered(self, phase: str) -> None:
        """Learn which phase of the step is under way."""
        self._phase = phase
        self._trace.label = LABELS.get(phase, "other")

    def _in_part(self, name: str) -> None:
        if self._phase == "forward":  # a backward pass may call parts again
            self._trace.label = name

    def _gradient(self, weight: Tensor) -> None:
        if weight.grad is not None:
            self._trace.relabel("gradients", weight.grad)

    def _there(self, batch: Batch) -> Mapping[str, Iterable[Tensor]]:
        """Label → the tensors that are there; of one that has two labels the first counts."""
        module, model, device = self._module, self._module.model, batch.values.device
        moments = module.optimizer.state.values()
        waiting = (one for one in _alive(Batch) if one.values.device == device)
        return {
            "weights": list(model.parameters()),
            "gradients": [weight.grad for weight in model.parameters() if weight.grad is not None],
            "optimiser state": [value for each in moments for value in each.values() if isinstance(value, Tensor)],
            "graph": list(model.buffers()),
            "copies of the weights": [*module.averages.parameters(), *module.averages.buffers()],
            "batch": [batch.values, batch.imputed],
            "batches read ahead": [tensor for one in waiting for tensor in (one.values, one.imputed)],
            "constants": [one for kind in (Tensor, nn.Parameter) for one in _alive(kind) if one.device == device],
        }


def _alive(kind: type[Any]) -> Iterator[Any]:
    """All objects of exactly this type."""
    return (one for one in gc.get_objects() if type(one) is kind)
