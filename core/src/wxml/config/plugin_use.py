"""Which plugins a training, a forecast and a restored model use: what their locks hold, and what must be installed."""

__all__ = ["FORECAST", "MODEL", "TRAINING", "pinned", "used_plugins"]

import copy
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

from wxml.config.keys import plugin_places
from wxml.config.schema import ExperimentConfig
from wxml.environment.names import canonical_name
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin
from wxml.plugins.options.choices import PlacedPlugin, choices_in
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve

MODEL = frozenset({"core", "mapper", "processor", "transform"})
"""What a trained model cannot run without; data may come from elsewhere."""
FORECAST = MODEL | {"data-source"}
"""What a forecast uses beside its writer."""
TRAINING = FORECAST | {"graph-builder", "trainer"}


def used_plugins(config: ExperimentConfig, kinds: Set[str]) -> list[UsedPlugin]:
    """The plugins of some kinds that a config names, and those that their options name in turn.

    Raises:
        UnknownPluginError, BrokenPluginError: one cannot be used here.
    """
    places = plugin_places(config.model_dump(mode="json"))
    return [used for place in places if place.kind in kinds for used in _used(place)]


def _used(place: PlacedPlugin) -> Iterator[UsedPlugin]:
    record = resolve(place.kind, place.written["plugin"])
    yield UsedPlugin(record, place.options)
    for inner in choices_in(place.options, options_model(load(record))):
        yield from _used(inner)


def pinned(values: Mapping[str, Any], entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The values of a config with the full names of the plugins in a lock, whatever else is installed by now.

    Args:
        values: the config of an artefact; not changed.
        entries: the artefact's lock.
    """
    full = {(entry["kind"], entry["plugin"].rpartition(":")[2]): entry["plugin"] for entry in entries}
    changed = copy.deepcopy(dict(values))
    for place in plugin_places(changed):
        name = (place.kind, canonical_name(place.written["plugin"]))
        if name in full and isinstance(place.written, dict):
            place.written["plugin"] = full[name]
    return changed
