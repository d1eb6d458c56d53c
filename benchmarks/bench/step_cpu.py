"""A callback that writes the processor time of a training after each of its steps, for `time_to_skill.py`.

The times are those of the whole process since it began, in seconds, a line each, in the file that `BENCH_STEP_CPU`
names; it is written once, at the end.
"""

__all__ = ["ENTRY_POINTS", "NAME", "VARIABLE", "StepCpu"]

import os
import time
from pathlib import Path

from wxml import Callback, TrainingView

VARIABLE = "BENCH_STEP_CPU"
NAME = "bench-step-cpu"
ENTRY_POINTS = f"[wxml.callbacks]\n{NAME} = bench.step_cpu:StepCpu\n"


class StepCpu(Callback):
    """Notes the processor time after each step, with the validation and the state that follow it."""

    def __init__(self) -> None:
        self._seconds: list[float] = []

    def on_step(self, view: TrainingView) -> None:
        """Note the time."""
        self._seconds.append(time.process_time())

    def on_checkpoint(self, view: TrainingView) -> None:
        """Note the time after the state of the step."""
        self._seconds[-1] = time.process_time()

    def on_end(self, view: TrainingView) -> None:
        """Write the file."""
        Path(os.environ[VARIABLE]).write_text("".join(f"{value:.3f}\n" for value in self._seconds))
