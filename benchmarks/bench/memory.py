"""The resident memory of this process."""

__all__ = ["RESET", "give_back_memory", "resident_mib"]

import ctypes
import gc
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
"""Writing 5 to `RESET` lets the high-water mark fall to what is resident now (proc(5))."""


def resident_mib(field: str = "VmRSS") -> float:
    """Resident memory of this process: `VmRSS` now, `VmHWM` at most since the mark was reset."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


def give_back_memory() -> None:
    """What was freed goes back to the system, so that nothing measured later can hide in it."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
