"""Code that stays as it is while tests run: it is hashed once, and git is asked about it once."""

__all__ = ["assume_steady"]

import os
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from wxml.environment import git, origin
from wxml.plugins import comparison, lock


def assume_steady(folders: Iterable[Path]) -> None:
    """Let what is known of the code in these folders hold until this process and its forks end.

    Every artefact records the code that made it. To find that out takes longer than to make a small artefact, and the
    answer is the same for thousands of them.
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
    ):
        setattr(module, name, function)
