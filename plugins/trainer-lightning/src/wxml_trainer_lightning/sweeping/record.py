"""`sweep.json` in the folder of a sweep: its trainings, and what has become of each."""

__all__ = ["NAME", "Record", "RunState", "Status", "open_record"]

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from wxml.errors import ArtefactError
from wxml.files.failures import damaged
from wxml.files.staging import is_leftover, staged
from wxml.masking import masked

from wxml_trainer_lightning.sweeping.plan import PlannedRun

NAME = "sweep.json"
Status = Literal["waiting", "running", "finished", "stopped", "failed"]


@dataclass(frozen=True, slots=True)
class RunState:
    """One training, and what has become of it."""

    name: str
    overrides: tuple[str, ...]
    """Without secrets."""
    status: Status = "waiting"
    seconds: float = 0.0
    """How long its processes have run, all resumed ones together."""


@dataclass(frozen=True, slots=True)
class _Content:
    experiment: str | None
    runs: tuple[RunState, ...]


class Record:
    """The states of all trainings, on disk after each change.

    Attributes:
        states: the state of each training, by its name, in the order of the sweep.
    """

    def __init__(self, folder: Path, content: _Content) -> None:
        """Write the file."""
        self._path, self._experiment = folder / NAME, content.experiment
        self.states = {run.name: run for run in content.runs}
        self._write()

    def began(self, name: str) -> None:
        """Record that a training runs; it stays so if this process is killed."""
        self.states[name] = replace(self.states[name], status="running")
        self._write()

    def ended(self, name: str, status: Status, seconds: float) -> None:
        """Record how a training has ended, after `seconds` more."""
        state = self.states[name]
        self.states[name] = replace(state, status=status, seconds=round(state.seconds + seconds, 1))
        self._write()

    def _write(self) -> None:
        content = _Content(self._experiment, tuple(self.states.values()))
        with staged(self._path, overwrite=True) as temporary:
            temporary.write_text(json.dumps(asdict(content), indent=1) + "\n", encoding="utf-8")


def open_record(folder: Path, experiment: Path | None, runs: Sequence[PlannedRun], *, resume: bool) -> Record:
    """Begin the record of a sweep, or go on with the one in `folder`.

    Raises:
        ArtefactError: the folder holds a sweep and `resume` is not set, or none and it is; or the sweep is another one.
    """
    planned = _Content(
        None if experiment is None else masked(str(experiment)),
        tuple(RunState(run.name, tuple(map(masked, run.overrides))) for run in runs),
    )
    path = folder / NAME
    if not path.exists():
        _check_empty(folder, resume=resume)
        return Record(folder, planned)
    if not resume:
        raise ArtefactError(
            f"`{folder}` holds a sweep already", fix="pass --resume to go on, or choose another --run-dir"
        )
    known = _read(path)
    if _identity(known) != _identity(planned):
        raise ArtefactError(
            f"`{folder}` holds another sweep: {_difference(known, planned)}",
            fix="name the same experiment and values, or choose another --run-dir",
        )
    return Record(folder, known)


def _check_empty(folder: Path, *, resume: bool) -> None:
    if resume:
        raise ArtefactError(f"`{folder}` holds no sweep to resume", fix="leave --resume out to start one")
    if not all(is_leftover(path.name) for path in folder.iterdir()):
        raise ArtefactError(f"`{folder}` holds other files", fix="choose another --run-dir")


def _read(path: Path) -> _Content:
    try:
        return TypeAdapter(_Content).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise damaged(f"`{path}`", error) from error


def _identity(content: _Content) -> tuple[str | None, list[tuple[str, tuple[str, ...]]]]:
    return content.experiment, [(run.name, run.overrides) for run in content.runs]


def _difference(known: _Content, planned: _Content) -> str:
    """The first thing that differs, in words."""
    if known.experiment != planned.experiment:
        return f"its experiment is {known.experiment or 'the demo'}, got {planned.experiment or 'the demo'}"
    if len(known.runs) != len(planned.runs):
        return f"it has {len(known.runs)} trainings, got {len(planned.runs)}"
    pairs = zip(known.runs, planned.runs, strict=True)
    old, new = next((old, new) for old, new in pairs if (old.name, old.overrides) != (new.name, new.overrides))
    return f"its training {old.name} has {' '.join(old.overrides)}, got {' '.join(new.overrides)}"
