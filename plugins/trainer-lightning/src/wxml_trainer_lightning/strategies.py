"""How the processes of a training share its work, on Lightning's own strategies.

Each process computes the loss of the whole batch, by sums that all have added up, and its gradient by its own samples
alone. So the gradients of all processes are added up, where Lightning's strategies alone would take their mean.
"""

__all__ = ["ReplicatedStrategy", "environment_for", "precision_for", "strategy_for"]

import torch
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from lightning.pytorch.strategies import Strategy as LightningStrategy
from torch import Tensor, distributed
from torch.distributed import GradBucket  # type: ignore[attr-defined]  # stubs do not say so
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from wxml_trainer_lightning.device import Device
from wxml_trainer_lightning.options import Strategy
from wxml_trainer_lightning.placement import Placement


class ReplicatedStrategy(DDPStrategy):
    """Every process has all weights (Li et al. 2020, arXiv:2006.15704)."""

    def configure_ddp(self) -> None:
        """Wrap the module; the gradients of the processes are added up."""
        super().configure_ddp()
        if isinstance(self.model, DistributedDataParallel):
            self.model.register_comm_hook(None, _sum_of)


def _sum_of(_: object, bucket: GradBucket) -> Future[Tensor]:
    """The sum of the gradients in a bucket over all processes."""
    work = distributed.all_reduce(bucket.buffer(), async_op=True)
    future: Future[Tensor] = work.get_future().then(lambda done: done.value()[0])
    return future


class JoinedProcesses(ClusterEnvironment):
    """Tells Lightning the place of this process; the processes have met before."""

    def __init__(self, place: Placement) -> None:
        self.place = place

    @property
    def creates_processes_externally(self) -> bool:
        """Lightning starts no process."""
        return True

    @property
    def main_address(self) -> str:
        """Where the processes met."""
        return self.place.started.address if self.place.started else "127.0.0.1"

    @property
    def main_port(self) -> int:
        """The port where they met, unless Lightning has no need of it."""
        return self.place.started.port if self.place.started else 0

    @staticmethod
    def detect() -> bool:
        """Lightning is told of this environment and need not find it."""
        return False

    def world_size(self) -> int:
        """The number of all processes."""
        return self.place.ranks

    def set_world_size(self, size: int) -> None:
        """Do nothing: the number is known."""

    def global_rank(self) -> int:
        """The number of this process."""
        return self.place.rank

    def set_global_rank(self, rank: int) -> None:
        """Do nothing: the number is known."""

    def local_rank(self) -> int:
        """The number of this process on its machine."""
        return self.place.local_rank

    def node_rank(self) -> int:
        """The number of this machine."""
        return self.place.rank // self.place.local_ranks


def environment_for(place: Placement) -> ClusterEnvironment:
    """The surroundings of Lightning's loop, so that it neither reads nor requeues the job of a batch system."""
    return LightningEnvironment() if place.ranks == 1 else JoinedProcesses(place)


def precision_for(device: Device) -> Precision:
    """Lightning's plugin for the precision of a device."""
    if device.precision == "32-true":
        return Precision()
    return MixedPrecision(device.precision, device.resolve())


def strategy_for(place: Placement, strategy: Strategy, devices: list[torch.device]) -> LightningStrategy | str:
    """Lightning's strategy: for one process, for the same weights in all, or for weights that are divided.

    DDP looks for weights without a gradient in each step, since a graph or a rollout may leave some out; a weight that
    no process has used keeps no gradient at all, as with one process. Buffers are constants, so none is sent.
    FSDP (Zhao et al. 2023, arXiv:2304.11277) divides weights, gradients and moments; see `sharding.divide`.

    Args:
        place: the place of this process.
        strategy: the option.
        devices: the device of each process on this machine.
    """
    if place.ranks == 1:
        return "auto"
    if strategy == "fsdp":
        divided = ModelParallelStrategy(data_parallel_size=place.ranks, tensor_parallel_size=1)
        divided.parallel_devices = devices
        return divided
    return ReplicatedStrategy(
        parallel_devices=devices, find_unused_parameters=True, broadcast_buffers=False, gradient_as_bucket_view=True
    )
