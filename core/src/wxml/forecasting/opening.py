"""Open a file of forecasts, whichever plugin wrote it."""

__all__ = ["open_forecast"]

from dataclasses import replace
from pathlib import Path
from typing import Any

from wxml.artefacts.formats import format_plugin, written_by
from wxml.errors import ArtefactError, ContractError, DataError
from wxml.files.leftovers import unfinished_path, unfinished_target
from wxml.files.record_file import plain_record
from wxml.forecasting.stored import StoredForecast
from wxml.forecasting.unfinished import complete_steps, read_progress, told_progress
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

KIND = "forecast-writer"


def open_forecast(path: Path | str, *, writer: str | None = None, unfinished: bool = False) -> StoredForecast:
    """Open a forecast with the forecast writer that made it, and read what the file says of itself.

    Args:
        path: the file or folder.
        writer: the name of the forecast writer that knows the format; None: the one that declares the suffix, else the
            one that the record of the file names.
        unfinished: open a forecast that is not whole, too, such as `forecast.unfinished.zarr`: `complete` then says
            which of its steps are there.

    Raises:
        DataError: there is no such file, it is damaged or no forecast, it is not whole, or its format cannot be read.
        ArtefactError: `path` has no suffix that says which format it has.
        UnknownPluginError: no installed plugin knows the format.
    """
    path = Path(path)
    target = unfinished_target(path)
    progress = None if target is None else read_progress(target)
    if not path.exists():
        raise _absent(path)
    if target is not None and not unfinished:
        raise DataError(
            f"the forecast `{path}` is not whole: {told_progress(progress)}",
            fix="wait until it is, go on with it by --resume, or open what is there with unfinished=True",
        )
    stored = _read_by_one(path, [writer] if writer else _writers(path))
    return stored if target is None else replace(stored, complete=complete_steps(stored.header, progress))


def _absent(path: Path) -> DataError:
    unfinished = unfinished_path(path)
    if not unfinished.exists():
        return DataError(f"there is no forecast file `{path}`", fix="write one first: wxml forecast")
    return DataError(
        f"there is no forecast file `{path}` yet: of `{unfinished.name}` {told_progress(read_progress(path))}",
        fix=f"wait until it is there, or open `{unfinished}` with unfinished=True",
    )


def _read_by_one(path: Path, names: list[str]) -> StoredForecast:
    for name in names:
        try:
            return _read(path, name)
        except (ArtefactError, DataError):
            if name == names[-1]:
                raise
    raise AssertionError("unreachable: there is one writer at least")


def _writers(path: Path) -> list[str]:
    """The writers that declare the suffix, else the one that the record names, else the one that the suffix names."""
    declared = written_by(path) if path.suffix else []
    used = (plain_record(path) or {}).get("plugins", [])
    recorded = [str(one["plugin"]) for one in used if one.get("kind") == KIND and one.get("plugin")]
    return declared or recorded or [format_plugin(path)]


def _read(path: Path, writer: str) -> StoredForecast:
    plugin: Any = load(resolve(KIND, writer))
    stored = plugin.read(str(path))
    if not isinstance(stored, StoredForecast):
        raise ContractError(
            f"`read` of forecast writer {writer!r} must return a StoredForecast, got {type(stored).__name__}",
            fix="this is a fault of the forecast writer: tell its authors",
        )
    return stored
