"""Work that is done once for all workers: in parts on them, put together by the client, in a folder that all see."""

__all__ = ["SharedWork", "done", "part_done", "put_together"]

import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

Part = tuple[int, int]
"""The first of some things in a row, and the one behind the last."""


class SharedWork(Protocol):
    """Something that the scoring of cases needs, such as a climatology."""

    @property
    def name(self) -> str:
        """Its own among all works of a verification; the name of a folder."""

    def parts(self, workers: int) -> Sequence[Part]:
        """What so many workers do, in order."""

    def do(self, part: Part, folder: Path) -> None:
        """Write what a part gives into an empty folder."""

    def put_together(self, parts: Mapping[Part, Path], folder: Path) -> None:
        """Make the whole of the parts, in an empty folder."""

    def use(self, folder: Path) -> None:
        """Take the whole, in place of making it."""


def part_done(work: SharedWork, part: Part, room: Path) -> None:
    """Do a part, unless it is there; another worker may be at the same one, and one of the two is kept.

    Args:
        work: what is done.
        part: the part.
        room: the folder of the verification.

    Raises:
        WxmlError: the part cannot be done.
        OSError: the disk refuses.
    """
    target = _place(work, part, room)
    if target.exists():
        return
    temporary = target.with_name(f"{target.name}-{uuid.uuid4().hex}")
    temporary.mkdir()
    work.do(part, temporary)
    try:
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary)
        if not target.exists():
            raise


def put_together(work: SharedWork, parts: Sequence[Part], room: Path) -> None:
    """Make the whole of all parts, which go.

    Raises:
        OSError: the disk refuses.
    """
    temporary = room / f"{work.name}-whole"
    temporary.mkdir()
    places = {part: _place(work, part, room) for part in parts}
    work.put_together(places, temporary)
    for place in places.values():
        shutil.rmtree(place)
    temporary.rename(room / work.name)


def done(work: SharedWork, room: Path) -> Path | None:
    """The folder with the whole; None where there is none, or this machine does not see it."""
    folder = room / work.name
    return folder if folder.is_dir() else None


def _place(work: SharedWork, part: Part, room: Path) -> Path:
    return room / f"{work.name}-{part[0]}-{part[1]}"
