"""Finds the files of a package without importing it: its folders, and the presets in one."""

__all__ = ["PresetFile", "module_root", "package_folder", "preset_files"]

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class PresetFile(NamedTuple):
    """One preset, such as `model/gnn.yaml` below a folder."""

    group: str
    name: str
    path: Path


def module_root(module: str) -> Path | None:
    """The folder of a module's top-level package, or its single file; None if it cannot be found.

    Only the top-level name is looked up, because finding a submodule imports its parents.
    """
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations)))
    return Path(spec.origin) if spec.origin else None


def package_folder(module: str) -> Path | None:
    """The folder of a package that holds data, such as `acme.presets`; None if there is none. Imports nothing."""
    root = module_root(module)
    folder = root and root.joinpath(*module.split(".")[1:])
    return folder if folder and folder.is_dir() else None


def preset_files(folder: Path) -> Iterator[PresetFile]:
    """The presets below a folder, sorted; a file directly in it belongs to no group and is none."""
    for path in sorted(folder.rglob("*.yaml")):
        group = path.parent.relative_to(folder).as_posix()
        if group != ".":
            yield PresetFile(group, path.stem, path)
