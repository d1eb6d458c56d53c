"""The suffix of a file says its format; another one is refused before any work is done."""

__all__ = ["check_suffix"]

from collections.abc import Sequence
from pathlib import Path

from wxml.errors import ArtefactError


def check_suffix(path: Path, suffixes: Sequence[str], option: str) -> None:
    """Refuse a path whose suffix is none of `suffixes`.

    Raises:
        ArtefactError: names the option and the suffixes.
    """
    if path.suffix.lower() not in suffixes:
        raise ArtefactError(
            f"`{option}` must end with {' or '.join(suffixes)}, got `{path}`",
            fix=f"name the file like {path.stem or 'graph'}{suffixes[0]}",
        )
