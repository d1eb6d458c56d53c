"""Where the trainings of a sweep run: what its options say, and the places that they mean."""

__all__ = ["Ground"]

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from wxml.errors import ConfigError, Fault

from wxml_trainer_lightning.sweeping.devices import visible_devices
from wxml_trainer_lightning.sweeping.launching import Order
from wxml_trainer_lightning.sweeping.machine import Machine
from wxml_trainer_lightning.sweeping.memory_share import memory_overrides
from wxml_trainer_lightning.sweeping.places import Places
from wxml_trainer_lightning.sweeping.plan import PlannedRun


@dataclass(frozen=True, slots=True)
class Ground:
    """The machine of the sweep, some GPUs of it, or a cluster."""

    jobs: int | None = None
    """How many trainings run side by side; None: one, as many as there are devices, or as many as a cluster has
    workers."""
    devices: tuple[str, ...] = ()
    """The GPUs that are given to trainings, as `parse_devices` returns them; empty: all trainings share what there
    is."""
    memory: str | None = None
    """What the trainings may take together, such as `60GiB`; None: what is free."""
    scheduler: str | None = None
    """The address of a scheduler of dask; None: this machine."""

    def check(self, runs: Sequence[PlannedRun]) -> tuple[str, ...]:
        """Refuse trainings that cannot run here; return the overrides that each is started with, beside its own.

        Raises:
            ConfigError: a training needs more devices than are given, or is to run on none.
            ArtefactError: a device is not there, or there is too little memory for all that run side by side.
        """
        if self.devices:
            _check_devices(runs, len(self._visible))
        has_limit = self.memory is not None or any(run.memory_limit for run in runs)
        if self.scheduler is not None or self.devices or not has_limit or not _share_memory(runs):
            return ()
        return memory_overrides(runs, min(self.jobs or 1, len(runs)), self.memory)

    @contextmanager
    def places(self, order: Callable[[PlannedRun], Order], count: int) -> Iterator[Places]:
        """The places of the trainings, while the context lasts.

        Args:
            order: what the process of a training is started with.
            count: the number of trainings.

        Raises:
            ArtefactError: the cluster is not there, or is lost.
        """
        if self.scheduler is not None:
            from wxml_trainer_lightning.sweeping.cluster import cluster_places

            with cluster_places(self.scheduler, order, self.jobs) as places:
                yield places
            return
        devices = self._visible if self.devices else []
        yield Machine(order, min(self.jobs or len(devices) or 1, max(1, count)), devices)

    @property
    def _visible(self) -> list[tuple[str, str]]:
        return visible_devices(self.devices)


def _check_devices(runs: Sequence[PlannedRun], count: int) -> None:
    faults: dict[str, Fault] = {}
    for run in runs:
        if run.devices > count:
            problem = f"--on gives {count} to trainings, got {run.devices}"
            faults.setdefault("devices", Fault("training.devices", problem, f"run {run.name}"))
        if run.accelerator not in ("auto", "cuda"):
            problem = f"--on gives a GPU to each training, got {run.accelerator!r}"
            faults.setdefault("accelerator", Fault("training.accelerator", problem, f"run {run.name}"))
    if faults:
        raise ConfigError(list(faults.values()))


def _share_memory(runs: Sequence[PlannedRun]) -> bool:
    """Whether all trainings run on the processor, and so have their memory in common."""
    if all(run.accelerator == "cpu" for run in runs):
        return True
    import torch

    has_other = torch.cuda.is_available() or torch.backends.mps.is_available()
    return not has_other and all(run.accelerator == "auto" for run in runs)
