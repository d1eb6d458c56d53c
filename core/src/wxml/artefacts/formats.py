"""Reads the provenance record of an artefact of any format."""

__all__ = ["format_plugin", "read_provenance"]

from pathlib import Path
from typing import Any

from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.header import check_record
from wxml.artefacts.provenance import Provenance
from wxml.errors import ArtefactError
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

FORMATS = {".nc": "netcdf", ".nc4": "netcdf"}
"""Suffix → the forecast writer of these files, for suffixes that are not the writer's name."""


def format_plugin(path: Path) -> str:
    """Return the name of the forecast writer for `path` by its suffix.

    Raises:
        ArtefactError: `path` has no suffix.
    """
    if not path.suffix:
        raise ArtefactError(
            f"`{path}` has no suffix that says which format it has", fix="name it like forecast.zarr or forecast.nc"
        )
    return FORMATS.get(path.suffix, path.suffix.lstrip("."))


def read_provenance(path: Path, writer: str | None = None) -> Provenance:
    """Read the record of a checkpoint, a forecast, or a folder of scores.

    Args:
        path: the artefact.
        writer: the forecast writer that knows the format; None: the one that the suffix names.

    Raises:
        ArtefactError: there is no such artefact, it is damaged, or wxml did not write it.
        UnknownPluginError: no installed plugin knows the format.
    """
    if not path.exists():
        raise ArtefactError(
            f"there is no artefact `{path}`", fix="name a checkpoint, a forecast, or a folder of scores"
        )
    if not path.is_file() and not path.is_dir():
        raise ArtefactError(
            f"`{path}` is neither a file nor a folder", fix="name a checkpoint, a forecast, or a folder of scores"
        )
    if path.suffix == ".safetensors":
        return Provenance.from_dict(read_header(path)["provenance"])
    if (path / "scores.nc").is_file():
        path = path / "scores.nc"
        writer = None
    reader: Any = load(resolve("forecast-writer", writer or format_plugin(path)))
    record = reader.read_provenance(str(path))
    check_record(record, str(path))
    return Provenance.from_dict(record)
