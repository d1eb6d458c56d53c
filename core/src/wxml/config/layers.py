"""Finds the config files of the institution and of the user, and reads a file into a tree."""

__all__ = ["Choice", "Document", "Layer", "entry_names", "read_document", "site_layer", "user_layer"]

import os
import re
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from wxml.errors import ConfigError, Fault
from wxml.files.folders import SITE_VARIABLE, site_config, user_folder
from wxml.files.yaml_loader import Node, load_yaml

LARGEST = 2**24
"""No config file has more bytes."""
DEFAULTS = "defaults"
"""The key under which a file asks for presets."""
PACKAGE = re.compile(r"\s*#\s*@package\s+(\S+)\s*", re.ASCII)
"""The header of a preset that belongs at another place than its group says."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The presets of a group that a layer asks for."""

    names: tuple[str, ...]
    origin: str
    """The place of the request; empty if wxml itself asks."""


@dataclass(frozen=True, slots=True)
class Document:
    """The content of one file."""

    tree: Node
    """Everything but `defaults`."""
    defaults: tuple[Node, ...]
    """The entries of `defaults`."""
    package: str
    """The place that the header of a preset names; empty without one."""

    def choices(self) -> dict[str, Choice]:
        """The presets that `defaults` asks for, by group; the entries of an experiment name the group of each.

        Raises:
            ConfigError: an entry does not.
        """
        found: dict[str, Choice] = {}
        for entry in self.defaults:
            if not isinstance(entry.value, dict) or not entry.value:
                raise _bad_entry(entry)
            for group, preset in entry.value.items():
                found[group.strip("/")] = Choice(entry_names(preset), str(preset.origin))
        return found


def entry_names(preset: Node) -> tuple[str, ...]:
    """The names of presets in an entry of `defaults`: one name, a list of names, or null for none.

    Raises:
        ConfigError: it is something else.
    """
    names = preset.value if isinstance(preset.value, list) else [preset]
    if any(isinstance(name.value, dict | list) for name in names):
        raise _bad_entry(preset)
    return tuple(str(name.value) for name in names if name.value is not None)


def _bad_entry(entry: Node) -> ConfigError:
    message = "an entry must choose a preset of a group, like `{model: gnn}`"
    return ConfigError([Fault(DEFAULTS, message, str(entry.origin))])


def read_document(path: Path, label: str = "") -> Document:
    """Read and check one file.

    Args:
        path: the file; messages show it as it is given.
        label: the layer of its values; the path if it is empty.

    Raises:
        ConfigError: the file cannot be read, is a pipe or a device, is larger than `LARGEST`, or is not a mapping in
            YAML.
    """
    _check_regular(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem, fix = "does not exist", "check the path, or leave it out to use the built-in demo"
    except IsADirectoryError:
        problem, fix = "is a folder", "name the YAML file in it"
    except UnicodeDecodeError:
        problem, fix = "is not UTF-8 text", "save it as UTF-8"
    except OSError as error:
        problem, fix = f"cannot be read: {error.strerror}", "check the path, and the permissions of the file"
    else:
        problem = fix = ""
    if problem:
        raise ConfigError([Fault("", f"config file {str(path)!r} {problem}")], fix=fix)
    root = load_yaml(text, label or str(path), str(path))
    if not isinstance(root.value, dict):
        line = root.origin.line if root.origin else 1
        message = f"a config must be a mapping of `key: value`, got something else at {path}:{line}"
        raise ConfigError([Fault("", message)], fix="write one key to a line, such as `seed: 1`")
    tree = Node({key: node for key, node in root.value.items() if key != DEFAULTS}, root.origin)
    written = root.value.get(DEFAULTS, Node([]))
    entries = written.value if isinstance(written.value, list) else [written]
    headers = (PACKAGE.fullmatch(line) for line in text.splitlines() if line.lstrip().startswith("#"))
    return Document(tree, tuple(entries), next((match[1] for match in headers if match), ""))


def _check_regular(path: Path) -> None:
    """Refuse what may never end: a pipe, a socket, a device, a file of any size."""
    try:
        status = path.stat()
    except OSError:
        return  # whoever opens it says why
    problem = "" if S_ISREG(status.st_mode) or S_ISDIR(status.st_mode) else "is a pipe, a socket or a device"
    if S_ISREG(status.st_mode) and status.st_size > LARGEST:
        problem = f"has {status.st_size} bytes, and may have {LARGEST}"
    if problem:
        raise ConfigError([Fault("", f"config file {str(path)!r} {problem}")], fix="name a YAML file")


# The institution and the user


@dataclass(frozen=True, slots=True)
class Layer:
    """The presets and values that an institution or a user sets for every experiment."""

    folder: Path | None
    """Holds group folders, such as `model/`."""
    values: Path | None
    """A YAML file of values."""


def site_layer() -> Layer:
    """The layer of the institution: the folder or file that `$WXML_SITE_CONFIG` names, else `/etc/wxml`.

    Raises:
        ConfigError: the variable names something that does not exist.
    """
    path = Path(site_config())
    if os.environ.get(SITE_VARIABLE) and not path.exists():
        raise ConfigError(
            [Fault("", f"the environment variable {SITE_VARIABLE} names {str(path)!r}, which does not exist")],
            fix=f"correct it, or unset {SITE_VARIABLE}",
        )
    return Layer(None, path) if path.is_file() else _layer(path)


def user_layer() -> Layer:
    """The layer of the user: on Linux `$XDG_CONFIG_HOME/wxml`, else `~/.config/wxml`."""
    return _layer(Path(user_folder()))


def _layer(folder: Path) -> Layer:
    values = folder / "config.yaml"
    return Layer(folder if folder.is_dir() else None, values if values.exists() else None)
