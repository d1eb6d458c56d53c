"""The folder of a run: the checkpoint that is meant when the folder is named."""

__all__ = ["checkpoint_in"]

from pathlib import Path

from wxml.errors import ArtefactError

CHECKPOINT = "checkpoint.safetensors"


def checkpoint_in(path: Path) -> Path:
    """Return a checkpoint as it was named, or that of the run in a folder.

    Raises:
        ArtefactError: the folder holds no checkpoint.
    """
    if not path.is_dir():
        return path
    if (path / CHECKPOINT).is_file():
        return path / CHECKPOINT
    raise ArtefactError(
        f"`{path}` holds no checkpoint", fix="name the folder of a run that has ended, or a checkpoint itself"
    )
