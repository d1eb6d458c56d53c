"""`tracking.json` in the folder of a run: what its trackers are told of it, so that it can be told again."""

__all__ = ["read_run", "tracked_run"]

import json
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from wxml import TrackedRun
from wxml.errors import ArtefactError
from wxml.files.staging import staged
from wxml.masking import masked

NAME = "tracking.json"


@dataclass(frozen=True, slots=True)
class _Record:
    identity: str
    parameters: dict[str, str]


def tracked_run(run_dir: Path, parameters: Mapping[str, str]) -> TrackedRun:
    """What trackers are told of the training in `run_dir`; one that is resumed keeps its identity.

    Args:
        run_dir: its folder; its name becomes that of the run.
        parameters: by dotted key, see `state.flatten`; without secrets.
    """
    path = run_dir / NAME
    try:
        identity = read_run(run_dir).identity
    except ArtefactError:
        identity = uuid.uuid4().hex
    run = TrackedRun(masked(run_dir.resolve().name), run_dir, identity, parameters)
    with staged(path, overwrite=True) as temporary:
        record = _Record(identity, dict(parameters))
        temporary.write_text(json.dumps(asdict(record), indent=1), encoding="utf-8")
    return run


def read_run(run_dir: Path) -> TrackedRun:
    """What trackers were told of the training in `run_dir`.

    Raises:
        ArtefactError: the folder has no such record, or it is damaged.
    """
    path = run_dir / NAME
    try:
        record = TypeAdapter(_Record).validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ArtefactError(
            f"`{path}` says nothing of a training",
            fix="name the folder of a run that this version of wxml-trainer-lightning has made",
        ) from error
    return TrackedRun(masked(run_dir.resolve().name), run_dir, record.identity, record.parameters)
