"""The memory that trainings side by side on this machine take together."""

__all__ = ["memory_overrides", "parse_size"]

from collections.abc import Sequence

from pydantic import ByteSize, TypeAdapter, ValidationError
from wxml.errors import ArtefactError
from wxml.memory import format_size, free_memory

from wxml_trainer_lightning.sweeping.plan import PlannedRun

SIZE = TypeAdapter(ByteSize)
FIX = "lower --jobs, --memory or `model.memory_limit`"


def parse_size(text: str) -> int:
    """An amount of memory in bytes; GiB counts in 1024s, GB in 1000s.

    >>> parse_size("1.5GiB")
    1610612736

    Raises:
        ValueError: it is none, or has no unit.
    """
    try:
        size = SIZE.validate_python(text) if text.lower().endswith("b") else 0
    except ValidationError:
        size = 0
    if size < 1:
        raise ValueError(f"an amount of memory is written like 512MiB or 20GiB, got {text!r}")
    return size


def memory_overrides(runs: Sequence[PlannedRun], jobs: int, memory: str | None) -> tuple[str, ...]:
    """The override that gives each training its part of `memory`, by which core plans it; none without `memory`.

    Trainings whose config has `model.memory_limit` are counted with it. Only trainings on the processor are judged:
    they have the memory of the machine in common.

    Args:
        runs: the trainings.
        jobs: how many run side by side.
        memory: what they may take together, such as `60GiB`; None: what is free.

    Raises:
        ArtefactError: together they may take more than `memory`, or `memory` is more than is free.
    """
    free = free_memory()
    together = free if memory is None else parse_size(memory)
    if together > free:
        raise ArtefactError(f"`--memory` is {format_size(together)}, {format_size(free)} are free", fix=FIX)
    share = 0 if memory is None else together // jobs
    limits = sorted(parse_size(run.memory_limit) if run.memory_limit else share for run in runs)[-jobs:]
    if sum(limits) > together:
        each = " + ".join(map(format_size, reversed(limits)))
        what = "are free" if memory is None else "are given by `--memory`"
        raise ArtefactError(
            f"{len(limits)} trainings side by side may take {each} of memory, {format_size(together)} {what}", fix=FIX
        )
    return () if memory is None else (f"model.memory_limit={share}B",)
