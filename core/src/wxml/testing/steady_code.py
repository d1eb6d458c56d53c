"""Code that stays as it is while tests run: it is hashed once, git is asked about it once, metadata are read once."""

__all__ = ["assume_steady"]

import os
import sysconfig
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import Distribution as Found
from pathlib import Path

from wxml.environment import distributions, git, origin
from wxml.plugins import comparison, lock


def assume_steady(folders: Iterable[Path]) -> None:
    """Let what is known of the code in these folders hold until this process and its forks end.

    Every artefact records the code that made it. To find that out takes longer than to make a small artefact, and the
    answer is the same for thousands of them. So with what is installed beside this Python: it is read for each list of
    plugins.
    """
    places = tuple(os.path.join(os.path.realpath(folder), "") for folder in folders)
    ask, known_answer, hash_code, known_hash = git.git, cache(git.git), lock.tree_hash, cache(lock.tree_hash)

    def is_steady(path: Path) -> bool:
        return os.path.join(os.path.realpath(path), "").startswith(places)

    def asked(folder: Path, *arguments: str) -> str | None:
        return (known_answer if is_steady(folder) else ask)(folder, *arguments)

    def hashed(root: Path | None) -> str | None:
        return (known_hash if root and is_steady(root) else hash_code)(root)

    for module, name, function in (
        (git, "git", asked),
        (origin, "git", asked),
        (lock, "tree_hash", hashed),
        (comparison, "tree_hash", hashed),
        (distributions, "wrapped", _reading_once()),
    ):
        setattr(module, name, function)


def _reading_once() -> Callable[[Found], distributions.Distribution]:
    """Wraps distributions so that the metadata of those that are installed beside this Python are read once."""
    place, wrap = sysconfig.get_path("purelib"), distributions.wrapped
    known: dict[str, distributions.Distribution] = {}

    def wrapped(found: Found) -> distributions.Distribution:
        made = wrap(found)
        return known.setdefault(made.folder, made) if made.place == place else made

    return wrapped
