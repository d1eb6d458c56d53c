"""How the processes of a training share its work, on Lightning's own strategies.

Each process computes the loss of the whole batch, by sums that all have added up, and its gradient by its own samples
alone. So the gradients of all processes are added up, where Lightning's strategies alone would take their mean.
"""

__all__ = ["shared"]

from collections.abc import Sequence
from typing import TypeVar

import torch
from lightning.fabric.accelerators.accelerator import Accelerator
from lightning.fabric.accelerators.cpu import CPUAccelerator
from lightning.fabric.accelerators.cuda import CUDAAccelerator
from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.strategies.ddp import DDPStrategy
from lightning.fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, distributed, nn
from torch.distributed import GradBucket  # type: ignore[attr-defined]  # stubs do not say so
from torch.distributed.device_mesh import DeviceMesh
from torch.futures import Future

from wxml_trainer_lightning.module import ForecastModule
from wxml_trainer_lightning.options import Strategy
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.sharding import divide

Strategies = TypeVar("Strategies", DDPStrategy, ModelParallelStrategy)


def shared(module: ForecastModule, place: Placement, strategy: Strategy, devices: Sequence[torch.device]) -> nn.Module:
    """The module, whose weights all processes have, or whose weights are divided among them.

    DDP (Li et al. 2020, arXiv:2006.15704) looks for weights without a gradient in each step, since a graph or a rollout
    may leave some out; a weight that no process has used keeps no gradient at all, as with one process. Buffers are
    constants, so none is sent. FSDP (Zhao et al. 2023, arXiv:2304.11277) divides weights, gradients and moments; see
    `sharding.divide`.

    Args:
        module: on its device, without an optimizer.
        place: the place of this process among several.
        strategy: the option.
        devices: the device of each process on this machine.
    """
    if strategy == "fsdp":
        return _joined(ModelParallelStrategy(_divided, place.ranks, 1), place, devices).setup_module(module)
    module.unused = nn.Parameter(torch.zeros((), device=module.device))  # DDP advises against looking for none
    made = DDPStrategy(find_unused_parameters=True, broadcast_buffers=False, gradient_as_bucket_view=True)
    copied = _joined(made, place, devices).setup_module(module)
    copied.register_comm_hook(None, _sum_of)
    return copied


def _joined(strategy: Strategies, place: Placement, devices: Sequence[torch.device]) -> Strategies:
    """Tell a strategy of Lightning where this process is."""
    strategy.accelerator = _accelerator(devices[place.local_rank])
    strategy.parallel_devices = list(devices)
    strategy.cluster_environment = JoinedProcesses(place)
    strategy.setup_environment()
    return strategy


def _accelerator(device: torch.device) -> Accelerator:
    return CUDAAccelerator() if device.type == "cuda" else CPUAccelerator()


def _divided(module: nn.Module, mesh: DeviceMesh) -> nn.Module:
    """The module, with the weights of its models divided."""
    if not isinstance(module, ForecastModule):
        raise TypeError(f"only a ForecastModule is divided, got {type(module).__name__}")
    for model in (module.model, *module.averages.by_kind.values()):
        divide(model, mesh["data_parallel"])
    module.is_divided = True
    return module


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
