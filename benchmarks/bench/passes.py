"""One pass of a module: forward, or forward and backward, with its time and its peak memory."""

__all__ = ["Subject", "cost", "give_back_memory", "resident_mib"]

import ctypes
import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Subject:
    """Something to measure."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    """Those that want gradients get them, as in the middle of a model."""
    call: Callable[[], Tensor]

    @property
    def parameters(self) -> int:
        """Learned numbers, those of nodes and edges included."""
        return sum(weight.numel() for weight in self.module.parameters())

    def run(self, which: str) -> None:
        """One of `bench.workloads.PASSES`; the loss is the mean square of the output."""
        if which == "forward":
            with torch.no_grad():
                self.call()
            return
        for tensor in (*self.module.parameters(), *self.inputs):
            tensor.grad = None
        self.call().square().mean().backward()


def resident_mib(field: str = "VmRSS") -> float:
    """Resident memory of this process: `VmRSS` now, `VmHWM` at most since the mark was reset."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def give_back_memory() -> None:
    """What was freed after building goes back to the system, so that no pass can hide in it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)


def cost(subject: Subject, which: str) -> dict[str, float]:
    """Processor seconds of all threads, wall seconds, and the peak of resident memory in MiB."""
    RESET.write_text("5")  # proc(5): the mark falls to what is resident now
    wall, cpu = time.perf_counter(), time.process_time()
    subject.run(which)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return {**spent, "peak_mib": resident_mib("VmHWM")}
