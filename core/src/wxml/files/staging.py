"""Write under a temporary name, then rename: a crash never leaves half an artefact under the name of a whole one."""

__all__ = ["check_absent", "staged"]

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wxml.errors import ArtefactError


def check_absent(target: Path, *, overwrite: bool = False) -> None:
    """Refuse a target that exists, or whose folder does not, before any work is done for it."""
    if os.path.lexists(target) and not overwrite:
        raise ArtefactError(f"`{target}` exists already", fix="choose another path, or pass --overwrite to replace it")
    if not target.parent.is_dir():
        raise ArtefactError(f"there is no folder `{target.parent}` to write `{target.name}` into", fix="make it first")


@contextmanager
def staged(target: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary path in the folder of `target`; rename it to `target` at the end, remove it after a failure.

    The caller writes a file or a folder to that path. It has the suffix of `target`, by which libraries choose formats.

    Raises:
        ArtefactError: `target` exists and `overwrite` is not set, or the disk is full or refuses.
    """
    target = Path(target)
    check_absent(target, overwrite=overwrite)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.partial{target.suffix}")
    _remove(temporary)
    try:
        yield temporary
        _replace(temporary, target)
    except OSError as error:
        if isinstance(error, ArtefactError):
            raise
        reason = error.strerror or str(error)
        raise ArtefactError(
            f"could not write `{target}`: {reason}",
            fix="free some space or choose another place; nothing was left behind",
        ) from error
    finally:
        _remove(temporary)


def _replace(new: Path, target: Path) -> None:
    """Move `new` to `target`; an old folder is moved aside first, because a folder cannot be renamed onto another."""
    if new.is_file():
        umask = os.umask(0o077)  # it can only be read by setting it
        os.umask(umask)
        new.chmod(0o666 & ~umask)  # some libraries make files that only their owner can read
    if target.is_dir() and not target.is_symlink():
        old = target.with_name(f".{target.name}.{os.getpid()}.old")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.replace(target)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
