"""The format of an artefact: the forecast writer that its suffix names, and the provenance record in it."""

__all__ = ["check_suffix", "format_plugin", "is_artefact_folder", "read_provenance", "written_by"]

from pathlib import Path
from typing import Any

from wxml.artefacts.checkpoint import read_header
from wxml.artefacts.header import check_record
from wxml.artefacts.provenance import Provenance
from wxml.errors import AmbiguousPluginError, ArtefactError, BrokenPluginError
from wxml.files.record_file import plain_record
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

RELEASED = {".nc": "netcdf", ".nc4": "netcdf"}
"""Suffix → the writer of the release, which the error proposes to install where no writer declares the suffix."""


def format_plugin(path: Path) -> str:
    """Return the name of the forecast writer for `path` by its suffix.

    If no writer declares the suffix, it is the one of the release, or one that is called like the suffix.

    Raises:
        ArtefactError: `path` has no suffix.
        AmbiguousPluginError: several writers declare it.
    """
    names = written_by(path)
    if len(names) > 1:
        raise AmbiguousPluginError(
            f"files {path.suffix} are written by several forecast writers: {', '.join(names)} (`{path}`)",
            fix=f"choose one, such as forecast.writer.plugin={names[0]}",
        )
    suffix = path.suffix.lower()
    return names[0] if names else RELEASED.get(suffix, suffix.lstrip("."))


def check_suffix(path: Path, writer: str) -> None:
    """Refuse a path whose suffix is none of those that its writer declares, or is that of another format.

    Raises:
        ArtefactError: names the suffixes of the writer.
    """
    record = resolve("forecast-writer", writer)
    suffixes = _suffixes(record)
    is_declared = bool(load(record).suffixes)  # type: ignore[attr-defined]  # a forecast writer
    is_of_another = is_declared or (path.suffix and written_by(path))
    if path.suffix.lower() not in suffixes and is_of_another:
        raise ArtefactError(
            f"forecast writer `{writer}` writes files {' or '.join(suffixes)}, got `{path}`",
            fix=f"name the file like {path.stem}{suffixes[0]}, or choose another `forecast.writer`",
        )


def written_by(path: Path) -> list[str]:
    """Return the names of the writers that declare the suffix of a path; full ones if there are several.

    Raises:
        ArtefactError: it has none.
    """
    if not path.suffix:
        raise ArtefactError(
            f"`{path}` has no suffix that says which format it has", fix="name it like forecast.zarr or forecast.nc"
        )
    records = (record for record in installed().select("forecast-writer") if record.status in ("ok", "conflict"))
    found = [record for record in records if path.suffix.lower() in _suffixes(record)]
    return [record.name if record.status == "ok" and len(found) == 1 else record.full_name for record in found]


def _suffixes(record: PluginRecord) -> tuple[str, ...]:
    """The suffixes that a writer declares, else that of its name; none if it cannot be imported."""
    try:
        declared: tuple[str, ...] = load(record).suffixes  # type: ignore[attr-defined]  # a forecast writer
    except BrokenPluginError:
        return ()
    return declared or (f".{record.name}",)


def is_artefact_folder(path: Path) -> bool:
    """Return whether a folder is one artefact by its name or content: scores, or a store such as `forecast.zarr`."""
    return path.is_dir() and ((path / "scores.nc").is_file() or bool(path.suffix and written_by(path)))


def read_provenance(path: Path, writer: str | None = None) -> Provenance:
    """Read the record of a checkpoint, a forecast, or a folder of scores.

    No plugin is needed where a zarr store has it in its metadata, or a file that fits the artefact stands beside it.

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
    record = plain_record(path)
    if record is None:
        record = _read_by_one(path, [writer] if writer else written_by(path) or [format_plugin(path)])
    check_record(record, str(path))
    return Provenance.from_dict(record)


def _read_by_one(path: Path, writers: list[str]) -> Any:
    """The record as the first of the writers reads it that can; the error of the last one if none can."""
    for name in writers:
        reader: Any = load(resolve("forecast-writer", name))
        try:
            return reader.read_provenance(str(path))
        except ArtefactError:
            if name == writers[-1]:
                raise
    return None
