"""Finds the source files of a plugin without importing it, whose they are, and the line of them that failed."""

__all__ = ["failing_line", "package_root", "shadow"]

import traceback
from functools import cache
from pathlib import Path

from wxml.environment.distributions import Environment
from wxml.plugins.catalog import PluginRecord
from wxml.plugins.source_files import module_root


def package_root(record: PluginRecord) -> Path | None:
    """The folder of a plugin's import package, or its single file; None if it cannot be found."""
    return module_root(record.value.partition(":")[0])


def shadow(record: PluginRecord) -> Path | None:
    """The package that an import finds in place of the one that the plugin's distribution installed; None if none.

    A folder on PYTHONPATH that has the name of an installed package shadows it.
    """
    root = package_root(record)
    return root if root is not None and _is_foreign(record.distribution, root) else None


@cache
def _is_foreign(distribution: str, root: Path) -> bool:
    from wxml.environment.changes import is_foreign

    installed = Environment.now().find(distribution)
    return installed is not None and is_foreign(installed, root)


def failing_line(record: PluginRecord, error: BaseException) -> str:
    """The last line of the plugin's own code that an error passed through, as `package/file.py:7`; empty if none."""
    root = package_root(record)
    if root is None:
        return ""
    if isinstance(error, SyntaxError) and error.filename:
        return _place(Path(error.filename), error.lineno or 1, root)
    frames = traceback.extract_tb(error.__traceback__)
    places = [_place(Path(frame.filename), frame.lineno or 1, root) for frame in frames]
    return next((place for place in reversed(places) if place), "")


def _place(file: Path, line: int, root: Path) -> str:
    """`package/file.py:7` for a line of the package; empty for a line of another file."""
    if file != root and root not in file.parents:
        return ""
    return f"{file.relative_to(root.parent).as_posix()}:{line}"
