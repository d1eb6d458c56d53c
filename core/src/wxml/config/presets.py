"""The presets that a config can choose: files of installed packages, of the institution and of the user."""

__all__ = ["Preset", "PresetLibrary", "find_presets"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from wxml.config.layers import DEFAULTS, Choice, entry_names, read_document
from wxml.config.plugin_use import own_plugins_first
from wxml.config.tree import nested
from wxml.environment.names import canonical_name
from wxml.errors import ConfigError, Fault, nearest
from wxml.files.yaml_loader import Node
from wxml.files.yaml_loader import Path as KeyPath
from wxml.plugins.catalog import installed
from wxml.plugins.source_files import PresetFile, package_folder, preset_files

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
    distribution: str = ""
    """The distribution; empty for a folder of the user or the institution."""


@dataclass(frozen=True, slots=True)
class PresetLibrary:
    """All presets that can be chosen."""

    groups: Mapping[str, Mapping[str, tuple[Preset, ...]]]
    """Group → name → the presets: first those of folders, the strongest first, then those of packages."""

    def named(self, group: str, name: str, provider: str = "") -> tuple[Preset, ...]:
        """The presets that a name may mean: one if it can be chosen.

        Args:
            group: such as `model`.
            name: such as `gnn`, or the full name `wxml-processor-gnn:gnn`.
            provider: the distribution or folder that comes first, if it has one of a bare name.
        """
        distribution, _, bare = name.rpartition(":")
        found = self.groups.get(group, {}).get(bare, ())
        if distribution:
            return tuple(preset for preset in found if preset.distribution == canonical_name(distribution))
        own = tuple(preset for preset in found if preset.provider == provider)
        in_folders = tuple(preset for preset in found if not preset.distribution)
        return own or in_folders[:1] or found

    def own_first(self, group: str, choice: Choice, distribution: str) -> Choice:
        """The choice with the full names of the presets that a distribution has itself."""
        known = self.groups.get(group, {})
        own = {name for name, found in known.items() if distribution in {preset.distribution for preset in found}}
        names = (f"{distribution}:{name}" if distribution and name in own else name for name in choice.names)
        return replace(choice, names=tuple(names))

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
            known = nearest(name, self._known(group, full=":" in name))
            return Fault(group, f"unknown preset {name!r} of `{group}`: {known}{hint}", origin)
        if len(presets) > 1:
            providers = ", ".join(preset.provider for preset in presets)
            fix = " or ".join(f"`{preset.distribution}:{name}`" for preset in presets)
            return Fault(group, f"preset {name!r} of `{group}` is provided by {providers}: write {fix}", origin)
        return None

    def _known(self, group: str, *, full: bool) -> list[str]:
        """The names of a group, bare or full."""
        found = self.groups.get(group, {})
        if not full:
            return sorted(found)
        return [f"{one.distribution}:{name}" for name in sorted(found) for one in found[name] if one.distribution]

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
        own = own_plugins_first(nested(place, document.tree), preset.distribution)
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
    """Find every preset. A name in an earlier folder hides the same name in later ones and the bare one of packages.

    Args:
        folders: of the user and the institution, the strongest first.
    """
    groups: dict[str, dict[str, tuple[Preset, ...]]] = {}
    in_folders = [(file, str(folder), "") for folder in folders for file in preset_files(folder)]
    for file, provider, distribution in (*in_folders, *_packaged()):
        preset = Preset(file.path, provider, f"preset {file.group}/{file.name} ({provider})", distribution)
        names = groups.setdefault(file.group, {})
        names[file.name] = (*names.get(file.name, ()), preset)
    return PresetLibrary(groups)


def _packaged() -> Iterator[tuple[PresetFile, str, str]]:
    """The presets of packages that are not disabled, with the distribution as provider."""
    folders = {
        (record.distribution, record.value) for record in installed().select("preset") if record.status != "disabled"
    }
    for distribution, module in sorted(folders):
        if folder := package_folder(module):
            yield from ((file, distribution, distribution) for file in preset_files(folder))
