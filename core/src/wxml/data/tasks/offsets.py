"""Options that are offsets: times relative to the initial time, as people write them."""

__all__ = ["Offset", "Offsets", "check_order", "check_own_times", "offsets"]

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from wxml.data.task import StepTimes, check_rising
from wxml.data.times import parse_offset
from wxml.errors import ConfigError, Fault

PLACE = "data.task"


def _as_written(text: Any) -> str:
    parse_offset(text)
    return str(text)


Offset = Annotated[str, BeforeValidator(_as_written)]
Offsets = Annotated[list[Offset], Field(min_length=1, max_length=1000)]


def offsets(written: Sequence[str]) -> tuple[np.timedelta64, ...]:
    """The offsets of an option."""
    return tuple(map(parse_offset, written))


def check_order(lists: Mapping[str, Sequence[np.timedelta64]]) -> None:
    """Check that each of some options rises.

    Raises:
        ConfigError: names each one that does not.
    """
    found = {name: check_rising(name, times) for name, times in lists.items()}
    faults = [Fault(f"{PLACE}.{name}", problem) for name, problem in found.items() if problem]
    if faults:
        raise ConfigError(faults, fix="write each time once, the earliest first")


def check_own_times(task: str, times: StepTimes, names: Sequence[str]) -> None:
    """Check that `data.input_steps` and `data.output_steps` are as nobody wrote them, since the task has its own times.

    Args:
        task: the name of the task.
        times: what the config says.
        names: those of the two that the task does not heed.

    Raises:
        ConfigError: one of them was set.
    """
    usual = StepTimes(times.timestep)
    faults = [
        Fault(f"data.{name}", f"`data.{name}` is for evenly spaced times, and task {task!r} has its own, got {value}")
        for name in names
        if (value := getattr(times, name)) != getattr(usual, name)
    ]
    if faults:
        raise ConfigError(faults, fix="leave it out, and write the times in `data.task`")
