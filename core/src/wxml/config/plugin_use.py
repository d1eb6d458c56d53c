"""The plugins that a config names: how they are spelled, and a list of them for locks and checks."""

__all__ = ["FORECAST", "MODEL", "TRAINING", "own_plugins_first", "pinned", "respelled", "used_plugins"]

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, node_at, tree_of, with_node
from wxml.environment.names import canonical_name
from wxml.errors import WxmlError
from wxml.files.yaml_loader import Node
from wxml.plugins.catalog import installed
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, whole_entry
from wxml.plugins.options.choices import PlacedPlugin, choices_in
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve

MODEL = frozenset({"core", "forcing", "mapper", "processor", "task", "transform"})
"""A trained model cannot run without plugins of these kinds; its data may come from elsewhere."""
FORECAST = MODEL | {"data-source", "perturbation", "state-filter"}
"""The plugins of a forecast, without its writer."""
TRAINING = FORECAST | {"extension", "graph-builder", "loss", "loss-weight", "trainer"}


def used_plugins(config: ExperimentConfig, kinds: Set[str]) -> list[UsedPlugin]:
    """The plugins of some kinds that a config names, and those that their options name in turn.

    Raises:
        UnknownPluginError, BrokenPluginError: one cannot be used here.
    """
    places = choices_in(config.model_dump(mode="json"), ExperimentConfig)
    return [used for place in places if place.kind in kinds for used in _used(place)]


def _used(place: PlacedPlugin) -> Iterator[UsedPlugin]:
    record = resolve(place.kind, place.written["plugin"])
    yield UsedPlugin(record, place.options)
    for inner in choices_in(place.options, options_model(load(record))):
        yield from _used(inner)


def respelled(tree: Node, spell: Callable[[str, str], str]) -> Node:
    """The tree of a config, or of a part of it, with other names of its plugins.

    Args:
        tree: keys from the top of the config on.
        spell: gives the new name from the kind and the name that is written.
    """
    if not isinstance(tree.value, dict):
        return tree
    for place in choices_in(tree.plain(), ExperimentConfig):
        path = (*place.path, "plugin")
        name = node_at(tree, path)
        if name and isinstance(name.value, str):
            tree = with_node(tree, path, Node(spell(place.kind, name.value), name.origin))
    return tree


def own_plugins_first(tree: Node, distribution: str) -> Node:
    """The values of a preset, in which a bare name that others provide too means the plugin of its own distribution."""
    contested = {
        (record.kind, record.name): record.full_name
        for record in installed().records
        if record.distribution == distribution and record.status == "conflict"
    }
    return respelled(tree, lambda kind, name: contested.get((kind, canonical_name(name)), name)) if contested else tree


def pinned(values: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of a config with the full names of the plugins in a lock, whatever else is installed now.

    Args:
        values: the config of an artefact; not changed.
        entries: the artefact's lock.
    """
    full = {(entry["kind"], entry["plugin"].rpartition(":")[2]): entry["plugin"] for entry in map(whole_entry, entries)}
    contested = {(record.kind, record.name) for record in installed().records if record.status == "conflict"}
    tree, places = tree_of(values, DEFAULT), list(choices_in(values, ExperimentConfig))
    while places:
        place = places.pop()
        written = place.written["plugin"]
        name = full.get((place.kind, canonical_name(written)), written)
        if name != written:
            tree = with_node(tree, (*place.path, "plugin"), tree_of(name, DEFAULT))
        if contested & full.keys():  # only then are the plugins imported to see what their options choose
            places += _inside(place, name)
    pinned_values: dict[str, Any] = tree.plain()
    return pinned_values


def _inside(place: PlacedPlugin, name: str) -> list[PlacedPlugin]:
    """The places in the options of a plugin that choose others; none if it cannot be used."""
    try:
        model = options_model(load(resolve(place.kind, name)))
    except WxmlError:  # who needs it is told
        return []
    return list(choices_in(place.options, model, place.path))
