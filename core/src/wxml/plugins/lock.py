"""The lock: every artefact records the plugins that made it, so that their environment can be made again."""

__all__ = ["UsedPlugin", "core_record", "in_order", "lock", "tree_hash", "whole_entry"]

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from wxml.environment.changes import is_dirty
from wxml.environment.distributions import version_of
from wxml.environment.names import CORE
from wxml.environment.origin import caution, install_line, origin, requirement
from wxml.masking import masked_values
from wxml.plugins.catalog import PluginRecord
from wxml.plugins.load import loaded
from wxml.plugins.location import package_root
from wxml.plugins.parents import Parent, parents
from wxml.plugins.source_files import module_root

AT_ONCE = 4
"""Git is asked about so many packages at a time."""
CODE = (".py", ".yaml")
"""Suffixes of the files that decide how a package behaves; caches, data and documents do not."""
EMPTY: Mapping[str, Any] = {
    "plugin": "",
    "kind": "",
    "version": "",
    "options": {},
    "origin": {},
    "code": None,
    "dirty": None,
    "install": "",
    "caution": "",
    "depends": [],
}
"""What an entry has where an earlier version, or another program, wrote nothing."""


@dataclass(frozen=True, slots=True)
class UsedPlugin:
    """A plugin with the options that it was made with."""

    record: PluginRecord
    options: Mapping[str, Any] = field(default_factory=dict)


def lock(used: Sequence[UsedPlugin]) -> list[dict[str, Any]]:
    """Record wxml-core and the plugins used as JSON values: the same on every run, whatever the order of `used`.

    Each entry has `plugin` (the full name), `kind`, `version`, `options`, `origin` (the source of the distribution),
    `code` (a hash of its import package), `dirty` (whether that code differs from the published one; null: unknown),
    `install` (the command that installs it again), `caution` (why that command alone may not do) and `depends` (the
    same of each other package that the plugin's class or one of its parents is in, with its name for `import` as
    `package`; its `distribution` is empty if it belongs to none).
    """
    plugins = (UsedPlugin(core_record()), *used)
    facts = _facts(dict.fromkeys(code for plugin in plugins for code in _code_of(plugin.record)))
    entries = [_entry(plugin, facts) for plugin in plugins]
    distinct = {json.dumps(entry, sort_keys=True): entry for entry in entries}
    return in_order(distinct.values())


def in_order(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries of a lock in their order, which nothing that changes with the code decides."""
    return sorted(
        map(dict, entries),
        key=lambda entry: (
            entry["kind"] != "core",
            entry["kind"],
            entry["plugin"],
            json.dumps(entry.get("options", {}), sort_keys=True),
        ),
    )


def whole_entry(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with every key that one has today."""
    return {**EMPTY, **entry}


def core_record() -> PluginRecord:
    """The record of wxml-core itself, in the form of a plugin's."""
    return PluginRecord("core", CORE, CORE, version_of(CORE), "wxml")


class _Facts(NamedTuple):
    """The part of an entry that is about code, equal for all plugins of one import package."""

    origin: dict[str, Any]
    code: str | None
    dirty: bool | None


_Code = tuple[str, Path | None]
"""A distribution, and the folder or file of its import package."""
Facts = Mapping[_Code, _Facts]


def _code_of(record: PluginRecord) -> Iterator[_Code]:
    """The code of a plugin, and that of the other packages which its class or one of its parents is in."""
    yield record.distribution, package_root(record)
    for parent in parents(record, loaded(record)):
        if parent.distribution:
            yield parent.distribution, module_root(parent.package)


def _facts(code: Iterable[_Code]) -> Facts:
    """What is known of code, asked at the same time: several times for each, git is a process that is waited for."""

    def facts(one: _Code) -> tuple[_Code, _Facts]:
        return one, _Facts(origin(*one), tree_hash(one[1]), is_dirty(*one))

    with ThreadPoolExecutor(AT_ONCE, "wxml-lock") as pool:
        return dict(pool.map(facts, code))


def _entry(used: UsedPlugin, facts: Facts) -> dict[str, Any]:
    record = used.record
    found = facts[record.distribution, package_root(record)]
    return {
        "plugin": CORE if record.kind == "core" else record.full_name,
        "kind": record.kind,
        "version": record.version,
        "options": masked_values(_json_value(used.options)),
        **found._asdict(),
        "install": install_line(requirement(record.distribution + record.extras, record.version, found.origin)),
        "caution": caution(record.distribution, found.origin),
        "depends": [_parent_entry(parent, facts) for parent in parents(record, loaded(record))],
    }


def _parent_entry(parent: Parent, facts: Facts) -> dict[str, Any]:
    name, root = parent.distribution, module_root(parent.package)
    if not name:
        told = f"`{parent.package}` belongs to no installed package: no command brings it back"
        about: dict[str, Any] = {"package": parent.package, "distribution": "", "version": "", "origin": {}}
        return {**about, "code": tree_hash(root), "dirty": True, "install": "", "caution": told}
    found, version = facts[name, root], version_of(name)
    return {
        "package": parent.package,
        "distribution": name,
        "version": version,
        **found._asdict(),
        "install": install_line(requirement(name, version, found.origin)),
        "caution": caution(name, found.origin),
    }


def tree_hash(root: Path | None) -> str | None:
    """`sha256:` and a hash over the names and contents of a package's code; None if there is none to read."""
    if root is None:
        return None
    files = [str(root)] if root.is_file() else _code_below(str(root))
    start, digest = len(os.path.join(root.parent, "")), hashlib.sha256()
    for name, path in sorted((path[start:].replace(os.sep, "/"), path) for path in files):
        with open(path, "rb") as file:
            content = file.read()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def _code_below(root: str) -> list[str]:
    """The files of code in a folder and in those below it; of the ways to list a thousand files, a quick one."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names]
    return [path for path in paths if os.path.splitext(path)[1] in CODE and os.path.isfile(path)]


def _json_value(value: Any) -> Any:
    """A value as JSON, with every set sorted; pydantic writes the values that JSON does not have."""
    from pydantic_core import to_jsonable_python

    if isinstance(value, Mapping):
        return {str(key): _json_value(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, (set, frozenset)):
        return sorted((_json_value(item) for item in value), key=json.dumps)
    if isinstance(value, (list, tuple)):
        return [_json_value(item) for item in value]
    if hasattr(value, "model_dump"):
        return _json_value(value.model_dump())
    return to_jsonable_python(value, fallback=str)
