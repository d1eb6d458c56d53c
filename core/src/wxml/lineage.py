"""The chain behind an artefact, for people: what it was made of, and what that was made of."""

__all__ = ["lineage"]

from collections.abc import Iterator
from typing import Any

from wxml.provenance import Provenance


def lineage(record: Provenance, name: str) -> str:
    """An indented tree: the artefact, its data, graph, plugins and config, then its parents."""
    return "\n".join(_lines(record, name, ""))


def _lines(record: Provenance, name: str, indent: str) -> Iterator[str]:
    yield f"{indent}{record.artefact}  {name}".rstrip()
    inner = indent + "  "
    yield f"{inner}wxml-core {record.wxml_core}"
    if record.graph:
        yield f"{inner}graph {record.graph}"
    if record.data:
        yield f"{inner}data {_source(record.data)}"
    for plugin in record.plugins:
        yield f"{inner}plugin {_plugin(plugin)}"
    for key, origin in record.origins.items():
        if origin != "default":
            yield f"{inner}config {key} = {_value(record.config, key)}  ({origin})"
    for key, note in record.notes.items():
        yield f"{inner}note {key}: {note}"
    for parent in record.parents:
        yield f"{inner}made from"
        yield from _lines(Provenance.from_dict(parent), "", inner + "  ")


def _source(data: dict[str, Any]) -> str:
    source = data.get("source", {})
    parts = [f"{key}={value}" for key, value in source.items() if not isinstance(value, list | dict)]
    files = [str(file.get("path", file.get("name", ""))) for file in source.get("files", [])]
    return " ".join([*parts, *files])


def _plugin(plugin: dict[str, Any]) -> str:
    return " ".join(str(plugin[key]) for key in ("kind", "name", "version", "source_hash") if plugin.get(key))


def _value(config: dict[str, Any], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        if not isinstance(value, dict) or part not in value:
            return value
        value = value[part]
    return value
