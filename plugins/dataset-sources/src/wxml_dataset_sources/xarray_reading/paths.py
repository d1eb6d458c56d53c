"""Which files the option `path` means."""

__all__ = ["resolve"]

import difflib
import glob
import os
from collections.abc import Sequence
from pathlib import Path

from wxml.errors import DataError

LISTED = 5  # so many names of a folder are shown where none is near


def resolve(path: str | Sequence[str]) -> list[str]:
    """The files and zarr stores that are meant, in the order given; those of a pattern in the order of their names.

    Raises:
        DataError: nothing is there, or it may not be read, or it is on another machine, or it is named twice.
    """
    wanted = [path] if isinstance(path, str) else list(path)
    if not wanted:
        raise DataError("`path` must name at least one file, got an empty list", fix="name a file or a zarr store")
    found = [name for entry in wanted for name in _expand(entry)]
    for name in found:
        if found.count(name) > 1:
            raise DataError(f"`path` names `{name}` twice", fix="name each file once")
        if not os.access(name, os.R_OK):
            raise DataError(f"`{name}` may not be read: permission denied", fix="ask its owner, or check its mode")
    return found


def _expand(entry: str) -> list[str]:
    if "://" in entry:
        raise DataError(f"`path` must be on this machine, got `{entry}`", fix="fetch the data first: no URL is read")
    name = os.path.expanduser(entry)
    if os.path.lexists(name):  # a name that holds [ or * is taken as it is where it exists
        return [name] if os.path.exists(name) else _missing(name)
    if not glob.has_magic(name):
        return _missing(name)
    matches = sorted(glob.glob(name, recursive=True))
    if not matches:
        raise DataError(f"no file matches `{entry}`", fix=_nearby(Path(name)))
    return matches


def _missing(name: str) -> list[str]:
    raise DataError(f"there is no file `{name}`", fix=_nearby(Path(name)))


def _nearby(path: Path) -> str:
    """What is in the folder of a path that is not there, the nearest name first."""
    if not path.parent.is_dir():
        above = next(parent for parent in path.absolute().parents if parent.is_dir())
        return f"there is no folder `{path.parent}` either; `{above}` is there"
    names = sorted(os.listdir(path.parent))
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{path.parent / close[0]}`?"
    shown = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
    return f"`{path.parent}` holds {shown or 'nothing'}"
