"""A step in several pieces: the gradient of all of its samples, with the activations of some of them in memory."""

__all__ = ["Accumulation", "pieces_of"]

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise
from operator import add

import torch
from torch import Tensor
from wxml import CombinedLoss, CombinedSums, LossSums

from wxml_trainer_lightning.batches import Batch

CLOSE = 1e-4
"""Relative; the values of a loss are reckoned in single precision."""


def pieces_of(batch: Batch, count: int) -> list[Batch]:
    """The batch in pieces of equal numbers of samples, but for one sample; none is empty."""
    total = len(batch.values)
    bounds = [total * number // count for number in range(count + 1)]
    parts = [slice(first, last) for first, last in pairwise(bounds) if first < last]
    return [
        batch._replace(values=batch.values[part], imputed=batch.imputed[part], samples=batch.samples[part])
        for part in parts
    ]


@dataclass(frozen=True, slots=True)
class Accumulation:
    """Adds up the gradients of the pieces of a step.

    A loss is a function of sums over all samples. The sums of weights follow from the truth alone, so they are added
    before the first forecast, and each piece then adds its own part to the gradient. Where a loss is not linear in the
    sums of errors, such as a root of them, these are needed, too, and every piece is forecast twice.
    """

    loss: CombinedLoss
    sums: Callable[[Batch], CombinedSums]
    """The sums of the loss over some samples, with their gradient."""
    truth: Callable[[Batch], Tensor]
    """The truth of some samples, shape `[batch, step, node, variable]`."""
    of_all: Callable[[CombinedSums], CombinedSums]
    """Makes the sums of all processes from those of each."""

    def run(self, pieces: list[Batch], backward: Callable[[Tensor, bool], None]) -> CombinedSums:
        """Add the gradient of every piece of this process, and return the sums of all, without a gradient.

        Args:
            pieces: at least one.
            backward: adds the gradient of a loss; it is told whether this is the last one.
        """
        weights = self._weights(pieces)
        base = None if self._adds_up(weights) else self._first_sums(pieces)
        found = []
        for number, piece in enumerate(pieces, start=1):
            sums = self.sums(piece)
            found.append(_detached(sums))
            totals = [part.total for part in (sums if base is None else _around(base, sums)).parts]
            backward(self.loss.value(_combined(totals, weights)), number == len(pieces))
        return self.of_all(reduce(add, found))

    @torch.no_grad()
    def _weights(self, pieces: list[Batch]) -> CombinedSums:
        """The sums of weights of all pieces, from the loss of forecasts that are the truth."""
        sums = (self.loss(self._perfect(truth), truth) for truth in map(self.truth, pieces))
        return self.of_all(reduce(add, sums))

    def _perfect(self, truth: Tensor) -> Tensor:
        """A forecast that is the truth, for all that the loss takes."""
        filled = truth.nan_to_num()
        kinds = torch.cat((filled, torch.ones_like(filled)), -1) if self.loss.takes_spread else filled
        return kinds[:, None].expand(-1, 2 if self.loss.takes_members else 1, *kinds.shape[1:])

    @torch.no_grad()
    def _first_sums(self, pieces: list[Batch]) -> CombinedSums:
        """The sums of all pieces, with the random numbers that they will be forecast with again."""
        device = pieces[0].values.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            return self.of_all(reduce(add, map(self.sums, pieces)))

    @torch.no_grad()
    def _adds_up(self, weights: CombinedSums) -> bool:
        """Whether the loss is linear in the sums of errors: the losses of two sums add up to that of both."""
        ones = [torch.ones_like(part.weight) for part in weights.parts]
        slopes = [torch.linspace(1, 9, len(one)).to(one) for one in ones]
        first, second = (self.loss.value(_combined(totals, weights)) for totals in (ones, slopes))
        both = self.loss.value(_combined(list(map(add, ones, slopes)), weights))
        return bool((first + second - both).abs() <= CLOSE * both.abs())


def _combined(totals: list[Tensor], weights: CombinedSums) -> CombinedSums:
    return CombinedSums(tuple(LossSums(total, part.weight) for total, part in zip(totals, weights.parts, strict=True)))


def _detached(sums: CombinedSums) -> CombinedSums:
    return CombinedSums(tuple(LossSums(part.total.detach(), part.weight) for part in sums.parts))


def _around(base: CombinedSums, sums: CombinedSums) -> CombinedSums:
    """The values of `base` with the gradients of `sums`."""
    pairs = zip(base.parts, sums.parts, strict=True)
    return CombinedSums(tuple(LossSums(b.total + (s.total - s.total.detach()), s.weight) for b, s in pairs))
