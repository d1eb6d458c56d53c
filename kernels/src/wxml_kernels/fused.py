"""Which form of a kernel runs: fused kernels in Triton on a GPU, where they work, or operations of torch.

`auto` takes the fused form on a CUDA device if Triton is installed (torch's builds for CUDA bring it), the device is of
compute capability 7.0 or newer, and a small trial on this device, made once, gives the numbers of torch's operations,
forward and backward. The log says which form runs, and why.
"""

__all__ = ["BackendError", "EdgeBackend", "first_line", "runs_fused", "why_not_triton"]

import logging
import os
import threading
from functools import cache
from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor

from wxml_kernels.memory_pool import is_real

EdgeBackend = Literal["auto", "blocks", "triton"]
"""How a kernel on edges is computed: `blocks` by this library's code for CPUs, and by torch's operations elsewhere."""


class BackendError(RuntimeError):
    """A backend was asked for where it cannot run; the message says why."""


LOG = logging.getLogger("wxml.kernels")
OLDEST = (7, 0)
"""The compute capability that Triton needs."""


def why_not_triton(device: torch.device) -> str | None:
    """Why the fused kernels on edges cannot run on a device of this machine, in words; None if they can.

    >>> why_not_triton(torch.device("meta"))
    'they run on GPUs, and the device is meta'
    """
    if device.type != "cuda" and not (device.type == "cpu" and _interprets()):
        return f"they run on GPUs, and the device is {device.type}"
    if find_spec("triton") is None:
        return "the package triton is not installed"
    if device.type == "cpu":
        return None
    if not torch.cuda.is_available():
        return "torch finds no GPU"
    capability = torch.cuda.get_device_capability(device)
    if capability < OLDEST:
        return f"Triton needs compute capability 7.0, and the device has {capability[0]}.{capability[1]}"
    return None


def _interprets() -> bool:
    """Whether Triton runs kernels operation by operation on a CPU: `TRITON_INTERPRET=1`, for tests."""
    return os.environ.get("TRITON_INTERPRET") == "1"


def runs_fused(backend: EdgeBackend, values: Tensor) -> bool:
    """Whether the fused kernels compute a result for these values.

    Raises:
        BackendError: `backend` is `triton`, and they cannot run there.
    """
    if backend == "blocks" or (backend == "auto" and values.device.type != "cuda"):
        return False
    compiling = torch.compiler.is_compiling()
    if not compiling and not is_real(values):  # a plan of memory; the device may be on another machine
        return find_spec("triton") is not None
    chosen: bool = _chosen(backend, str(values.device), not compiling)
    return chosen


def _chosen(backend: EdgeBackend, device: str, trial: bool) -> bool:
    """Whether the fused kernels run on a device; with `trial`, after a trial of `auto`."""
    reason = why_not_triton(torch.device(device))
    if backend == "triton":
        if reason:
            raise BackendError(f"`backend` cannot be 'triton': {reason}")
        return True
    if reason is None and trial:
        reason = _fault_of_trial(device)
    _tell(device, reason)
    return reason is None


# what `torch.compiler.assume_constant_result` does; it imports torch's compilers, which takes 1.1 s
_chosen._dynamo_marked_constant = True  # type: ignore[attr-defined]


@cache
def _tell(device: str, reason: str | None) -> None:
    """Log which form runs on a device, once."""
    if reason is None:
        LOG.info("kernels on edges: fused, by Triton, on %s", device)
    else:
        LOG.warning("kernels on edges: operations of torch on %s, since %s", device, reason)


_TRIALS = threading.Lock()
_FAULTS: dict[str, str | None] = {}


def _fault_of_trial(device: str) -> str | None:
    """What a trial on a device, made once, has shown: None if the fused kernels agree with torch's operations."""
    with _TRIALS:
        if device not in _FAULTS:
            from wxml_kernels.fused_trial import fault_of_edge_kernels

            _FAULTS[device] = fault_of_edge_kernels(torch.device(device))
        return _FAULTS[device]


def first_line(error: Exception) -> str:
    """The first line of an error's message; those of compilers have hundreds."""
    return next(iter(str(error).strip().splitlines()), "")
