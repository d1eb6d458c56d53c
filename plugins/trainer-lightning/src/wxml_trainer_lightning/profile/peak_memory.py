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
    what was resident at first: so it also has what torch's and other libraries' allocators keep for later.
    """

    def __init__(self, device: str) -> None:
        """Remember what the process has before there is a model; `device` is its type as torch calls it."""
        self.device = device
        self._before = _resident("VmRSS") if device == "cpu" else 0

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
        now = _resident("VmHWM") if self.device == "cpu" else None
        return None if now is None or self._before is None else max(0, now - self._before)


def _resident(name: str) -> int | None:
    """A size that Linux tells of this process, in bytes."""
    if not STATUS.exists():
        return None
    lines = STATUS.read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
