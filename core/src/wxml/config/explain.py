"""Explains the keys at a place in a config: their types, their defaults and their values."""

__all__ = ["ExplainedKey", "Explanation", "explain"]

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from wxml.config.keys import child_names, field_at, model_at
from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, deepest, location, path_of
from wxml.errors import ConfigError, Fault, nearest
from wxml.files.yaml_loader import Node, Path, path_text
from wxml.masking import masked_values
from wxml.plugins.options.choices import PlacedPlugin, choices_in, kind_of
from wxml.plugins.options.rows import OptionRow, option_rows


@dataclass(frozen=True, slots=True)
class ExplainedKey:
    """One key that can be written, and its value now."""

    option: OptionRow
    value: str
    """As it is written in YAML; empty if it is required and missing."""
    origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """The keys that can be written at a place in the config."""

    heading: str
    keys: tuple[ExplainedKey, ...]


def explain(tree: Node, text: str) -> Explanation:
    """Explain the place `text`: the options of the plugin that is chosen there, or the keys of the schema.

    The rest of the config may be wrong, so that the explanation helps to correct it.

    Args:
        tree: the layers, merged.
        text: the dotted path, such as `model.processor`, `model.processor.num_layers`, `data`.

    Raises:
        ConfigError: there is no such place, or no plugin is chosen there.
        UnknownPluginError: the plugin that is chosen is not installed.
        BrokenPluginError: it cannot be used.
    """
    path = path_of(text, tree)
    for place in choices_in(tree.plain(), ExperimentConfig):
        if path[: len(place.path)] == place.path:
            return _explain_plugin(tree, path, place)
    return _explain_section(tree, path)


def _explain_plugin(tree: Node, path: Path, chooses: PlacedPlugin) -> Explanation:
    from wxml.plugins.load import load
    from wxml.plugins.options.model import describe_options
    from wxml.plugins.resolve import resolve

    place, kind, name = chooses.path, chooses.kind, chooses.written.get("plugin")
    if not isinstance(name, str):
        raise ConfigError([Fault((*place, "plugin"), "no plugin is chosen here", location(tree, place))])
    chosen, _ = deepest(tree, (*place, "plugin"))  # the section, if its key is the name
    record = resolve(kind, name, where=f"{chosen.origin}, {path_text(place)}.plugin")
    rows = [OptionRow("plugin", "str", None, "", f"The {kind} to use."), *describe_options(load(record))]
    heading = f"{path_text(place)}: {kind} {record.name!r} of {record.provider} ({chosen.origin})"
    return Explanation(heading, _keys(tree, rows, place, path))


def _explain_section(tree: Node, path: Path) -> Explanation:
    info = field_at(path)
    if info is None:
        known = next(length for length in range(len(path) - 1, -1, -1) if child_names(path[:length]) or not length)
        key, names = path[known], child_names(path[:known])
        raise ConfigError([Fault(path, f"unknown key `{key}`: {nearest(str(key), names)}")])
    place = path if model_at(path) and not kind_of(info) else path[:-1]
    while not model_at(place):  # an item of a list or a mapping has no keys that the schema names
        place = place[:-1]
    rows = option_rows(model_at(place) or ExperimentConfig)
    return Explanation(f"{path_text(path)}: {info.description or ''}", _keys(tree, rows, place, path))


def _keys(tree: Node, rows: Iterable[OptionRow], place: Path, path: Path) -> tuple[ExplainedKey, ...]:
    """Give each row at or below `path` the value that it has now.

    Raises:
        ConfigError: no row is there.
    """
    wanted = path_text(path[len(place) :])
    listed = list(rows)
    found = [row for row in listed if not wanted or f"{row.name}.".startswith(f"{wanted}.")]
    if not found:
        hint = nearest(wanted, [row.name for row in listed])
        raise ConfigError([Fault(path, f"unknown key `{wanted}`: {hint}")])
    keys = []
    for row in found:
        node, rest = deepest(tree, (*place, *row.name.split(".")))
        value: Any = masked_values(node.plain(), row.name.rpartition(".")[2])
        if rest:
            keys.append(ExplainedKey(row, row.default or "", str(DEFAULT) if row.default is not None else ""))
        else:
            text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
            keys.append(ExplainedKey(row, text, str(node.origin or DEFAULT)))
    return tuple(keys)
