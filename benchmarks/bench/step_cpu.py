"""A Lightning callback that writes the processor time of a training after each of its steps, for `time_to_skill.py`.

Lightning asks the entry points of a group for callbacks. The times are those of the whole process since it began, in
seconds, a line each, in the file that `BENCH_STEP_CPU` names; it is written once, at the end.
"""

__all__ = ["ENTRY_POINTS", "VARIABLE", "callbacks"]

import os
import time
from pathlib import Path
from typing import Any

VARIABLE = "BENCH_STEP_CPU"
ENTRY_POINTS = "[lightning.pytorch.callbacks_factory]\nbench-step-cpu = bench.step_cpu:callbacks\n"


def callbacks() -> list[Any]:
    """What Lightning adds to its callbacks; nothing outside of the benchmark."""
    if VARIABLE not in os.environ:
        return []
    from lightning.pytorch import Callback  # only a training has it

    seconds: list[float] = []

    def on_train_batch_end(self: Any, *_: Any) -> None:
        seconds.append(time.process_time())

    def on_train_end(self: Any, *_: Any) -> None:
        Path(os.environ[VARIABLE]).write_text("".join(f"{value:.3f}\n" for value in seconds))

    return [type("StepCpu", (Callback,), {"on_train_batch_end": on_train_batch_end, "on_train_end": on_train_end})()]
