"""Calls of the model for several forecasts, each alone or all together, on one device or on several at once."""

__all__ = ["ModelCalls", "Replica", "replicas_of"]

import copy
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wxml.forecasting.execution import Execution

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Replica:
    """A model on one of the devices of a forecast."""

    model: "Callable[..., Tensor]"
    """Takes states, forcings and perhaps noise, and returns outputs."""
    device: str
    """As torch names it."""


@contextmanager
def replicas_of(model: "nn.Module", execution: Execution) -> "Iterator[tuple[Replica, ...]]":
    """The model on each device of a forecast, as copies beside the first.

    What it makes of the edges of its graph is made once for all calls in the context.

    Args:
        model: it is on the first device.
        execution: names the devices.
    """
    from wxml.model.features import kept_features

    others = [copy.deepcopy(model) for _ in execution.others]
    for other, device in zip(others, execution.others, strict=True):
        execution.place(other, device)
    with ExitStack() as kept:
        for one in (model, *others):
            kept.enter_context(kept_features(one.eval()))
        devices = (execution.device, *execution.others)
        placed = zip((model, *others), devices, strict=True)
        yield tuple(Replica(execution.called(one, device), device) for one, device in placed)


@dataclass(frozen=True, slots=True)
class ModelCalls:
    """Calls a model for the forecasts of a batch.

    A product of matrices may round in another way if there are more rows, so what a model makes of one forecast may
    differ in its last bits with the others in the batch. Called for each alone, it does not: a member of an ensemble is
    the same alone and among others, whichever device of a kind makes it.
    """

    replicas: Sequence[Replica]
    """Of several each has a thread, and an equal share of the forecasts."""
    origins: Sequence[int]
    """For each forecast the place of its forcings, which several forecasts may share."""
    execution: Execution

    def __call__(self, states: "Tensor", forcings: "Tensor", *noise: "Tensor") -> "Tensor":
        """Call the model.

        Args:
            states: shape `[forecast, input time, node, prognostic]`.
            forcings: shape `[place, input time, node, forcing]`.
            noise: perhaps the numbers of `model.noise`, shape `[forecast, mesh_node, channel]`.

        Returns:
            Shape `[forecast, output step, node, variable]`, on the device of the states.
        """
        import torch

        count = min(len(self.replicas), len(states))
        shares = [list(range(first, len(states), count)) for first in range(count)]
        if count == 1:
            return self._share(self.replicas[0], shares[0], states, forcings, *noise)

        threads = self.execution.threads_of_copy()

        def share(replica: Replica, numbers: list[int]) -> "Tensor":
            torch.set_num_threads(threads)  # of this thread
            with torch.inference_mode(states.is_inference()):
                return self._share(replica, numbers, states, forcings, *noise).to(states.device)

        with ThreadPoolExecutor(count) as pool:
            made = list(pool.map(share, self.replicas[:count], shares))
        order = torch.tensor([number for numbers in shares for number in numbers], device=states.device).argsort()
        return torch.cat(made)[order]

    def _share(
        self, replica: Replica, numbers: Sequence[int], states: "Tensor", forcings: "Tensor", *noise: "Tensor"
    ) -> "Tensor":
        """Some of the forecasts; inputs are copied, so that they begin at such an address as those of any other."""
        import torch

        groups = [list(numbers)] if self.execution.together else [[number] for number in numbers]
        made = []
        for group in groups:
            inputs = (
                states[group],
                forcings[[self.origins[number] for number in group]],
                *(one[group] for one in noise),
            )
            made.append(replica.model(*(values.to(replica.device) for values in inputs)))
        return torch.cat(made)
