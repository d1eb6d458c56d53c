"""Reads a YAML file that is no experiment, such as the recipe of a dataset, and checks it in the same way."""

__all__ = ["read_settings", "written_keys"]

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from wxml.config.compose import check_no_imports
from wxml.config.layers import DEFAULTS, read_document
from wxml.config.overrides import parse_assignments, value_layer
from wxml.config.tree import location, overlay, resolved
from wxml.errors import ConfigError, Fault
from wxml.files.yaml_loader import Node
from wxml.plugins.create import choice_faults
from wxml.plugins.options.choices import choices_in
from wxml.plugins.options.faults import faults_of

Settings = TypeVar("Settings", bound=BaseModel)


def written_keys(path: Path) -> frozenset[str]:
    """The keys at the top of a file, such as `data` of an experiment.

    Raises:
        ConfigError: the file cannot be read, or is not a mapping in YAML.
    """
    document = read_document(path)
    return frozenset(document.tree.value) | ({DEFAULTS} if document.defaults else frozenset())


def read_settings(path: Path, model: type[Settings], changes: Sequence[str] = (), *, advice: str) -> Settings:
    """Read a file and check it against `model`; the options of the plugins that it chooses are checked by them.

    Args:
        path: the YAML file.
        model: the schema; a field that chooses a plugin is a `PluginChoice` marked with its `Kind`.
        changes: `KEY=VALUE` of a command line, laid over the file.
        advice: where a reader finds the keys, the last line of an error.

    Raises:
        ConfigError: with every fault, each with its line: a key is unknown, a value is wrong, a plugin does not exist.
        BrokenPluginError: a plugin that is named cannot be used.
    """
    document = read_document(path)
    tree = overlay(document.tree, value_layer(parse_assignments(changes), document.tree))
    check_no_imports(tree)
    tree = resolved(tree, [place.path for place in choices_in(tree.plain(), model)])
    faults = [Fault(DEFAULTS, "presets belong to experiments", str(path))] if document.defaults else []
    faults += [fault for place in choices_in(tree.plain(), model) for fault in choice_faults(place)]
    return _validated(tree, model, faults, advice)


def _validated(tree: Node, model: type[Settings], faults: list[Fault], advice: str) -> Settings:
    try:
        settings = model.model_validate(tree.plain())
    except ValidationError as error:
        faults = [*faults_of(error, model), *faults]
    if faults:
        located = [Fault(fault.path, fault.message, location(tree, fault.path)) for fault in faults]
        raise ConfigError(sorted(located, key=lambda fault: fault.key), fix=advice)
    return settings
