"""Composes all layers into one tree; each leaf knows its layer, file and line.

Layers, lowest first: defaults of the schema < presets of installed packages < institution < user < experiment file <
command line. Hydra only parses overrides, OmegaConf only follows `${…}`; nothing is ever instantiated.
"""

__all__ = ["BUILT_IN", "compose"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from itertools import chain
from operator import or_
from pathlib import Path

from wxml.config.keys import child_names, field_at, schema_defaults
from wxml.config.layers import DEFAULTS, Choice, Document, read_document, site_layer, user_layer
from wxml.config.overrides import COMMAND_LINE, parse_overrides, value_layer
from wxml.config.plugin_use import own_plugins_first, respelled
from wxml.config.presets import PresetLibrary, find_presets
from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, deepest, leaves, overlay, path_of, resolved, tree_of
from wxml.errors import ConfigError, Fault, nearest
from wxml.files.yaml_loader import Node, path_text
from wxml.plugins.options.choices import choices_in, kind_of
from wxml.plugins.resolve import spelled_out

BUILT_IN = "demo"
"""The preset experiment that is used when no experiment is given."""
EXPERIMENT_GROUP = "experiment"
IMPORT_KEY = "_target_"


def compose(experiment: Path | None, overrides: Sequence[str]) -> Node:
    """Merge all layers into one tree, not validated yet.

    Args:
        experiment: the file; None for the built-in demo.
        overrides: such as `training.max_steps=10`, `model=transformer`, `~key`; the strongest layer.

    Raises:
        ConfigError: a file cannot be read, a preset does not exist, an override cannot be understood, or a value is
            missing.
    """
    site, user = site_layer(), user_layer()
    library = find_presets([layer.folder for layer in (user, site) if layer.folder])
    command_line = parse_overrides(overrides, library)
    documents = [read_document(path) for path in (site.values, user.values, experiment) if path is not None]
    choices = _choices(documents) | command_line.choices
    if experiment is None:
        choices.setdefault(EXPERIMENT_GROUP, Choice((BUILT_IN,), ""))
    _check_choices(choices, library)
    experiments = [_preset_experiment(library, name) for name in choices.pop(EXPERIMENT_GROUP, Choice((), "")).names]
    base, asked = [document for document, _ in experiments], [asked for _, asked in experiments]
    choices = command_line.kept(reduce(or_, (*asked, choices)))
    _check_choices(choices, library)
    presets = {group: _preset_layers(group, choice, library) for group, choice in choices.items()}
    layers = [without_aliases(tree_of(schema_defaults(), DEFAULT)), *chain(*presets.values())]
    layers += [without_aliases(document.tree) for document in (*base, *documents)]
    below = command_line.delete_from(reduce(overlay, layers))
    tree = overlay(below, without_aliases(value_layer(command_line.values, below)))
    check_no_imports(tree)
    _check_effect({group: presets[group] for group in presets if group in command_line.choices}, tree)
    places = [place.path for place in choices_in(tree.plain(), ExperimentConfig)]
    return without_aliases(resolved(tree, places))


def _preset_experiment(library: PresetLibrary, name: str) -> tuple[Document, dict[str, Choice]]:
    """Read a preset that is a whole experiment, the lowest of the documents, and the presets that it asks for.

    Raises:
        ConfigError: it starts from another one.
    """
    preset = library.named(EXPERIMENT_GROUP, name)[0]
    document = read_document(preset.path, preset.label)
    asked = document.choices()
    if EXPERIMENT_GROUP in asked:
        fault = Fault(DEFAULTS, "a preset experiment cannot start from another one", preset.label)
        raise ConfigError([fault], fix=f"take `experiment` out of its `defaults`: {preset.path}")
    own = {group: library.own_first(group, choice, preset.distribution) for group, choice in asked.items()}
    return replace(document, tree=own_plugins_first(document.tree, preset.distribution)), own


def _choices(documents: Sequence[Document]) -> dict[str, Choice]:
    """The presets that the documents ask for; the higher one wins."""
    return {group: choice for document in documents for group, choice in document.choices().items()}


def _check_choices(choices: Mapping[str, Choice], library: PresetLibrary) -> None:
    """Refuse presets that cannot be chosen.

    Raises:
        ConfigError: with every group and every name that is not there.
    """
    faults = []
    for group, choice in choices.items():
        section = path_of(group, Node({}))
        if group not in library.groups and not child_names(section):
            hint = nearest(group, library.groups)
            faults.append(Fault(group, f"unknown group of presets {group!r}: {hint}", choice.origin))
            continue
        for name in choice.names:
            is_plugin = bool(kind_of(field_at(section)))
            hint = f"; to choose a plugin write `{group}.plugin={name}`" if is_plugin else ""
            faults += [fault for fault in [library.fault(group, name, choice.origin, hint=hint)] if fault]
    if faults:
        raise ConfigError(faults, fix="a package brings its presets with it: see `wxml list-plugins`")


def _preset_layers(group: str, choice: Choice, library: PresetLibrary) -> list[Node]:
    place = tuple(group.split("/"))
    return [without_aliases(layer) for name in choice.names for layer in library.layers(group, name, place)]


def _check_effect(presets: Mapping[str, Sequence[Node]], tree: Node) -> None:
    """Refuse a preset of the command line that changes nothing, since higher layers replace all that it says.

    Raises:
        ConfigError: with every such preset, and who replaces its first value.
    """
    faults = []
    for group, layers in presets.items():
        written = [written for layer in layers for written in leaves(layer)]
        kept = [(leaf, *deepest(tree, path)) for path, leaf in written]
        is_in_effect = any(not rest and found.origin == leaf.origin for leaf, found, rest in kept)
        says_the_same = all(not rest and found.value == leaf.value for leaf, found, rest in kept)
        if not is_in_effect and not says_the_same:
            why = f"this preset has no effect: {_replacement(tree, written[0][0])} replaces what it says"
            faults.append(Fault(group, why, str(COMMAND_LINE)))
    if faults:
        raise ConfigError(
            faults,
            fix="presets lie below the keys that files write: take those keys out, or set them on the command line",
        )


def _replacement(tree: Node, path: tuple[str | int, ...]) -> str:
    """The first leaf at a path or near it, and who wrote it."""
    found, rest = deepest(tree, path)
    place = path[: len(path) - len(rest)]
    below, leaf = next(leaves(found, place))
    return f"`{path_text(below)}` ({leaf.origin})"


def check_no_imports(tree: Node) -> None:
    """Refuse the key by which other tools import code that a config names.

    Raises:
        ConfigError: with every place where it is written.
    """
    faults = [
        Fault(path, f"`{IMPORT_KEY}` is refused: a config names plugins, never import paths", str(leaf.origin))
        for path, leaf in leaves(tree)
        if IMPORT_KEY in path
    ]
    if faults:
        raise ConfigError(faults, fix="write `plugin: NAME`; see `wxml list-plugins`")


def without_aliases(tree: Node) -> Node:
    """The tree with full names in place of the aliases of the site, which other sites do not know."""
    return respelled(tree, spelled_out)
