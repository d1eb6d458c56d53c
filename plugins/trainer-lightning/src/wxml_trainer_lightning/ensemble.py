"""The members of an ensemble in training: their noise, and what they need."""

__all__ = ["Ensemble", "check_ensemble", "check_spread", "noise_seed"]

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from wxml import CombinedLoss, seeded_noise
from wxml.errors import ConfigError, Fault


def noise_seed(seed: int, step: int | None, sample: int, member: int) -> int:
    """The seed of the noise of one member: it depends on nothing else, so neither on the batch nor on the device.

    Args:
        seed: that of the experiment.
        step: the number of the training step, counted from 0; None: in a validation.
        sample: the index of the sample.
        member: the number of the member, counted from 0.
    """
    text = f"{seed}/{'validation' if step is None else step}/{sample}/{member}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class Ensemble:
    """The noise that makes the members of a training differ."""

    seed: int
    """The seed of the experiment."""
    nodes: int
    """The number of mesh nodes."""
    channels: int
    """The number of random numbers at each node."""
    correlation: float = 0.0
    """The correlation of a number in one call of the model with that in the next."""

    def noise(
        self, step: int | None, samples: Sequence[int], device: torch.device
    ) -> Callable[[range], Iterator[Tensor]]:
        """Give the noise of some members, for one call of the model after the other.

        It is drawn on the CPU, so it is the same on every device.

        Args:
            step: the number of the training step; None: in a validation.
            samples: the indices of the samples of the batch.
            device: that of the model.
        """

        def of(members: range) -> Iterator[Tensor]:
            seeds = [noise_seed(self.seed, step, sample, member) for sample in samples for member in members]
            noise = seeded_noise(seeds, self.nodes, self.channels, self.correlation)
            return (drawn.to(device) for drawn in noise)

        return of


def check_ensemble(loss: CombinedLoss, members: int, *, has_noise: bool) -> None:
    """Refuse a part of what an ensemble needs without the rest: noise, members, and a loss that compares them.

    Raises:
        ConfigError: names what is there and what is missing.
    """
    of_members = [part.name for part in loss.chosen if part.loss.takes_members]
    compared = f"the loss {of_members[0]!r} compares the members of an ensemble" if of_members else ""
    faults = []
    if has_noise and not of_members:
        why = "their spread would collapse, since a loss of one forecast is smallest if all members are equal"
        faults.append(Fault("training.loss", f"`model.noise` makes members differ, and no loss compares them: {why}"))
    if of_members and members < 2:
        faults.append(Fault("training.members", f"{compared}, so `members` must be at least 2, got {members}"))
    if of_members and not has_noise:
        faults.append(Fault("model.noise", f"{compared}, and those of a model without noise are equal"))
    if members > 1 and not of_members:
        faults.append(Fault("training.members", f"no loss compares the {members} members"))
    if faults:
        raise ConfigError(
            faults,
            fix="an ensemble needs `model.noise`, such as {channels: 4}, `training.members` of 2 or more, and a loss "
            "of ensembles, such as {plugin: crps}; for one forecast leave all three out",
        )


def check_spread(loss: CombinedLoss, *, has_spread: bool) -> None:
    """Refuse a spread that no loss compares, and a loss that compares the spread of a model without one.

    Raises:
        ConfigError: names what is there and what is missing.
    """
    names = [part.name for part in loss.chosen if part.loss.takes_spread]
    if has_spread and not names:
        problem = "`model.spread` forecasts standard deviations, and no loss compares them: nothing would train them"
        raise ConfigError(
            [Fault("training.loss", problem)],
            fix="choose a loss of normal distributions, such as {plugin: gaussian-crps}, alone or beside others; or "
            "leave `model.spread` out",
        )
    if names and not has_spread:
        problem = f"the loss {names[0]!r} compares the standard deviations that a model with `model.spread` forecasts"
        raise ConfigError(
            [Fault("model.spread", problem)], fix="write `model.spread: {}`, or choose another loss, such as squared"
        )
