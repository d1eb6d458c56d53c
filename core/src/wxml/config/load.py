"""Loads a config from an experiment file and overrides, and validates it."""

__all__ = ["LoadedConfig", "change_config", "load_config", "read_config"]

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from wxml.config.compose import check_no_imports, compose, without_aliases
from wxml.config.keys import field_at
from wxml.config.overrides import COMMAND_LINE, parse_assignments, value_layer
from wxml.config.renamed import renamed_fault
from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, deepest, leaves, location, node_at, overlay, tree_of
from wxml.errors import ConfigError, Fault
from wxml.files.yaml_loader import Node, path_text
from wxml.plugins.options.choices import choices_in, kind_of
from wxml.plugins.options.faults import faults_of


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A validated config and the origin of each of its values."""

    config: ExperimentConfig
    origins: dict[str, str]
    """Dotted path of each leaf → `experiment.yaml:14`, `command line`, `preset model/gnn (wxml-processor-gnn)`,
    `default`."""


def load_config(experiment: Path | None, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Compose and validate everything, the options of the plugins too; this imports the plugins that are named.

    Args:
        experiment: the experiment file; None for the built-in demo.
        overrides: from the command line, such as `training.max_steps=10`.

    Raises:
        ConfigError: with every fault of the schema, of the plugins' names and of their options.
        BrokenPluginError: a plugin that is named cannot be used.
    """
    tree = compose(experiment, overrides)
    return _checked(tree, plugin_faults(tree))


def read_config(experiment: Path | None, overrides: Sequence[str] = ()) -> LoadedConfig:
    """Compose and validate everything but the plugins: none is imported, and their options are kept as written.

    Raises:
        ConfigError: with every fault of the schema.
    """
    return _checked(compose(experiment, overrides))


def change_config(recorded: Mapping[str, Any], changes: Sequence[str], allowed: Sequence[str]) -> LoadedConfig:
    """Change the config that an artefact holds, and check the changed parts as in training.

    Args:
        recorded: the plain values of a config that was checked when it was recorded.
        changes: `key=value`, such as `forecast.batch_size=2`; values are YAML.
        allowed: the dotted paths of the sections that may be changed, such as `data.source`.

    Returns:
        The config, and the origins of the leaves that were changed.

    Raises:
        ConfigError: with every change that is of another form, of another section, or wrong.
        BrokenPluginError: a plugin that is changed cannot be used.
    """
    values = parse_assignments(changes)
    listed = " and ".join(f"`{section}`" for section in allowed)
    faults = [
        Fault(key, f"only {listed} can be changed after training, got {key!r}", str(COMMAND_LINE))
        for key, _ in values
        if not any(f"{key}.".startswith(f"{section}.") for section in allowed)
    ]
    if faults:
        raise ConfigError(
            faults, fix=f"write it like {allowed[0]}.KEY=VALUE; everything else is part of the trained model"
        )
    below = tree_of(recorded, DEFAULT)
    tree = overlay(below, without_aliases(value_layer(values, below)))
    check_no_imports(tree)
    loaded = _checked(tree, plugin_faults(tree, changed_only=True))
    return LoadedConfig(
        loaded.config, {path: origin for path, origin in loaded.origins.items() if origin != str(DEFAULT)}
    )


def plugin_faults(tree: Node, *, changed_only: bool = False) -> list[Fault]:
    """Import each plugin that is chosen, and list every fault in its name and its options.

    Args:
        tree: a config, perhaps faulty.
        changed_only: check only the plugins that the command line changes.

    Raises:
        BrokenPluginError: a plugin that is named cannot be used.
    """
    from wxml.plugins.create import choice_faults

    found: list[Fault] = []
    for place in choices_in(tree.plain(), ExperimentConfig):
        node, _ = deepest(tree, place.path)
        if not changed_only or any(leaf.origin == COMMAND_LINE for _, leaf in leaves(node)):
            found += choice_faults(place)
    return found


def _checked(tree: Node, faults: Sequence[Fault] = ()) -> LoadedConfig:
    """Validate a tree.

    Raises:
        ConfigError: with `faults` and every fault that the schema finds, each with its file and line.
    """
    try:
        config = ExperimentConfig.model_validate(tree.plain())
    except ValidationError as error:
        faults = [*(_with_hint(fault, tree) for fault in faults_of(error, ExperimentConfig)), *faults]
    told = {fault.path for fault in faults}
    faults = [*faults, *(fault for fault in _infinite(tree) if fault.path not in told)]
    if faults:
        located = [Fault(fault.path, fault.message, location(tree, fault.path)) for fault in faults]
        raise ConfigError(sorted(located, key=lambda fault: fault.key))
    origins: dict[str, str] = {}
    for path, _ in leaves(tree_of(config.model_dump(mode="json"), DEFAULT)):
        node, rest = deepest(tree, path)
        from_schema = isinstance(node.value, dict | list) and node.value and rest
        origins[path_text(path)] = str(DEFAULT if from_schema or node.origin is None else node.origin)
    return LoadedConfig(config, origins)


def _infinite(tree: Node) -> list[Fault]:
    """A fault for each number that no artefact can hold: JSON has neither infinity nor NaN."""
    return [
        Fault(path, f"a number must be finite, got {leaf.value}")
        for path, leaf in leaves(tree)
        if isinstance(leaf.value, float) and not math.isfinite(leaf.value)
    ]


def _with_hint(fault: Fault, tree: Node) -> Fault:
    """Add to a fault of the schema what to write if the key is missing or has another name today."""
    found = node_at(tree, fault.path)
    renamed = renamed_fault(fault.path, found.plain()) if found else None
    if renamed:
        return Fault(fault.path, renamed)
    kind = kind_of(field_at(fault.path))
    if found is not None or field_at(fault.path) is None:
        return fault
    if fault.path[-1] == "plugin":
        hint = ": write the name of a plugin"
    elif kind in ("mapper", "processor"):
        hint = ": choose a preset, like `defaults: [{model: gnn}]`, or write `{plugin: NAME}`"
    else:
        hint = ": write `{plugin: NAME}`" if kind else ": write `[start, end]`" if "split" in fault.path else ""
    return Fault(fault.path, fault.message + hint)
