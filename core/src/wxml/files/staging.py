"""Write under a temporary name, then rename: a crash never leaves half an artefact under the name of a whole one.

One process at a time writes a target, under a lock beside it. What a process that was killed has left beside the target
is put right by the next process that writes the same target: half-written files are removed, and a folder that was
moved aside to be replaced is moved back if nothing has taken its place.
"""

__all__ = [
    "NOTHING_LEFT",
    "check_absent",
    "claimed",
    "is_leftover",
    "lock_path",
    "put_in_place",
    "remove",
    "staged",
    "write_failure",
]

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wxml.errors import ArtefactError
from wxml.files.lock import locked

RANDOM = "[0-9a-f]+"
"""What stands in the names of temporary files: random hexadecimal digits, in version 0.1 the number of a process."""
PRIVATE = 0o600
NOTHING_LEFT = "nothing was left behind"
"""What the advice after a failure ends with, unless a part of the work stays."""


def check_absent(target: Path, *, overwrite: bool = False) -> None:
    """Refuse a target that exists, or whose folder does not, before any work is done for it."""
    if os.path.lexists(target) and not overwrite:
        raise ArtefactError(f"`{target}` exists already", fix="choose another path, or pass --overwrite to replace it")
    _check_folder(target)


def is_leftover(name: str) -> bool:
    """Whether a file of this name is a lock, or was half-written by a process that was killed.

    >>> is_leftover(".lock"), is_leftover(".state.4f.partial.safetensors"), is_leftover("state.safetensors")
    (True, True, False)
    """
    return bool(re.fullmatch(rf"\.(.+\.)?lock|\..+\.{RANDOM}\.(partial(\.[^.]*)?|old)", name))


@contextmanager
def staged(target: Path, *, overwrite: bool = False, private: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `target`; rename it to `target` at the end, remove it after a failure.

    The caller writes a file or a folder to that path. It has the suffix of `target`, by which libraries choose formats.

    Args:
        target: the file or the folder.
        overwrite: whether one that is there is replaced.
        private: make a file that nobody but its owner may read or write, not even while it is written.

    Raises:
        ArtefactError: `target` exists and `overwrite` is not set, another process is writing it, or the disk is full or
            refuses.
    """
    target = Path(target)
    with claimed(target):
        check_absent(target, overwrite=overwrite)
        temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.partial{target.suffix}")
        try:
            if private:
                os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE))
            yield temporary
            put_in_place(temporary, target, private=private)
        finally:
            remove(temporary)


@contextmanager
def claimed(target: Path) -> Iterator[None]:
    """Let nobody else write `target` while the context lasts, and put right what killed processes have left beside it.

    Raises:
        ArtefactError: another process is writing it, or the disk is full or refuses.
    """
    _check_folder(target)
    with locked(lock_path(target), seconds=0, target=target) as is_held:
        try:
            if is_held:
                _put_right(target)
            yield
        except OSError as error:
            if isinstance(error, ArtefactError):
                raise
            raise write_failure(target, error) from error


def lock_path(target: Path) -> Path:
    """The lock that a process holds while it writes `target`."""
    return target.with_name(f".{target.name}.lock")


def write_failure(target: Path, error: OSError) -> ArtefactError:
    """The error that says why `target` could not be written."""
    return ArtefactError(
        f"could not write `{target}`: {error.strerror or error}",
        fix="free some space or choose another place; nothing was left behind",
    )


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise ArtefactError(f"there is no folder `{target.parent}` to write `{target.name}` into", fix="make it first")


def _put_right(target: Path) -> None:
    """Remove what killed processes left beside `target`, or move it back; the lock of `target` must be held."""
    stem, suffix, name = re.escape(target.stem), re.escape(target.suffix), re.escape(target.name)
    for path in list(target.parent.iterdir()):
        if re.fullmatch(rf"\.{name}\.{RANDOM}\.old", path.name) and not os.path.lexists(target):
            path.rename(target)
        elif re.fullmatch(rf"\.{name}\.{RANDOM}\.old|\.{stem}\.{RANDOM}\.partial{suffix}", path.name):
            remove(path)


def put_in_place(new: Path, target: Path, *, private: bool = False) -> None:
    """Move `new` to `target`; an old folder is moved aside first, because a folder cannot be renamed onto another."""
    if private:
        new.chmod(PRIVATE)
    elif new.is_file():
        umask = os.umask(0o077)  # it can only be read by setting it
        os.umask(umask)
        new.chmod(0o666 & ~umask)  # some libraries make files that only their owner can read
    if not target.is_dir() or target.is_symlink():
        new.replace(target)
        return
    old = target.with_name(f".{target.name}.{secrets.token_hex(4)}.old")
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old)


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
