"""Decides what `--overwrite` may replace: what wxml wrote itself, and never an input of the command."""

__all__ = ["check_target", "source_paths"]

import glob
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from wxml.artefacts.formats import format_plugin, read_provenance
from wxml.errors import ArtefactError, WxmlError
from wxml.files.staging import check_absent
from wxml.plugins.load import load
from wxml.plugins.options.choices import PluginChoice
from wxml.plugins.options.environment import option_values, texts
from wxml.plugins.resolve import resolve

SCORES = (
    *("report.html", "scores.csv", "scores.nc", "scores.nc.wxml.json", "statistics.zarr"),
    *("stations.csv", "stations.parquet"),
)
"""The files in a folder of scores."""
TRUTHS = "truths"
"""The folder in it with a folder of scores for each further truth."""
OF_STATISTICS = r"\.z(attrs|group|array|metadata)|\d+(\.\d+)*"
"""The names of the files in `statistics.zarr`."""
SHOWN = 3
MOST_FILES = 100_000
"""How many files of one pattern are compared with the target."""


def check_target(
    target: Path, artefact: str, inputs: Iterable[Path], *, overwrite: bool, writer: str | None = None
) -> None:
    """Refuse a target that exists, unless it may be replaced.

    Args:
        target: the file or folder that is to be written.
        artefact: what is to be written: `checkpoint`, `forecast` or `scores`.
        inputs: the files and folders that the command reads; asked for only if `target` exists.
        overwrite: replace a target that holds such an artefact and nothing else; an empty folder, too.
        writer: the forecast writer that reads `target`; None: the one that its suffix names.

    Raises:
        ArtefactError: `target` exists and `overwrite` is not set; or it is a link, or an input, or lies in one or holds
            one; or something in it was not written by wxml; or its folder does not exist.
    """
    check_absent(target, overwrite=overwrite)
    if not os.path.lexists(target):
        return
    if target.is_symlink():
        raise ArtefactError(
            f"`{target}` is a link to `{target.resolve()}`, and wxml replaces no links",
            fix="name the file or folder itself, or choose another path",
        )
    for path in inputs:
        if _overlap(target, path):
            raise ArtefactError(
                f"`{target}` cannot be replaced, because this command reads `{path}`", fix="choose another path"
            )
    if target.is_dir() and not any(target.iterdir()):
        return
    _check_own(target, artefact, writer)


def source_paths(source: PluginChoice) -> Iterator[Path]:
    """The files and folders that the options of a data source name, patterns expanded as they are asked for.

    Raises:
        ConfigError: an option needs a variable of the environment that is not set.
        ArtefactError: while they are asked for: a pattern fits more than 100 000 files.
    """
    options = option_values(source.options, ("data", "source"))
    return (path for text in texts(options) for path in _matches(os.path.expanduser(text.removeprefix("file://"))))


def _matches(pattern: str) -> Iterator[Path]:
    for number, name in enumerate(glob.iglob(pattern, recursive=True)):
        if number == MOST_FILES:
            raise ArtefactError(
                f"more than {MOST_FILES} files match `{pattern}`, so it cannot be told whether one would be replaced",
                fix="choose a path that does not exist yet, or narrow the pattern",
            )
        yield Path(name)


def _overlap(target: Path, path: Path) -> bool:
    """Whether one of the two, which need not exist, is the other or lies in it, by any name."""
    return _lies_in(path, target) or _lies_in(target, path)


def _lies_in(inner: Path, outer: Path) -> bool:
    if not inner.exists() or not outer.exists():
        return False
    places = {Path(os.path.abspath(inner)), inner.resolve()}
    return any(above.samefile(outer) for place in places for above in (place, *place.parents) if above.exists())


def _check_own(target: Path, artefact: str, writer: str | None) -> None:
    """Refuse a target that does not hold the artefact, or that holds something else beside it."""
    try:
        found = read_provenance(target, writer).artefact
    except WxmlError:
        found = ""
    if found != artefact:
        raise ArtefactError(
            f"`{target}` cannot be replaced, because it is no {artefact} that wxml wrote",
            fix="choose another path, or remove it first",
        )
    if foreign := _foreign_files(target, artefact, writer):
        more = f" and {len(foreign) - SHOWN} more" if len(foreign) > SHOWN else ""
        raise ArtefactError(
            f"`{target}` cannot be replaced, because it holds files that wxml did not write: "
            f"{', '.join(foreign[:SHOWN])}{more}",
            fix="move them elsewhere, or choose another path",
        )


def _beside_scores(folder: Path) -> Iterator[Path]:
    """What is in a folder of scores, or in those of further truths in it, and is no part of them."""
    truths = folder / TRUTHS
    known = {*SCORES, TRUTHS} if _is_folder(truths) else {*SCORES}
    yield from (path for path in folder.iterdir() if path.name not in known)
    for path in (folder / "statistics.zarr").rglob("*"):
        if not path.is_dir() and not re.fullmatch(OF_STATISTICS, path.name, re.ASCII):
            yield path
    for path in truths.iterdir() if _is_folder(truths) else ():
        if _is_folder(path) and (path / "scores.nc").is_file():
            yield from _beside_scores(path)
        else:
            yield path


def _is_folder(path: Path) -> bool:
    """Whether it is one itself, and no link to one."""
    return path.is_dir() and not path.is_symlink()


def _foreign_files(target: Path, artefact: str, writer: str | None) -> list[str]:
    if not target.is_dir():
        return []
    if artefact == "scores":
        return sorted(str(path.relative_to(target)) for path in _beside_scores(target))
    forecast_writer: Any = load(resolve("forecast-writer", writer or format_plugin(target)))
    foreign: list[str] = forecast_writer.foreign_files(str(target))
    return foreign
