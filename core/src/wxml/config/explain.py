"""The tables that say where each value came from, and what could be written at a place."""

__all__ = ["Explanation", "OriginRow", "explain", "origin_rows"]

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from wxml.config.compose import ComposedConfig
from wxml.config.keys import child_names, field_at, model_of, plugin_places
from wxml.config.load import LoadedConfig
from wxml.config.origins import DEFAULT
from wxml.config.schema import ExperimentConfig
from wxml.errors import ConfigError, Fault, nearest
from wxml.plugins.options.choices import PluginChoice, kind_of
from wxml.plugins.options.rows import OptionRow, option_rows


@dataclass(frozen=True, slots=True)
class OriginRow:
    """One leaf of a config."""

    path: str
    value: Any
    origin: str
    """The layer that set it: `experiment.yaml:14`, `command line`, `preset …`, `default`."""


@dataclass(frozen=True, slots=True)
class ExplainedKey:
    """One key that can be written, and what it is now."""

    option: OptionRow
    value: str
    """As it is written in YAML; empty where it is required and missing."""
    origin: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What can be written at a place in the config."""

    heading: str
    keys: tuple[ExplainedKey, ...]


def origin_rows(loaded: LoadedConfig) -> list[OriginRow]:
    """Every leaf of a config: its value, and which layer set it."""
    values = loaded.config.model_dump(mode="json")
    return [OriginRow(path, _at(values, path), origin) for path, origin in loaded.origins.items()]


def explain(composed: ComposedConfig, path: str) -> Explanation:
    """What can be written at a dotted path: the options of the plugin chosen there, or the keys of the schema.

    The rest of the config may be wrong, so that this helps to correct it.

    Args:
        composed: the layers.
        path: such as `model.processor`, `model.processor.num_layers`, `data`.

    Raises:
        ConfigError: there is no such place, or no plugin is chosen there.
        UnknownPluginError: the plugin that is chosen is not installed.
        BrokenPluginError: it cannot be used.
    """
    for place in plugin_places(composed.values):
        if f"{path}.".startswith(f"{place.path}."):
            return _explain_plugin(composed, path, place.path, place.kind)
    return _explain_section(composed, path)


# Plugins


def _explain_plugin(composed: ComposedConfig, path: str, place: str, kind: str) -> Explanation:
    from wxml.plugins.load import load
    from wxml.plugins.options.model import describe_options
    from wxml.plugins.resolve import resolve

    name = _at(composed.values, f"{place}.plugin")
    if not isinstance(name, str):
        raise ConfigError([Fault(f"{place}.plugin", "no plugin is chosen here", composed.location(place))])
    record = resolve(kind, name, where=f"{composed.origin(f'{place}.plugin')}, {place}.plugin")
    chosen = OptionRow("plugin", "str", None, "", f"The {kind} to use.")
    rows = [chosen, *describe_options(load(record))]
    heading = f"{place}: {kind} {record.name!r} of {record.provider} ({composed.origin(f'{place}.plugin')})"
    return Explanation(heading, _keys(composed, rows, place, path))


# Schema


def _explain_section(composed: ComposedConfig, path: str) -> Explanation:
    info = field_at(path)
    if info is None:
        parent, known = _deepest_section(path)
        key = path.removeprefix(f"{parent}.").partition(".")[0]
        raise ConfigError([Fault(path, f"unknown key `{key}`: {nearest(key, known)}")])
    model = model_of(info)
    is_section = model is not None and not (kind_of(info) and issubclass(model, PluginChoice))
    place = path if is_section else path.rpartition(".")[0]
    rows = option_rows(_model_at(place))
    heading = f"{path}: {info.description or ''}"
    return Explanation(heading, _keys(composed, rows, place, path))


def _deepest_section(path: str) -> tuple[str, tuple[str, ...]]:
    """The deepest part of a path that has keys of its own, and those."""
    while path and not child_names(path):
        path = path.rpartition(".")[0]
    return path, child_names(path)


def _model_at(path: str) -> type[BaseModel]:
    info = field_at(path) if path else None
    return (model_of(info) if info else None) or ExperimentConfig


# Rows


def _keys(composed: ComposedConfig, rows: Iterable[OptionRow], place: str, path: str) -> tuple[ExplainedKey, ...]:
    """The rows at or below a path, with what each is now.

    Raises:
        ConfigError: no row is there.
    """
    wanted = path[len(place) :].lstrip(".")
    listed = list(rows)
    found = [row for row in listed if not wanted or f"{row.name}.".startswith(f"{wanted}.")]
    if not found:
        raise ConfigError([Fault(path, f"unknown key `{wanted}`: {nearest(wanted, [row.name for row in listed])}")])
    return tuple(_explained(composed, row, f"{place}.{row.name}".lstrip(".")) for row in found)


def _explained(composed: ComposedConfig, row: OptionRow, path: str) -> ExplainedKey:
    try:
        value = _at(composed.values, path)
    except LookupError:
        return ExplainedKey(row, row.default or "", DEFAULT if row.default is not None else "")
    return ExplainedKey(row, _yaml(value), composed.origin(path))


def _at(values: Any, path: str) -> Any:
    """The value at a dotted path.

    Raises:
        LookupError: there is none.
    """
    for key in path.split("."):
        if isinstance(values, Mapping):
            values = values[key]
        elif isinstance(values, Sequence) and not isinstance(values, str) and key.isdigit():
            values = values[int(key)]
        else:
            raise KeyError(path)
    return values


def _yaml(value: Any) -> str:
    """A value on one line of YAML."""
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
