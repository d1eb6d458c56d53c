"""Averages of the weights over the steps of a training."""

__all__ = ["AveragedModel", "Averages", "EmaShares", "Shares", "SwaShares", "shares_of"]

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from wxml_trainer_lightning.options import Ema, Swa


class Shares(Protocol):
    """How much an average takes of the weights in each step."""

    def share(self, step: int) -> float:
        """The share of the weights after a step, counted from 1: 0 leaves the average, 1 makes it the weights."""


@dataclass(frozen=True, slots=True)
class EmaShares:
    """A moving average (Polyak & Juditsky 1992, doi:10.1137/0330046)."""

    decay: float
    start: int
    """Until this step it is the weights."""
    every: int

    def share(self, step: int) -> float:
        """1 − min(d, n / (n + 10)) in the n-th of its steps.

        So the first weights, which are random, are soon forgotten.
        """
        steps, rest = divmod(step - self.start, self.every)
        if step <= self.start:
            return 1.0
        return 0.0 if rest else 1 - min(self.decay, steps / (steps + 10))


@dataclass(frozen=True, slots=True)
class SwaShares:
    """The mean of the weights (Izmailov et al. 2018, arXiv:1803.05407)."""

    start: int
    """Until this step it is the weights."""
    every: int

    def share(self, step: int) -> float:
        """1 / n in the n-th of its steps."""
        steps, rest = divmod(step - self.start, self.every)
        if steps <= 0:
            return 1.0
        return 0.0 if rest else 1 / steps


class AveragedModel(nn.Module):
    """A copy of a model whose weights are an average of those of the original over its steps.

    After each step: average ← (1 − share) · average + share · weights.
    """

    def __init__(self, model: nn.Module, shares: Shares) -> None:
        super().__init__()
        self.shares = shares
        self.model = deepcopy(model).requires_grad_(False)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights of `model` after its step number `step`, counted from 1; buffers are copied."""
        share = self.shares.share(step)
        if not share:
            return
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, share)
        for copy, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            copy.copy_(buffer)


class Averages(nn.Module):
    """The averages of a model, by name; one of them may be judged: validated and kept in place of the weights."""

    def __init__(self, model: nn.Module, shares: Mapping[str, Shares] | None = None, judged: str | None = None) -> None:
        """Copy the model for each average.

        Args:
            model: what is trained.
            shares: the averages by name.
            judged: the name of the one that is judged; None: none is.
        """
        super().__init__()
        self.names = tuple(shares or {})
        self.models = nn.ModuleList(AveragedModel(model, one) for one in (shares or {}).values())
        self._judged = judged

    @property
    def judged(self) -> AveragedModel | None:
        """The average that is judged."""
        return self.by_name[self._judged] if self._judged else None

    @property
    def by_name(self) -> dict[str, AveragedModel]:
        """All averages."""
        models = (model for model in self.models if isinstance(model, AveragedModel))
        return dict(zip(self.names, models, strict=True))

    @property
    def by_kind(self) -> dict[str, nn.Module]:
        """All averages, by their place in a state: `average` for the one that is judged, else `average:NAME`."""
        return {
            "average" if name == self._judged else f"average:{name}": average.model
            for name, average in self.by_name.items()
        }

    def update(self, model: nn.Module, step: int) -> None:
        """Follow the weights of `model` after its step number `step`, counted from 1."""
        for average in self.by_name.values():
            average.update(model, step)


def shares_of(ema: Ema | None, swa: Swa | None, steps: int) -> Mapping[str, Shares]:
    """The averages that the options want, by name: `ema-0.999`, `swa`.

    Args:
        ema: the moving averages.
        swa: the mean.
        steps: the most steps that the training makes; a `start` below 1 is a share of them.
    """
    found: dict[str, Shares] = {}
    if ema is not None:
        start = ema.first_step(steps)
        found |= {f"ema-{decay:g}": EmaShares(decay, start, ema.every) for decay in ema.decays}
    if swa is not None:
        found["swa"] = SwaShares(swa.first_step(steps), swa.every)
    return found
