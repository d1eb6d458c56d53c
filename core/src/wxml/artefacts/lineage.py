"""Prints how an artefact was made, and how each artefact was made that it was made from."""

__all__ = ["lineage"]

import re
from collections.abc import Iterator, Mapping
from typing import Any

from wxml.artefacts.provenance import Provenance
from wxml.config.tree import DEFAULT, node_at, path_of, tree_of
from wxml.files.yaml_loader import path_text
from wxml.plugins.lock import whole_entry


def lineage(record: Provenance, name: str) -> str:
    """Format `record` as an indented tree: the artefact, its data, graph, plugins and config, then its parents."""
    return "\n".join(_lines(Provenance.from_dict(record.to_dict()), name, ""))  # without secrets


def _lines(record: Provenance, name: str, indent: str) -> Iterator[str]:
    yield f"{indent}{record.artefact} {name}".rstrip()
    inner = indent + "  "
    for line in _own_lines(record):
        yield inner + line
    for parent in record.parents:
        yield f"{inner}{_forked(record) if record.fork else 'made from'}"
        yield from _lines(Provenance.from_dict(parent), "", inner + "  ")


def _forked(record: Provenance) -> str:
    """How the training began with the weights of its parent; a resumed training has no record of that."""
    loaded, changed, fresh = record.fork.get("loaded", {}), record.fork.get("changed", ()), record.fork.get("fresh", ())
    counts = f"{sum(loaded.values())} as they were, {len(changed)} changed, {len(fresh)} fresh"
    return f"forked from the weights of {record.fork.get('checkpoint', '?')}: {counts}"


def _own_lines(record: Provenance) -> Iterator[str]:
    yield f"wxml-core {record.wxml_core}"
    if record.data:
        source = record.data.get("source", {})
        plain = [f"{key}={value}" for key, value in source.items() if not isinstance(value, list | dict)]
        yield " ".join(["data     ", *plain, *_files(source.get("files")), f"grid={record.data.get('grid', '')}"])
    if record.statistics:
        yield f"statistics {record.statistics}"
    if record.graph:
        yield f"graph     {record.graph}"
    for plugin in map(whole_entry, record.plugins):
        yield f"plugin    {plugin['kind'] or '?'} {plugin['plugin'] or '?'} {_version_and_code(plugin)}"
        for parent in map(whole_entry, plugin["depends"]):
            yield f"            on {parent.get('distribution') or parent.get('package')} {_version_and_code(parent)}"
    for one in record.migrations:
        renamed = f" is {one['renamed']}" if one["renamed"] != one["plugin"] else ""
        yield f"migrated  {one['place']}: {one['kind']} {one['plugin']}{renamed}, to version {one['version']}"
    for layer, values in _by_layer(record).items():
        yield f"config    {layer}"
        yield from (f"          {key} = {value}" for key, value in values.items())
    for key, note in record.notes.items():
        yield f"note      {key}: {note}"


def _version_and_code(entry: Mapping[str, Any]) -> str:
    """The version, the hash and the state of the code of a plugin or of a package that it depends on."""
    elsewhere = ", imported from elsewhere than installed" if entry["origin"].get("kind") == "shadow" else ""
    changed = elsewhere or (" with uncommitted changes" if entry["dirty"] else "")
    return f"{entry['version'] or 'of no version'}, code {str(entry['code'])[:19]}{changed}"


def _files(files: Any) -> list[str]:
    """The names of files, or what a brief list says of them."""
    if isinstance(files, dict):
        size = f"{int(files.get('bytes', 0)):,} bytes"
        return [f"{files.get('count', '?')} files, {size}, {files.get('first', '?')} … {files.get('last', '?')}"]
    return [_file_name(file) for file in files] if isinstance(files, list) else []


def _file_name(file: Any) -> str:
    return str(file.get("path", file.get("name", ""))) if isinstance(file, dict) else str(file)


def _by_layer(record: Provenance) -> dict[str, dict[str, Any]]:
    """Group the config by the layer that set each key: layer → key → value; defaults are left out, lists are whole."""
    layers: dict[str, dict[str, Any]] = {}
    config = tree_of(record.config, DEFAULT)
    for text, origin in record.origins.items():
        path = path_of(text, config)
        while path and isinstance(path[-1], int):
            path = path[:-1]
        node = node_at(config, path)
        if origin != str(DEFAULT) and node:
            layers.setdefault(re.sub(r":\d+$", "", origin), {})[path_text(path)] = node.plain()
    return layers
