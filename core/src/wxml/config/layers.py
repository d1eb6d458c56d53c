"""Where the layers below the experiment come from: presets of installed packages, the institution, the user."""

__all__ = ["Groups", "Layer", "Preset", "PresetLibrary", "find_presets", "site_layer", "user_layer"]

import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml.errors import ConfigError, Fault
from wxml.plugins.catalog import installed

SITE_VARIABLE = "WXML_SITE_CONFIG"
SITE_FOLDER = Path("/etc/wxml")


@dataclass(frozen=True, slots=True)
class Preset:
    """One file of a group, such as `model/gnn.yaml`."""

    path: Path
    label: str
    """The origin of its keys: `preset model/gnn (wxml-processor-gnn)`."""


Groups = Mapping[str, Mapping[str, tuple[Preset, ...]]]
"""Group → name → the presets; several where several packages ship the same name."""


@dataclass(frozen=True, slots=True)
class PresetLibrary:
    """All presets that can be chosen."""

    groups: Groups
    folders: tuple[Path, ...]
    """Where they lie, the strongest first."""

    def named(self, group: str, name: str) -> tuple[Preset, ...]:
        """The presets of one name; none where there is no such group."""
        return self.groups.get(group, {}).get(name, ())


@dataclass(frozen=True, slots=True)
class Layer:
    """What an institution or a user sets for every experiment."""

    folder: Path | None
    """Holds group folders, such as `model/`."""
    values: Path | None
    """A YAML file of values."""


def site_layer() -> Layer:
    """The institution's: the folder or file that `$WXML_SITE_CONFIG` names, else `/etc/wxml`.

    Raises:
        ConfigError: the variable names something that does not exist.
    """
    named = os.environ.get(SITE_VARIABLE, "")
    if not named:
        return _layer(SITE_FOLDER)
    path = Path(named)
    if not path.exists():
        raise ConfigError(
            [Fault("", f"the environment variable {SITE_VARIABLE} names {named!r}, which does not exist")],
            fix=f"correct it, or unset {SITE_VARIABLE}",
        )
    return _layer(path) if path.is_dir() else Layer(None, path)


def user_layer() -> Layer:
    """The user's: `$XDG_CONFIG_HOME/wxml`, else `~/.config/wxml`."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # never raises
    return _layer(Path(base) / "wxml")


def _layer(folder: Path) -> Layer:
    values = folder / "config.yaml"
    return Layer(folder if folder.is_dir() else None, values if values.exists() else None)


def find_presets(folders: Sequence[Path]) -> PresetLibrary:
    """Every preset there is. A name in an earlier folder hides the same name in later ones and in packages.

    Args:
        folders: of the user and the institution, the strongest first.
    """
    packages = package_folders()
    packaged: dict[tuple[str, str], list[Preset]] = {}
    for folder, distribution in packages:
        for group, name, preset in _presets(folder, distribution):
            packaged.setdefault((group, name), []).append(preset)
    found: dict[str, dict[str, tuple[Preset, ...]]] = {}
    for folder in folders:
        for group, name, preset in _presets(folder, str(folder)):
            found.setdefault(group, {}).setdefault(name, (preset,))
    for (group, name), presets in packaged.items():
        found.setdefault(group, {}).setdefault(name, tuple(presets))
    return PresetLibrary(found, (*folders, *(folder for folder, _ in packages)))


def _presets(folder: Path, provider: str) -> list[tuple[str, str, Preset]]:
    """The group, the name and the file of each preset below a folder."""
    rows = []
    for path in sorted(folder.rglob("*.yaml")):
        group = path.parent.relative_to(folder).as_posix()
        if group != ".":
            rows.append((group, path.stem, Preset(path, f"preset {group}/{path.stem} ({provider})")))
    return rows


def package_folders() -> list[tuple[Path, str]]:
    """The folder and the distribution of every package of presets that is installed and enabled; imports none."""
    found = []
    for record in installed().select("preset"):
        folder = _package_folder(record.value)
        if record.status != "disabled" and folder is not None:
            found.append((folder, record.distribution))
    return found


def _package_folder(module: str) -> Path | None:
    """Where a package lies. Only its top level is looked up, so that nothing is imported."""
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location, *below)
        if folder.is_dir():
            return folder
    return None
