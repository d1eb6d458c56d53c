"""A training that makes one step and then stops itself, until it is told to go on.

Both trainings of `train_step.py` load it. At the end of a step it writes a line to the pipe whose number is in
`BENCH_STEPS`: wall clock, processor time, peak memory.
"""

__all__ = ["callbacks", "stop"]

import importlib
import json
import os
import signal
import time
from pathlib import Path
from typing import Any


def callbacks() -> list[Any]:
    """What Lightning adds to the callbacks of the peer, since it asks the entry points of a group for them."""
    base = importlib.import_module("pytorch_lightning").Callback
    methods = {"on_train_batch_end": lambda self, trainer, *_: stop(trainer.global_step)}
    return [type("Turns", (base,), methods)()]


def stop(step: int) -> None:
    """Tell of a step, and stop."""
    line = {"step": step, "wall_s": time.time(), "cpu_s": time.process_time(), "peak_mib": _peak_mib()}
    os.write(int(os.environ["BENCH_STEPS"]), f"{json.dumps(line)}\n".encode())
    os.kill(os.getpid(), signal.SIGSTOP)


def _peak_mib() -> int:
    """The peak of the resident memory; that of `getrusage` counts what the process was before it was this program."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
