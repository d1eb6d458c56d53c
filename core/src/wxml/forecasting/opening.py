"""Open a file of forecasts, whichever plugin wrote it."""

__all__ = ["open_forecast"]

from pathlib import Path
from typing import Any

from wxml.artefacts.formats import format_plugin, written_by
from wxml.errors import ArtefactError, ContractError, DataError
from wxml.files.record_file import plain_record
from wxml.forecasting.stored import StoredForecast
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve

KIND = "forecast-writer"


def open_forecast(path: Path | str, *, writer: str | None = None) -> StoredForecast:
    """Open a forecast with the forecast writer that made it, and read what the file says of itself.

    Args:
        path: the file or folder.
        writer: the name of the forecast writer that knows the format; None: the one that declares the suffix, else the
            one that the record of the file names.

    Raises:
        DataError: there is no such file, it is damaged or no forecast, or its format cannot be read.
        ArtefactError: `path` has no suffix that says which format it has.
        UnknownPluginError: no installed plugin knows the format.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no forecast file `{path}`", fix="write one first: wxml forecast")
    names = [writer] if writer else _writers(path)
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
