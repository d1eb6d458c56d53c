"""The presets that a config can choose: files of installed packages, of the institution and of the user."""

__all__ = ["Preset", "PresetLibrary", "find_presets"]

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from wxml.config.layers import DEFAULTS, entry_names, read_document
from wxml.config.tree import nested
from wxml.errors import ConfigError, Fault, nearest
from wxml.files.folders import user_folder
from wxml.files.yaml_loader import Node
from wxml.files.yaml_loader import Path as KeyPath
from wxml.plugins.catalog import installed

SELF = "_self_"
"""Stands for the preset itself among its `defaults`: presets after it lie above it."""


@dataclass(frozen=True, slots=True)
class Preset:
    """One file of a group, such as `model/gnn.yaml`."""

    path: Path
    provider: str
    """The distribution or the folder that it comes from."""
    label: str
    """The layer of its values: `preset model/gnn (wxml-processor-gnn)`."""


@dataclass(frozen=True, slots=True)
class PresetLibrary:
    """All presets that can be chosen."""

    groups: Mapping[str, Mapping[str, tuple[Preset, ...]]]
    """Group → name → the presets; several if several packages ship the same name."""

    def named(self, group: str, name: str, provider: str = "") -> tuple[Preset, ...]:
        """The presets of one name; that of `provider` alone, if it has one."""
        found = self.groups.get(group, {}).get(name, ())
        return tuple(preset for preset in found if preset.provider == provider) or found

    def fault(self, group: str, name: str, origin: str, *, provider: str = "", hint: str = "") -> Fault | None:
        """The reason why a preset cannot be chosen; None if it can be.

        Args:
            group: such as `model`.
            name: such as `gnn`.
            origin: the place where the name was written.
            provider: the distribution or folder that comes first.
            hint: what to write instead if there is no such preset.
        """
        presets = self.named(group, name, provider)
        if not presets:
            known = nearest(name, self.groups.get(group, ()))
            return Fault(group, f"unknown preset {name!r} of `{group}`: {known}{hint}", origin)
        if len(presets) > 1:
            providers = ", ".join(preset.provider for preset in presets)
            fix = f"copy the one you want to {user_folder()}/{group}/"
            return Fault(group, f"preset {name!r} of `{group}` is provided by {providers}: {fix}", origin)
        return None

    def layers(self, group: str, name: str, place: KeyPath, above: tuple[Preset, ...] = ()) -> Iterator[Node]:
        """The layers of a preset, the lowest first: those of the presets in its `defaults`, and its own.

        Args:
            group: such as `model`.
            name: of a preset that has no `fault`.
            place: the path where its values belong.
            above: the presets whose `defaults` led here.

        Raises:
            ConfigError: its `defaults` name a preset that is not there, or lead back to a preset above.
        """
        preset = self.named(group, name, above[-1].provider if above else "")[0]
        document = read_document(preset.path, preset.label)
        if preset in above:
            fault = Fault(DEFAULTS, f"preset {name!r} of `{group}` starts from itself", preset.label)
            raise ConfigError([fault], fix=f"take {name!r} out of the `defaults` of {above[-1].path}")
        headers: dict[str, KeyPath] = {"": place, "_global_": (), "_group_": tuple(group.split("/"))}
        place = headers.get(document.package, tuple(document.package.split(".")))
        own = nested(place, document.tree)
        entries = document.defaults
        for entry in entries if any(entry.value == SELF for entry in entries) else (*entries, Node(SELF)):
            if entry.value == SELF:
                yield own
                continue
            for written, origin in _wanted(entry):
                parts = written.lstrip("/").split("/")
                inside = () if written.startswith("/") else tuple(group.split("/"))
                below = () if written.startswith("/") else place
                inner_group, inner_name = "/".join((*inside, *parts[:-1])), parts[-1]
                if found := self.fault(inner_group, inner_name, origin, provider=preset.provider):
                    raise ConfigError([found])
                yield from self.layers(inner_group, inner_name, (*below, *parts[:-1]), (*above, preset))


def _wanted(entry: Node) -> Iterator[tuple[str, str]]:
    """The presets that an entry in the `defaults` of a preset asks for, each with the place where it was written.

    `gnn` is a preset of the same group, `{encoder: wide}` one of a group inside it, and `/` starts at the top.

    Raises:
        ConfigError: the entry has another form.
    """
    for group, preset in entry.value.items() if isinstance(entry.value, dict) else [("", entry)]:
        if "@" in group or " " in group:
            message = f"{group!r} is not supported in the `defaults` of a preset: write the name of a group alone"
            raise ConfigError([Fault(DEFAULTS, message, str(preset.origin))])
        for name in entry_names(preset):
            yield f"{group}/{name}" if group else name, str(preset.origin)


def find_presets(folders: Sequence[Path]) -> PresetLibrary:
    """Find every preset. A name in an earlier folder hides the same name in later ones and in packages.

    Args:
        folders: of the user and the institution, the strongest first.
    """
    packaged: dict[str, dict[str, tuple[Preset, ...]]] = {}
    for record in installed().select("preset"):
        folder = _package_folder(record.value)
        if record.status != "disabled" and folder is not None:
            for group, name, preset in _presets(folder, record.distribution):
                names = packaged.setdefault(group, {})
                names[name] = (*names.get(name, ()), preset)
    for folder in reversed(folders):
        for group, name, preset in _presets(folder, str(folder)):
            packaged.setdefault(group, {})[name] = (preset,)
    return PresetLibrary(packaged)


def _presets(folder: Path, provider: str) -> Iterator[tuple[str, str, Preset]]:
    """The group, the name and the file of each preset below a folder."""
    for path in sorted(folder.rglob("*.yaml")):
        group = path.parent.relative_to(folder).as_posix()
        if group != ".":
            yield group, path.stem, Preset(path, provider, f"preset {group}/{path.stem} ({provider})")


def _package_folder(module: str) -> Path | None:
    """The folder of a package. Only its top level is looked up, so nothing is imported."""
    top, *below = module.split(".")
    spec = importlib.util.find_spec(top)
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location, *below)
        if folder.is_dir():
            return folder
    return None
