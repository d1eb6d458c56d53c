"""The folder of a run: its checkpoint, and those that are kept while it trains."""

__all__ = [
    "KEPT",
    "KeptCheckpoint",
    "checkpoint_in",
    "is_run",
    "kept_checkpoints",
    "kept_name",
    "while_it_is_there",
    "write_kept",
]

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import Field, TypeAdapter, ValidationError

from wxml.errors import ArtefactError
from wxml.files.failures import damaged
from wxml.files.json_loader import load_json
from wxml.files.staging import staged

CHECKPOINT, INDEX = "checkpoint.safetensors", "kept.json"
KEPT = "checkpoints"
"""The folder of the checkpoints that are kept, in that of the run."""
TRIES = 5
"""So many checkpoints may be gone before a command gives up."""
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A checkpoint that is kept while a training goes on."""

    step: Annotated[int, Field(ge=0)]
    """The number of complete steps."""
    elapsed: float = 0.0
    """Seconds of training."""
    metrics: dict[str, float] = field(default_factory=dict)
    """What the last validation before it found, by name."""
    best: bool = False
    """Whether it is the best one of its run so far."""


def kept_name(step: int) -> str:
    """The name of the file of a kept checkpoint.

    >>> kept_name(200)
    'step-00000200.safetensors'
    """
    return f"step-{step:08d}.safetensors"


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a run that has a checkpoint."""
    return path.is_dir() and ((path / CHECKPOINT).is_file() or (path / KEPT).is_dir())


def write_kept(run_dir: Path, kept: Sequence[KeptCheckpoint]) -> None:
    """Replace the list of the kept checkpoints of a run.

    Raises:
        ArtefactError: the disk refuses.
    """
    with staged(run_dir / KEPT / INDEX, overwrite=True) as temporary:
        temporary.write_text(json.dumps([asdict(one) for one in kept], indent=1))


def kept_checkpoints(run_dir: Path) -> list[KeptCheckpoint]:
    """The checkpoints that are kept in the folder of a run and are there, in the order of their steps.

    Raises:
        ArtefactError: their list is damaged.
    """
    folder, path = run_dir / KEPT, run_dir / KEPT / INDEX
    if not path.is_file():
        return []
    try:
        listed = TypeAdapter(list[KeptCheckpoint]).validate_python(load_json(path.read_text(encoding="utf-8")))
    except (ValueError, ValidationError) as error:
        raise damaged(f"`{path}`", str(error).splitlines()[0]) from error
    there = (one for one in listed if (folder / kept_name(one.step)).is_file())
    return sorted(there, key=lambda one: one.step)


def checkpoint_in(path: Path, step: str | None = None) -> Path:
    """Return a checkpoint as it was named, or one of the run in a folder, which may still be training.

    Args:
        path: a checkpoint, or the folder of a run.
        step: the number of steps, `best` or `last`; None: the checkpoint that the training has made, else the best of
            those that it keeps, else the last of them.

    Raises:
        ArtefactError: the folder holds no such checkpoint; or a step is given, and `path` is a file.
    """
    if not path.is_dir():
        if step is not None:
            raise ArtefactError(f"`{path}` is no folder of a run, so it has no steps", fix="leave `--step` out")
        return path
    if step is None and (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    kept = kept_checkpoints(path)
    if not kept:
        raise ArtefactError(
            f"`{path}` holds no checkpoint{' of a step' if step else ''}",
            fix="name the folder of a run that has ended, or of one with `training.keep: {every: 100}`, or a "
            "checkpoint itself",
        )
    return path / KEPT / kept_name(_chosen(path, kept, step).step)


def while_it_is_there(path: Path, step: str | None, work: Callable[[Path], Result]) -> Result:
    """Do some work with the checkpoint that `checkpoint_in` chooses; if a training removes it meanwhile, choose again.

    Raises:
        ArtefactError: as `checkpoint_in`; or each of a few checkpoints was gone before it was read.
    """
    for left in reversed(range(TRIES)):
        chosen = checkpoint_in(path, step)
        try:
            return work(chosen)
        except ArtefactError:
            if chosen.exists() or not left:
                raise
    raise RuntimeError("the last try returns or raises")


def _chosen(path: Path, kept: Sequence[KeptCheckpoint], step: str | None) -> KeptCheckpoint:
    best = [one for one in kept if one.best]
    if step in (None, "best") and (best or step is None):
        return (best or kept)[-1]
    if step == "last":
        return kept[-1]
    found = [one for one in kept if str(one.step) == step]
    if not found:
        steps = ", ".join(str(one.step) for one in kept)
        raise ArtefactError(
            f"`{path}` keeps no checkpoint of step {step!r}",
            fix=f"choose one of {steps}{', best' if best else ''} or last",
        )
    return found[0]
