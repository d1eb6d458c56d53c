"""Finds the artefacts in a folder."""

__all__ = ["artefacts_beneath"]

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from wxml.artefacts.formats import is_artefact_folder, read_provenance, written_by
from wxml.errors import ArtefactError, WxmlError
from wxml.files.record_file import is_record_file, record_path

logger = logging.getLogger("wxml")


def artefacts_beneath(folder: Path) -> list[Path] | None:
    """The checkpoints, forecasts and scores in a folder and in those below it, sorted; None if it is no such folder.

    Hidden files are left out, and safetensors files that are no checkpoint. So are files that a forecast writer might
    have written and that hold no record; a log line counts them. A damaged checkpoint is among the results.

    Raises:
        ArtefactError: there is none beneath the folder.
    """
    if not folder.is_dir() or is_artefact_folder(folder):
        return None
    candidates = sorted(_candidates(folder))
    unread = [path for path in candidates if path.suffix != ".safetensors" and not _has_record(path)]
    if unread:
        logger.info("%d files or stores beneath `%s` hold no record of wxml: `%s` …", len(unread), folder, unread[0])
    found = [path for path in candidates if path not in unread]
    if not found:
        raise ArtefactError(
            f"there is no artefact beneath `{folder}`",
            fix="name checkpoints, forecasts, folders of scores, or a folder of them",
        )
    return found


def _candidates(folder: Path) -> Iterator[Path]:
    """What may be an artefact, by its name; a store is one path, and nothing in it is looked at."""
    for place, folders, files in os.walk(folder):
        whole = [name for name in folders if name[0] != "." and is_artefact_folder(Path(place, name))]
        folders[:] = [name for name in folders if name[0] != "." and name not in whole]
        yield from (Path(place, name) for name in whole)
        for path in (Path(place, name) for name in files if name[0] != "."):
            if _is_checkpoint(path) if path.suffix == ".safetensors" else _is_forecast(path):
                yield path


def _is_forecast(path: Path) -> bool:
    """Whether a file has a record beside it, or the suffix of a forecast writer."""
    return is_record_file(record_path(path)) or bool(written_by(path))


def _is_checkpoint(path: Path) -> bool:
    """Whether a safetensors file is a checkpoint, or damaged: nobody knows what it was."""
    try:
        with safe_open(path, framework="np") as file:
            return "wxml" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True


def _has_record(path: Path) -> bool:
    try:
        read_provenance(path)
    except WxmlError:
        return False
    return True
