"""From an experiment file and overrides to a validated config."""

__all__ = ["LoadedConfig", "check_plugins", "check_schema", "load_config", "read_config"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wxml.config.compose import ComposedConfig, compose
from wxml.config.keys import child_names, field_at, plugin_places
from wxml.config.renamed import renamed_fault
from wxml.config.schema import ExperimentConfig
from wxml.errors import ConfigError, Fault, WxmlError, nearest
from wxml.plugins.options.choices import kind_of
from wxml.plugins.resolve import spelled_out


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A config that is known to be right, and where each of its values came from."""

    config: ExperimentConfig
    origins: dict[str, str]
    """Dotted leaf path → `experiment.yaml:14`, `command line`, `preset model/gnn (wxml-processor-gnn)`, `default`."""


def load_config(experiment: Path | None, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Compose and validate everything, the options of the plugins too; this imports the plugins that are named.

    Args:
        experiment: the experiment file; None for the built-in demo.
        overrides: from the command line, such as `training.max_steps=10`.

    Raises:
        ConfigError: with every fault of the schema, of the plugins' names and of their options.
        BrokenPluginError: a plugin that is named cannot be used.
    """
    composed = _without_aliases(compose(experiment, overrides))
    config, faults = check_schema(composed)
    faults += check_plugins(composed)
    return _loaded(config, faults, composed)


def read_config(experiment: Path | None, overrides: Sequence[str] = ()) -> LoadedConfig:
    """The same without the plugins: their names and options are taken as they are written, and none is imported.

    Raises:
        ConfigError: with every fault of the schema.
    """
    composed = _without_aliases(compose(experiment, overrides))
    config, faults = check_schema(composed)
    return _loaded(config, faults, composed)


def _without_aliases(composed: ComposedConfig) -> ComposedConfig:
    """The config with plugins in the place of the site's own names for them, which mean nothing elsewhere."""
    for place in plugin_places(composed.values):
        name = place.written.get("plugin")
        if isinstance(place.written, dict) and isinstance(name, str):
            place.written["plugin"] = spelled_out(place.kind, name)
    return composed


def _loaded(config: ExperimentConfig | None, faults: list[Fault], composed: ComposedConfig) -> LoadedConfig:
    if faults or config is None:
        raise ConfigError(sorted(faults, key=lambda fault: fault.key))
    paths = leaf_paths(config.model_dump(mode="json"))
    return LoadedConfig(config, {path: composed.leaf_origin(path) for path in paths})


def leaf_paths(value: Any, prefix: str = "") -> Iterator[str]:
    """The dotted paths of every scalar, empty mapping and empty list."""
    if not isinstance(value, dict | list) or not value:
        yield prefix
        return
    for key, below in value.items() if isinstance(value, dict) else enumerate(value):
        yield from leaf_paths(below, f"{prefix}.{key}" if prefix else str(key))


# Schema


def check_schema(composed: ComposedConfig) -> tuple[ExperimentConfig | None, list[Fault]]:
    """The validated config, or every fault that the schema finds."""
    try:
        return ExperimentConfig.model_validate(composed.values), []
    except ValidationError as error:
        return None, [_schema_fault(detail, composed) for detail in error.errors(include_url=False)]


def _schema_fault(detail: Mapping[str, Any], composed: ComposedConfig) -> Fault:
    path = ".".join(str(part) for part in detail["loc"])
    return Fault(path, _problem(path, detail), composed.location(path))


def _problem(path: str, detail: Mapping[str, Any]) -> str:
    """What is wrong, in our words."""
    parent, _, key = path.rpartition(".")
    cause = detail.get("ctx", {}).get("error")
    if renamed := renamed_fault(path, detail["input"]):
        return renamed
    if detail["type"] == "extra_forbidden":
        return f"unknown key `{key}`: {nearest(key, child_names(parent))}"
    if detail["type"] == "missing":
        return f"`{path}` is missing{_how_to_write(path)}"
    if isinstance(cause, WxmlError):
        return _sentence(cause)
    if detail["type"] in ("model_type", "model_attributes_type"):
        wanted = "`{plugin: NAME}`" if kind_of(field_at(path)) else "a section with keys of its own"
        return f"`{path}` must be {wanted}, got {detail['input']!r}"
    return f"`{path}` {_lower(detail['msg'])}, got {detail['input']!r}"


def _how_to_write(path: str) -> str:
    kind = kind_of(field_at(path))
    if kind in ("mapper", "processor"):
        return ": choose a preset, like `defaults: [{model: gnn}]`, or write `{plugin: NAME}`"
    if kind:
        return ": write `{plugin: NAME}`"
    if path.startswith("data.split."):
        return ": write `[start, end]`"
    return ": the name of a plugin" if path.endswith(".plugin") else ""


def _lower(message: str) -> str:
    return message.replace("Input should", "must").replace("Value error, ", "")


def _sentence(error: WxmlError) -> str:
    return f"{error.message}: {error.fix}" if error.fix else error.message


# Plugins


def check_plugins(composed: ComposedConfig) -> list[Fault]:
    """Every fault in the names and options of the plugins that are chosen, each found by importing the plugin.

    Raises:
        BrokenPluginError: a plugin that is named cannot be used.
    """
    from wxml.plugins.options.model import choice_faults

    faults = (fault for place in plugin_places(composed.values) for fault in choice_faults(place))
    return [_located(fault, composed) for fault in faults]


def _located(fault: Fault, composed: ComposedConfig) -> Fault:
    return replace(fault, location=composed.location(fault.key))
