"""What the processes of a training tell each other: sums, decisions, and the state to continue from."""

__all__ = ["Ranks"]

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TypeVar

import torch
from pydantic import TypeAdapter
from torch import Tensor, distributed

from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.state import Position, TrainingState

Item = TypeVar("Item")


class Ranks:
    """The processes that train together, seen from one of them; alone, each method gives back what it was given.

    The group of all processes, torch's default one, exists while this object is used.
    """

    def __init__(self, place: Placement) -> None:
        self.place = place

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.place.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there is no other process."""
        return self.place.ranks == 1

    def part(self, items: Sequence[Item]) -> list[Item]:
        """The items of this process; see `Placement.part`."""
        return self.place.part(items)

    @torch.no_grad()
    def total(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, without a gradient; every process gets the same bits."""
        if self.is_alone:
            return values.detach()
        summed = values.detach().clone()
        distributed.all_reduce(summed)
        return summed

    def together(self, values: Tensor) -> Tensor:
        """The sum of `values` over all processes, with the gradient of those of this one.

        A loss of this sum has the same value in every process, and the gradients that the processes get of it add up to
        the gradient of the loss of all samples.
        """
        return values if self.is_alone else values + (self.total(values) - values.detach())

    def agreed(self, flag: int) -> int:
        """The greatest `flag` of all processes, such as a signal that one of them has received."""
        return self.greatest([flag])[0]

    def greatest(self, numbers: Sequence[int]) -> list[int]:
        """The greatest of each of the integers of all processes."""
        if self.is_alone:
            return list(numbers)
        found = torch.tensor(numbers, dtype=torch.int64)  # on the CPU, so that no accelerator is waited for
        distributed.all_reduce(found, distributed.ReduceOp.MAX)
        return [int(one) for one in found.tolist()]

    def shared(self, state: TrainingState | None) -> TrainingState | None:
        """Give the state of the first process to all, so that the others need no file."""
        if self.is_alone:
            return state
        header = self._text(_described(state) if self.is_first else "")
        if not header:
            return None
        found = json.loads(header)
        ours = state.tensors if state is not None else {}
        tensors = {name: _sent(ours.get(name), shape, dtype) for name, shape, dtype in found["tensors"]}
        return TrainingState(TypeAdapter(Position).validate_python(found["position"]), tensors)

    def _text(self, text: str) -> str:
        """The text of the first process."""
        encoded = text.encode()
        data = torch.zeros(self.agreed(len(encoded)), dtype=torch.uint8)
        data[: len(encoded)] = torch.tensor(list(encoded), dtype=torch.uint8)
        distributed.broadcast(data, 0)
        return bytes(data.tolist()).decode()


def _described(state: TrainingState | None) -> str:
    """The position of a state, and the name, shape and type of each of its tensors; empty if there is no state."""
    if state is None:
        return ""
    tensors = [(name, list(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in state.tensors.items()]
    return json.dumps({"position": asdict(state.position), "tensors": tensors})


def _sent(tensor: Tensor | None, shape: Sequence[int], dtype: str) -> Tensor:
    """The tensor of the first process, which alone has it."""
    sent = torch.empty(shape, dtype=getattr(torch, dtype)) if tensor is None else tensor.contiguous()
    distributed.broadcast(sent, 0)
    return sent
