"""What was used: the record of plugins that every artefact carries, enough to make its environment again."""

__all__ = ["UsedPlugin", "lock"]

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from wxml.plugins.catalog import PluginRecord
from wxml.plugins.origin import install_line, origin
from wxml.plugins.policy import CORE
from wxml.plugins.whereabouts import code_root

CODE = (".py", ".yaml")
"""What decides how a package behaves; caches, data and documents do not."""


@dataclass(frozen=True, slots=True)
class UsedPlugin:
    """A plugin with the options that it was made with."""

    record: PluginRecord
    options: Mapping[str, Any] = field(default_factory=dict)


def lock(used: Sequence[UsedPlugin]) -> list[dict[str, Any]]:
    """The record of wxml-core and of the plugins used, as JSON values: the same on every run, whatever the order.

    Each entry has `plugin` (the full name), `kind`, `version`, `options`, `origin` (where the distribution came from),
    `code` (a hash of its import package) and `install` (the command that installs it again).
    """
    core = PluginRecord("core", CORE, CORE, metadata.version(CORE), "wxml")
    entries = [_entry(plugin) for plugin in (UsedPlugin(core), *used)]
    distinct = {json.dumps(entry, sort_keys=True): entry for entry in entries}
    return sorted(distinct.values(), key=lambda entry: (entry["kind"] != "core", json.dumps(entry, sort_keys=True)))


def _entry(used: UsedPlugin) -> dict[str, Any]:
    record = used.record
    source = origin(record.distribution)
    return {
        "plugin": CORE if record.kind == "core" else record.full_name,
        "kind": record.kind,
        "version": record.version,
        "options": _json_value(used.options),
        "origin": source,
        "code": tree_hash(code_root(record)),
        "install": install_line(record.distribution, record.version, source),
    }


def tree_hash(root: Path | None) -> str | None:
    """`sha256:` and a hash over the names and contents of a package's code; None where there is none to read."""
    if root is None:
        return None
    files = [root] if root.is_file() else [path for path in root.rglob("*") if path.suffix in CODE and path.is_file()]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(root.parent).as_posix(), path) for path in files):
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return f"sha256:{digest.hexdigest()}"


def _json_value(value: Any) -> Any:
    """A value as JSON, with every set in order; what JSON does not know is written as pydantic writes it."""
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
