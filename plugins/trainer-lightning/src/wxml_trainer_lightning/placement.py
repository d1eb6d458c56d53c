"""The place of this process among those that train together: which ones there are, and who starts them."""

__all__ = ["Placement", "placed"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from wxml.environment.launch import Launch, launch
from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.options import Devices

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Placement:
    """The number of this process, and of all; each has one device."""

    rank: int = 0
    """The number of this process, counted from 0 over all machines."""
    ranks: int = 1
    """The number of all processes."""
    local_rank: int = 0
    """The number of this process on its machine, and of its device."""
    local_ranks: int = 1
    """The number of processes on each machine."""
    started: Launch | None = None
    """How a launcher has started this process; None: this training starts the others, or there is none."""

    @property
    def nodes(self) -> int:
        """The number of machines."""
        return self.ranks // self.local_ranks

    def part(self, items: Sequence[Item]) -> list[Item]:
        """The items of this process: one run of them for each, of equal lengths but for one item.

        >>> [Placement(rank, 3).part("abcd") for rank in range(3)]
        [['a'], ['b'], ['c', 'd']]
        """
        first, last = (len(items) * rank // self.ranks for rank in (self.rank, self.rank + 1))
        return list(items[first:last])


def placed(devices: Devices, nodes: Devices, batch_size: int) -> Placement:
    """Return the place of this process.

    Args:
        devices: the number of devices on each machine; `auto`: as many as a launcher has started processes there, or
            one if there is no launcher.
        nodes: the number of machines, likewise.
        batch_size: the number of samples in each step, of which each process needs one.

    Raises:
        ConfigError: the launcher has started another number of processes; or `nodes` needs a launcher, and there is
            none; or there are more processes than samples.
    """
    started = launch()
    if started is None:
        place = _alone(devices, nodes)
    else:
        _check_launch(started, devices, nodes)
        place = Placement(started.rank, started.ranks, started.local_rank, started.local_ranks, started)
    if place.ranks > batch_size:
        problem = f"each of {place.ranks} processes needs a sample of the step, got a batch of {batch_size}"
        raise ConfigError([Fault("training.batch_size", problem)], fix="raise `training.batch_size`")
    return place


def _alone(devices: Devices, nodes: Devices) -> Placement:
    if nodes not in ("auto", 1):
        problem = f"this process was started alone, on one machine; got {nodes}"
        raise ConfigError([Fault("training.nodes", problem)], fix="start the training by torchrun or srun")
    count = 1 if devices == "auto" else devices
    return Placement(ranks=count, local_ranks=count)


def _check_launch(started: Launch, devices: Devices, nodes: Devices) -> None:
    if not started.is_even:
        problem = f"{started.launcher} has started {started.ranks} processes on {started.nodes} machines"
        raise ConfigError([Fault("training.devices", problem)], fix="start as many processes on each machine")
    for name, wanted, found in (("devices", devices, started.local_ranks), ("nodes", nodes, started.nodes)):
        if wanted not in ("auto", found):
            problem = f"{started.launcher} has started {found}, got {wanted}"
            raise ConfigError([Fault(f"training.{name}", problem)], fix="leave it out, or start as many")
