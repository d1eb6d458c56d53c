"""One pass of a module: forward, or forward and backward, with its time and its peak memory."""

__all__ = ["Subject", "cost"]

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.memory import RESET, resident_mib


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


def cost(subject: Subject, which: str) -> dict[str, float]:
    """Processor seconds of all threads, wall seconds, and the peak of resident memory in MiB."""
    RESET.write_text("5")
    wall, cpu = time.perf_counter(), time.process_time()
    subject.run(which)
    spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    return {**spent, "peak_mib": resident_mib("VmHWM")}
