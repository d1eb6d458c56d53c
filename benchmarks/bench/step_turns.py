"""A Lightning callback with which a training makes one step and then stops itself, until it is told to go on.

Both trainings of `train_step.py` load it: Lightning asks the entry points of a group for callbacks. At the end of a
step it writes a line to the pipe whose number is in `BENCH_STEPS`: wall clock, processor time, peak memory.
"""

__all__ = ["callbacks"]

import importlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any


def callbacks() -> list[Any]:
    """What Lightning adds to its callbacks; nothing outside of the benchmark."""
    if "BENCH_STEPS" not in os.environ:
        return []
    base = importlib.import_module(os.environ["BENCH_LIGHTNING"]).Callback

    def on_train_batch_end(self: Any, trainer: Any, *_: Any) -> None:
        line = {
            "step": trainer.global_step,
            "wall_s": time.time(),
            "cpu_s": time.process_time(),
            "peak_mib": _peak_mib(),
        }
        os.write(int(os.environ["BENCH_STEPS"]), f"{json.dumps(line)}\n".encode())
        os.kill(os.getpid(), signal.SIGSTOP)

    return [type("Turns", (base,), {"on_train_batch_end": on_train_batch_end})()]


def _peak_mib() -> int:
    """The peak of the resident memory; that of `getrusage` counts what the process was before it was this program."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
