"""The processes of one job: as torchrun or SLURM's `srun` has started them, each with a number."""

__all__ = ["Launch", "launch", "silenced"]

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

FIRST_PORT, PORTS = 20_000, 40_000
"""The port of a job of SLURM follows from its number, so that jobs that share a machine do not meet."""


@dataclass(frozen=True, slots=True)
class Launch:
    """The place of this process among those that one launcher has started to work on one task."""

    launcher: str
    """`torchrun` or `srun`."""
    rank: int
    """The number of this process, counted from 0 over all machines."""
    ranks: int
    """The number of all processes."""
    local_rank: int
    """The number of this process on its machine."""
    nodes: int
    """The number of machines."""
    address: str
    """The machine where the processes meet."""
    port: int
    meeting_is_held: bool = False
    """Whether the launcher itself holds the place where they meet, and not rank 0."""

    @property
    def local_ranks(self) -> int:
        """The number of processes on each machine."""
        return self.ranks // self.nodes

    @property
    def is_even(self) -> bool:
        """Whether there are as many processes on one machine as on any other."""
        return self.ranks % self.nodes == 0


def launch(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """Return the place of this process; None if it was started alone.

    Args:
        environment: the variables that the launcher has set. torchrun sets TORCHELASTIC_RUN_ID, RANK, WORLD_SIZE and
            so on; srun sets SLURM_STEP_NUM_TASKS, SLURM_PROCID and so on, and its place to meet is the first node of
            the step unless MASTER_ADDR and MASTER_PORT name another.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        return _by_torchrun(environment)
    if int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "SLURM_PROCID" in environment:
        return _by_srun(environment)
    return None


def _by_torchrun(environment: Mapping[str, str]) -> Launch:
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "GROUP_WORLD_SIZE")
    rank, ranks, local_rank, nodes = (int(environment[name]) for name in names)
    is_held = environment.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    port = int(environment["MASTER_PORT"])
    return Launch("torchrun", rank, ranks, local_rank, nodes, environment["MASTER_ADDR"], port, is_held)


def _by_srun(environment: Mapping[str, str]) -> Launch:
    job, step = (int(environment.get(name, "0")) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    first = _first_node(environment.get("SLURM_STEP_NODELIST", "127.0.0.1"))
    return Launch(
        launcher="srun",
        rank=int(environment["SLURM_PROCID"]),
        ranks=int(environment["SLURM_STEP_NUM_TASKS"]),
        local_rank=int(environment["SLURM_LOCALID"]),
        nodes=int(environment.get("SLURM_STEP_NUM_NODES", "1")),
        address=environment.get("MASTER_ADDR", first),
        port=int(environment.get("MASTER_PORT", FIRST_PORT + (101 * job + step) % PORTS)),
    )


def _first_node(nodes: str) -> str:
    """The first machine of a list as SLURM writes it.

    >>> [_first_node(nodes) for nodes in ("gpu[03-05,9],cpu1", "gpu7", "rack1-gpu[2,4]")]
    ['gpu03', 'gpu7', 'rack1-gpu2']
    """
    found = re.match(r"([^\[,]+)(?:\[(\w+))?", nodes)
    return "".join(part or "" for part in found.groups()) if found else nodes


@contextmanager
def silenced() -> Iterator[None]:
    """Log nothing but errors of wxml: rank 0 tells what is the same for all."""
    log = logging.getLogger("wxml")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
