"""The chain behind an artefact, for people: what it was made of, and what that was made of."""

__all__ = ["lineage"]

import re
from collections.abc import Iterator
from typing import Any

from wxml.artefacts.provenance import Provenance
from wxml.config.tree import DEFAULT, node_at, path_of, tree_of
from wxml.files.yaml_loader import path_text


def lineage(record: Provenance, name: str) -> str:
    """An indented tree: the artefact, its data, graph, plugins and config, then its parents."""
    return "\n".join(_lines(record, name, ""))


def _lines(record: Provenance, name: str, indent: str) -> Iterator[str]:
    yield f"{indent}{record.artefact} {name}".rstrip()
    inner = indent + "  "
    for line in _own_lines(record):
        yield inner + line
    for parent in record.parents:
        yield f"{inner}made from"
        yield from _lines(Provenance.from_dict(parent), "", inner + "  ")


def _own_lines(record: Provenance) -> Iterator[str]:
    yield f"wxml-core {record.wxml_core}"
    if record.data:
        yield f"data      {_source(record.data)}"
    if record.graph:
        yield f"graph     {record.graph}"
    for plugin in record.plugins:
        yield f"plugin    {_plugin(plugin)}"
    for layer, values in _by_layer(record).items():
        yield f"config    {layer}"
        yield from (f"          {key} = {value}" for key, value in values.items())
    for key, note in record.notes.items():
        yield f"note      {key}: {note}"


def _source(data: dict[str, Any]) -> str:
    """The plain values of a source's record, and the names of its files."""
    source = data.get("source", {})
    plain = [f"{key}={value}" for key, value in source.items() if not isinstance(value, list | dict)]
    files = [str(file.get("path", file.get("name", ""))) for file in source.get("files", [])]
    return " ".join([*plain, *files, f"grid={data.get('grid', '')}"])


def _plugin(plugin: dict[str, Any]) -> str:
    changed = " with uncommitted changes" if plugin.get("dirty") else ""
    return f"{plugin['kind']} {plugin['plugin']} {plugin['version']}, code {str(plugin['code'])[:19]}{changed}"


def _by_layer(record: Provenance) -> dict[str, dict[str, Any]]:
    """What each layer of the config set, defaults left out: layer → key → value, lists whole."""
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
