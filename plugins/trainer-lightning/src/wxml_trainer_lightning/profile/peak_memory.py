"""The most memory that a training takes."""

__all__ = ["PeakMemory"]

from contextlib import suppress
from pathlib import Path

import torch

STATUS = Path("/proc/self/status")
FORGET_PEAK = Path("/proc/self/clear_refs")


class PeakMemory:
    """The peak of the memory since `restart`.

    On a GPU it is that of torch's tensors. On the CPU it is the resident memory of this process (VmHWM of Linux), less
    what was resident at first and less the pages of files (RssFile): the code of libraries comes into memory as it is
    first called, 30 MiB in the first steps of a training. It also has what the allocators of libraries keep for later.
    """

    def __init__(self, device: str) -> None:
        """Remember what the process has before there is a model; `device` is its type as torch calls it."""
        self.device = device
        self._before = _less(_resident("VmRSS"), _resident("RssFile")) if device == "cpu" else None

    def restart(self) -> None:
        """Forget the peak so far."""
        if self.device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        elif self.device == "cpu":
            with suppress(OSError):  # then the peak is that of the process from its beginning
                FORGET_PEAK.write_text("5")

    @property
    def peak(self) -> int | None:
        """The peak in bytes; None where the system does not tell."""
        if self.device == "cuda":
            return torch.cuda.max_memory_allocated()
        found = _less(_less(_resident("VmHWM"), _resident("RssFile")), self._before) if self.device == "cpu" else None
        return None if found is None else max(0, found)


def _less(size: int | None, other: int | None) -> int | None:
    return None if size is None or other is None else size - other


def _resident(name: str) -> int | None:
    """A size that Linux tells of this process, in bytes."""
    if not STATUS.exists():
        return None
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
