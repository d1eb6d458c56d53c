"""What processes that were killed have left in a folder: named, and removed if the user asks for it.

Whether a process is at work is told by the lock of what it writes, which the operating system releases when it ends.
Where a file system has no locks nobody can tell, and nothing counts as left over.
"""

__all__ = [
    "Leftover",
    "leftovers",
    "remove_leftovers",
    "state_path",
    "steps_path",
    "unfinished_path",
    "unfinished_target",
    "with_records",
]

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked
from wxml.files.record_file import record_path
from wxml.files.staging import RANDOM, lock_path, remove

UNFINISHED = ".unfinished"
"""What stands before the suffix in the name of a forecast that is not whole: `forecast.unfinished.zarr`."""
STEPS = ".jsonl"
"""The suffix of the file beside it that says which of its steps are complete."""
STATE = ".state.safetensors"
"""The suffix of the file beside it with the state in the midst of its steps."""
NAMES = (
    rf"\.(?P<stem>.+)\.{RANDOM}\.partial(?P<suffix>(\.[^.]*)?)",
    rf"\.(?P<stem>.+)(?P<suffix>)\.{RANDOM}\.old",
    r"\.(?P<stem>.+)(?P<suffix>)\.lock",
    rf"(?P<stem>.+){re.escape(UNFINISHED)}(?P<suffix>\.[^.]+){re.escape(STEPS)}",
    rf"(?P<stem>.+){re.escape(UNFINISHED)}(?P<suffix>\.[^.]+)\.state(\.partial)?\.safetensors",
)


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file or folder that a process has left when it was killed."""

    path: Path
    target: Path
    """What the process was writing."""


def unfinished_path(target: Path) -> Path:
    """Where a forecast lies while it is not whole."""
    return target.with_name(f"{target.stem}{UNFINISHED}{target.suffix}")


def unfinished_target(path: Path) -> Path | None:
    """The place to which a forecast comes when it is whole, if its name says that it is not; None of any other path."""
    if not path.stem.endswith(UNFINISHED) or path.stem == UNFINISHED:
        return None
    return path.with_name(path.stem.removesuffix(UNFINISHED) + path.suffix)


def steps_path(target: Path) -> Path:
    """The file beside it that says which of its steps are complete."""
    unfinished = unfinished_path(target)
    return unfinished.with_name(unfinished.name + STEPS)


def state_path(target: Path) -> Path:
    """The file beside it with the state in the midst of its steps."""
    unfinished = unfinished_path(target)
    return unfinished.with_name(unfinished.name + STATE)


def leftovers(folder: Path, own: Collection[Path] = ()) -> tuple[Leftover, ...]:
    """What killed processes have left in a folder, sorted; nothing of a process that is at work.

    Other programs have such names of locks, too: one alone counts only for a target in `own` and for the file with its
    record, and no other is touched.
    One that counts, and that nobody holds, is gone afterwards: to look at it is to take it.
    """
    named = [one for path in sorted(folder.iterdir()) for one in _of_name(path)]
    known = {*with_records(own), *(one.target for one in named if one.path != lock_path(one.target))}
    found = [one for one in named if one.target in known]
    ended = {}
    for one in found:
        if one.target not in ended:
            with _claimed(one.target) as is_held:
                ended[one.target] = is_held
    return tuple(one for one in found if ended[one.target])


def with_records(targets: Collection[Path]) -> set[Path]:
    """Some targets, and the files with their records, which stand beside them."""
    return {path for target in targets for path in (target, record_path(target))}


def remove_leftovers(folder: Path, own: Collection[Path] = ()) -> tuple[Leftover, ...]:
    """Remove what `leftovers` finds; move back a folder that was moved aside to be replaced.

    Returns:
        What was there.
    """
    found = leftovers(folder, own)
    for one in found:
        with _claimed(one.target) as is_held:
            if not is_held:
                continue
            if one.path.suffix == ".old" and not one.target.exists():
                one.path.rename(one.target)
            else:
                remove(one.path)
    return found


def _of_name(path: Path) -> Iterator[Leftover]:
    """The leftovers that a name tells: of a file of steps the forecast beside it comes first, which is gone first."""
    match = next(filter(None, (re.fullmatch(name, path.name) for name in NAMES)), None)
    is_file = path.suffix in (".lock", STEPS) or path.name.endswith(STATE)
    is_other = path.is_dir() if is_file else path.suffix == ".old" and not path.is_dir()
    if match is None or is_other or (path.suffix == ".lock" and path.stat().st_size):  # ours are empty
        return
    target = path.with_name(match["stem"] + match["suffix"])
    if path.name.endswith(STEPS) and unfinished_path(target).exists():
        yield Leftover(unfinished_path(target), target)
    yield Leftover(path, target)


@contextmanager
def _claimed(target: Path) -> Iterator[bool]:
    """Whether nobody writes `target`, who then must wait as long as the context lasts."""
    try:
        with locked(lock_path(target), seconds=0, target=target) as is_held:
            yield is_held
    except ArtefactError:
        yield False
