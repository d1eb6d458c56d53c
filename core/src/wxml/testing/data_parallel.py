"""Computes gradients with DistributedDataParallel: several processes, each with a share of the batch."""

__all__ = ["Share", "gradients_of", "gradients_of_ranks"]

import multiprocessing
import os
import sys
import tempfile
import time
import unittest
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from wxml.testing.contract import require

PATIENCE = 600.0
"""Seconds after which ranks that wait for each other are ended; alone on a core they take less than one."""
ENDING = 10.0
"""Seconds that a rank which is at its end may take for that."""
LOOPBACK = {"linux": "lo", "darwin": "lo0"}
"""The network of a machine with itself: the ranks need no other, and a name server that is away is not waited for."""

FAILED = 3
"""The exit code of a rank that has left a line about what went wrong."""

Gradients = dict[str, Tensor]


class Share(NamedTuple):
    """The work of one rank with one module."""

    module: nn.Module
    inputs: tuple[Tensor, ...]
    """The items of the batch that the rank works on."""
    weights: tuple[Tensor, ...]
    """The loss is the mean over the items of the sum of the last outputs, each times its weights."""

    def step(self, run: Any = None) -> Gradients:
        """Compute the gradients of the loss; `run`, such as a wrapper of the module, runs instead of the module."""
        self.module.zero_grad()
        outputs = (run or self.module)(*self.inputs)
        outputs = tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
        used = outputs[-len(self.weights) :]
        parts = [(values.float() * weights).sum() for values, weights in zip(used, self.weights, strict=True)]
        loss = torch.stack(parts).sum() / len(self.inputs[0])
        if loss.requires_grad:
            torch.autograd.backward(loss)
        return gradients_of(self.module)


def gradients_of(module: nn.Module) -> Gradients:
    """Copy the gradient of each weight that has one; name → gradient."""
    return {name: weight.grad.clone() for name, weight in module.named_parameters() if weight.grad is not None}


def gradients_of_ranks(shares: Sequence[Sequence[Share]]) -> list[list[Gradients]]:
    """Return for every rank and module the gradients, each averaged over the ranks.

    Args:
        shares: for each rank, its share of the work with each module. DistributedDataParallel copies the weights and
            buffers of rank 0 to the modules of the other ranks.

    Raises:
        AssertionError: a rank raises an error or crashes, which ends the other ranks; or the ranks wait for each other
            for ten minutes.
        unittest.SkipTest: torch has no gloo, or a second process cannot import the modules.
    """
    if not (distributed.is_available() and distributed.is_gloo_available()):
        raise unittest.SkipTest("this torch has no gloo, by which processes on CPUs meet")
    with tempfile.TemporaryDirectory(prefix="wxml-ranks-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        _run(shares, folder)
        found: list[list[Gradients]] = [[{} for _ in share] for share in shares]
        for rank, gradients in enumerate(found):
            for path, values in load_file(folder / f"rank-{rank}.safetensors").items():
                number, _, weight = path.partition("/")
                gradients[int(number)][weight] = values
    return found


def _run(shares: Sequence[Sequence[Share]], folder: Path) -> None:
    """Run `_work` in a process for each rank, and check that all of them succeed."""
    method = _start_method()
    context: Any = multiprocessing.get_context(method)
    jobs = [(rank, len(shares), share, folder) for rank, share in enumerate(shares)]
    ranks: list[BaseProcess] = [context.Process(target=_work, args=job, daemon=True) for job in jobs]
    try:
        for rank in ranks:
            rank.start()
        _wait_for_the_last_or_a_failure(ranks)
    finally:
        codes = [rank.exitcode for rank in ranks]
        for rank in ranks:
            if rank.is_alive():
                rank.kill()
                rank.join()
    faults = sorted(folder.glob("fault-*"))
    require(not faults, faults[0].read_text() if faults else "")
    if method == "spawn" and 1 in codes:
        raise unittest.SkipTest("with a GPU ranks are fresh processes, and those cannot import the plugin's module")
    require(not any(codes), f"ranks ended with the exit codes {codes}")
    require(None not in codes, f"{len(ranks)} ranks were not done within {PATIENCE:g} s: does one wait for another?")


def _start_method() -> str:
    """Choose `fork`, which is fast and knows every class; autograd's threads for a GPU do not survive it."""
    return "fork" if sys.platform == "linux" and not torch.cuda.is_available() else "spawn"


def _wait_for_the_last_or_a_failure(ranks: Sequence[BaseProcess]) -> None:
    """Return when all ranks have ended, after `PATIENCE`, or when one has failed: the others may wait for that one."""
    deadline = time.monotonic() + PATIENCE
    running = list(ranks)
    while running:
        ended = wait([rank.sentinel for rank in running], max(0.0, deadline - time.monotonic()))
        for rank in running:
            if rank.sentinel in ended:
                rank.join(ENDING)  # a sentinel is ready a moment before there is an exit code
        running = [rank for rank in running if rank.exitcode is None]
        if not ended or any(rank.exitcode for rank in ranks):
            return


# In the process of a rank


def _work(rank: int, count: int, shares: Sequence[Share], folder: Path) -> None:
    """Leave the gradients in the folder; if that fails, leave a line that says why, and end with an exit code."""
    torch.set_num_threads(1)  # OpenMP's own threads do not survive a fork
    os.dup2(2, 1)  # gloo talks
    os.environ.setdefault("GLOO_SOCKET_IFNAME", LOOPBACK.get(sys.platform, ""))
    meeting, timeout = f"file://{folder.as_posix()}/meeting", timedelta(seconds=PATIENCE)
    try:
        distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count, timeout=timeout)
        found = [_gradients(share) for share in shares]
        distributed.destroy_process_group()
        flat = {f"{number}/{name}": values for number, each in enumerate(found) for name, values in each.items()}
        save_file(flat, folder / f"rank-{rank}.safetensors")
    except BaseException as error:  # noqa: BLE001  # whatever a plugin raises, the parent says it
        text = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
        (folder / f"fault-{time.time_ns()}-{rank}").write_text(f"on rank {rank} of {count}: {text}")
        os._exit(FAILED)  # at once: the end of a process group may wait for the other ranks


def _gradients(share: Share) -> Gradients:
    """Return the gradients of a second step; fail first if the first step left a weight without a gradient."""
    wrapped = DistributedDataParallel(share.module)
    trained = [name for name, weight in share.module.named_parameters() if weight.requires_grad]
    first = share.step(wrapped)
    lost = [name for name in trained if name not in first]
    require(not lost, f"no gradient reaches {', '.join(lost)}, for which DistributedDataParallel waits")
    return share.step(wrapped)
