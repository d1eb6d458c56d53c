"""The samples of each step, and the batch that is made of them.

The order depends on the seed and the number of the step alone, so that a resumed training reads exactly the samples
that an unbroken training reads.
"""

__all__ = [
    "UNCOUNTED",
    "Batch",
    "Place",
    "SampleOrder",
    "SampleSet",
    "Samples",
    "evenly_spaced",
    "has_truth",
    "sample_indices",
]

from collections.abc import Iterator, Mapping, Sequence, Sized
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler
from wxml.data.sample_batch import ReadingCost, SampleBatch
from wxml.model.tensors import to_tensor

from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.schedule import Budget

Place = tuple[int, int]
"""A number of forecast steps, and the index of a sample with that many."""
UNCOUNTED = -1
"""In the place of a number of steps: the sample stands for none, so that a process has a batch when the others do."""


class Batch(NamedTuple):
    """Some samples, as tensors."""

    values: Tensor
    """Shape `[batch, time, node, variable]`."""
    imputed: Tensor
    """Whether each value of the last input state was filled in, shape `[batch, node, prognostic]`."""
    cost: ReadingCost
    """The seconds that it took to read them."""
    samples: tuple[int, ...] = ()
    """The index of each sample in its period."""
    counts: bool = True
    """Whether they are to be counted in a loss."""
    steps: int = 0
    """The number of forecast steps; 0: all times behind the input times are those of one."""

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device; from pinned memory the copy runs beside the work of the device."""
        at_once = self.values.is_pinned()
        return self._replace(
            values=self.values.to(device, non_blocking=at_once), imputed=self.imputed.to(device, non_blocking=at_once)
        )


class SampleSet(Protocol):
    """What the trainer asks of the samples of a period; see `wxml.data.samples.SampleSet`."""

    def __len__(self) -> int: ...

    def batch(self, indices: Sequence[int]) -> SampleBatch:
        """Read some samples as one."""


def sample_indices(seed: int, step: int, batch_size: int, count: int) -> list[int]:
    """The indices of the samples of one training step.

    The samples stand in an endless sequence of permutations; a generator seeded with (seed, e) draws permutation e.
    Step s takes the `batch_size` places from s · batch_size on.

    Args:
        seed: the seed of the experiment.
        step: the number of the step, counted from 0.
        batch_size: the number of samples in a step.
        count: the number of all samples.
    """
    places = range(step * batch_size, (step + 1) * batch_size)
    return [int(_permutation(seed, place // count, count)[place % count]) for place in places]


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed % 2**64, epoch]).permutation(count)


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Choose at most `wanted` of `count` indices, evenly spread; equal arguments give equal indices.

    >>> evenly_spaced(10, 4), evenly_spaced(3, 4)
    ([0, 3, 6, 9], [0, 1, 2])
    """
    return [int(index) for index in np.linspace(0, count - 1, min(count, wanted)).round()]


class Samples(Dataset[Batch]):
    """The batches of samples of every number of forecast steps, as one data set; see `Place`."""

    def __init__(self, sets: Mapping[int, SampleSet]) -> None:
        self.sets = sets

    def __getitem__(self, places: list[Place]) -> Batch:
        """Read the samples at `places`, which all have the same number of steps."""
        indices = [index for _, index in places]
        batch = self.sets[places[0][0]].batch(indices)
        imputed = torch.from_numpy(batch.imputed).transpose(1, 2)
        return Batch(
            to_tensor(batch.values), imputed, batch.cost, tuple(indices), places[0][0] != UNCOUNTED, batch.steps
        )


class SampleOrder(Sampler[list[Place]]):
    """The places of the samples of each remaining step; of several processes, of those of this one."""

    def __init__(
        self,
        sets: Mapping[int, Sized],
        seed: int,
        batch_size: int,
        first: int,
        budget: Budget,
        rollout: Rollout,
        place: Placement = Placement(),  # noqa: B008  # frozen
        ahead: int = 0,
    ) -> None:
        """Order the samples.

        Args:
            sets: the samples with each number of forecast steps.
            seed: the seed of the experiment.
            batch_size: the number of samples in a step, of all processes.
            first: the number of the first step.
            budget: how much of the training is done, which the rollout follows.
            rollout: the number of forecast steps.
            place: the place of this process, which has a part of each step.
            ahead: so many steps before its step a batch may be read; of several processes, all know the same then.
        """
        self.counts = {steps: len(samples) for steps, samples in sets.items()}
        self.seed = seed
        self.batch_size = batch_size
        self.first = first
        self.budget = budget
        self.rollout = rollout
        self.place = place
        self.ahead = ahead

    def __len__(self) -> int:
        return self.budget.max_steps - self.first

    def __iter__(self) -> Iterator[list[Place]]:
        for step in range(self.first, self.budget.max_steps):
            alone = self.place.ranks == 1
            done = self.budget.fraction(step) if alone else self.budget.fraction_early(step, self.ahead)
            steps = self.rollout.steps(done, step)
            chosen = sample_indices(self.seed, step, self.batch_size, self.counts[steps])
            yield [(steps, index) for index in self.place.part(chosen)]


def has_truth(samples: SampleSet, wanted: int, input_steps: int, outputs: int) -> bool:
    """Whether one of some evenly spaced samples has a truth; it reads them up to the first that has one.

    Args:
        samples: the samples of a period.
        wanted: the largest number of samples.
        input_steps: the number of times before the forecast.
        outputs: the number of variables that are forecast, which come first.
    """
    chosen = evenly_spaced(len(samples), wanted)
    return any(bool(np.isfinite(samples.batch([index]).values[0, input_steps:, :outputs]).any()) for index in chosen)
