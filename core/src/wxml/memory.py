"""The memory that is free, and work that would need more."""

__all__ = ["check_memory", "format_size", "free_memory", "is_out_of_memory"]

from collections.abc import Iterator
from pathlib import Path

import psutil
from pydantic import ByteSize

from wxml.errors import ResourceError

CONTROL_GROUPS = Path("/sys/fs/cgroup")
"""The folder in which Linux limits the memory of containers and of the jobs of a batch system."""
OWN_GROUP = Path("/proc/self/cgroup")


def free_memory() -> int:
    """How many bytes this process can still take: what the machine, its control groups and its own limit leave."""
    machine = int(psutil.virtual_memory().available)
    return max(0, min([machine, *_left_by_process_limit(), *_left_by_control_groups()]))


def check_memory(needed: int, what: str, *, fix: str) -> None:
    """Refuse work that cannot fit before it begins.

    Args:
        needed: the bytes that are in memory at one time; a lower bound will do.
        what: the subject of the sentence, such as "one batch of 8 forecasts".
        fix: the sizes to reduce.

    Raises:
        ResourceError: fewer bytes are free.
    """
    free = free_memory()
    if needed > free:
        raise ResourceError(f"{what} would take {format_size(needed)} of memory, {format_size(free)} are free", fix=fix)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether Python, numpy or torch raised `error` because they got no memory, on any device."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    return bool(kinds & {"MemoryError", "OutOfMemoryError"}) or "can't allocate memory" in str(error)


def format_size(size: float) -> str:
    """Write a size in units of 1024.

    >>> format_size(512), format_size(5.5 * 2**20)
    ('512 B', '5.5 MiB')
    """
    return ByteSize(size).human_readable(separator=" ")


def _left_by_process_limit() -> Iterator[int]:
    """What the limit of this process leaves, if it has one (`ulimit -v`)."""
    if hasattr(psutil, "RLIMIT_AS"):  # Linux and FreeBSD
        process = psutil.Process()
        limit, _ = process.rlimit(psutil.RLIMIT_AS)
        if limit != psutil.RLIM_INFINITY:
            yield limit - process.memory_info().vms


def _left_by_control_groups() -> Iterator[int]:
    """What the limit of each control group (version 2) around this process leaves; the cache of files can be freed."""
    for group in _control_groups():
        try:
            limit = (group / "memory.max").read_text().strip()
            statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
            used = int((group / "memory.current").read_text()) - int(statistics["file"])
        except (OSError, ValueError, KeyError):  # the root has no limit, and a container may hide its files
            continue
        if limit != "max":
            yield int(limit) - used


def _control_groups() -> Iterator[Path]:
    """The folders of the control group of this process and of those around it."""
    lines = OWN_GROUP.read_text().splitlines() if OWN_GROUP.exists() else []
    for line in lines:
        if line.startswith("0::/"):
            group = CONTROL_GROUPS / line.removeprefix("0::/")
            yield from (group, *(folder for folder in group.parents if CONTROL_GROUPS in (folder, *folder.parents)))
