"""What an artefact on disk says about itself, whatever its format."""

__all__ = ["format_plugin", "read_provenance"]

from pathlib import Path
from typing import Any

from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.provenance import Provenance
from wxml.errors import ArtefactError
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

FORMATS = {".nc": "netcdf", ".nc4": "netcdf"}
"""The forecast writer that knows the files of a suffix, where the suffix is not its name."""


def format_plugin(path: Path) -> str:
    """The name of the forecast writer for a path, by its suffix.

    Raises:
        ArtefactError: there is no suffix.
    """
    if not path.suffix:
        raise ArtefactError(
            f"`{path}` has no suffix that says which format it has", fix="name it like forecast.zarr or forecast.nc"
        )
    return FORMATS.get(path.suffix, path.suffix.lstrip("."))


def read_provenance(path: Path) -> Provenance:
    """The record that a checkpoint, a forecast, or a folder of scores carries.

    Raises:
        ArtefactError: there is no such artefact, it is damaged, or wxml did not write it.
        UnknownPluginError: no installed plugin knows the format.
    """
    if not path.exists():
        raise ArtefactError(
            f"there is no artefact `{path}`", fix="name a checkpoint, a forecast, or a folder of scores"
        )
    if path.suffix == ".safetensors":
        return Provenance.from_dict(read_header(path)["provenance"])
    if (path / "scores.nc").is_file():
        path = path / "scores.nc"
    writer: Any = load(resolve("forecast-writer", format_plugin(path)))
    return Provenance.from_dict(writer.read_provenance(str(path)))
