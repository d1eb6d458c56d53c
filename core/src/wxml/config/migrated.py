"""Brings a recorded config, and the weights beside it, to the installed versions of the plugins that it chooses."""

__all__ = ["MigratedConfig", "MigratedPlugin", "migrate_config"]

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wxml.config.plugin_use import MODEL
from wxml.config.schema import ExperimentConfig
from wxml.config.tree import DEFAULT, tree_of, with_node
from wxml.environment.distributions import version_of
from wxml.environment.names import canonical_name
from wxml.errors import BrokenPluginError, UnknownPluginError, WxmlError
from wxml.files.yaml_loader import Node, path_text
from wxml.plugins.catalog import installed
from wxml.plugins.former_names import todays_choice
from wxml.plugins.load import load
from wxml.plugins.lock import UsedPlugin, in_order, lock, whole_entry
from wxml.plugins.migrations import Chain, chain_of
from wxml.plugins.options.choices import Path, PlacedPlugin, choices_in
from wxml.plugins.options.model import options_model
from wxml.plugins.resolve import resolve

logger = logging.getLogger("wxml")

PREFIXES: dict[Path, str] = {("model", part): f"{part}." for part in ("encoder", "processor", "decoder")}
"""The places in a config whose plugins have weights → the beginning of the names of these weights."""
UNLOCKED = ("forecast-writer", "verifier")
"""The kinds of plugins that a checkpoint names, and that did not make it: their version is not known."""
Entry = Mapping[str, Any]
Plugin = tuple[str, str]
"""A kind and a full name, as a lock has them."""


@dataclass(frozen=True, slots=True)
class MigratedPlugin:
    """A plugin in a config, with the migrations that were applied to it."""

    path: Path
    before: str
    """The full name that it had."""
    chain: Chain

    @property
    def sentence(self) -> str:
        """Such as `model.processor: acme:window of 1.0 is acme:attention of 2.0`."""
        installed = version_of(self.chain.distribution)
        return f"{path_text(self.path)}: {self.before} of {self.chain.version} is {self.chain.full_name} of {installed}"

    def record(self) -> list[dict[str, Any]]:
        """The migrations as JSON values, in the order in which they were applied."""
        return [
            {
                "place": path_text(self.path),
                "kind": self.chain.kind,
                "plugin": f"{self.chain.distribution}:{step.before[1]}",
                "renamed": f"{self.chain.distribution}:{step.after[1]}",
                "version": step.version,
            }
            for step in self.chain.steps
        ]


@dataclass(frozen=True, slots=True)
class MigratedConfig:
    """A config with the names and the options that the installed plugins have."""

    values: dict[str, Any]
    weights: dict[str, Any]
    applied: tuple[MigratedPlugin, ...]
    entries: list[dict[str, Any]]
    """The lock: as it was, but for the distributions whose migrations were applied."""


def migrate_config(
    values: Mapping[str, Any], entries: Sequence[Entry], weights: Mapping[str, Any] | None = None
) -> MigratedConfig:
    """Apply the migrations of the plugins in a lock to a config and to weights.

    Args:
        values: a config as JSON values, valid but for the options of plugins; not changed.
        entries: the lock of the artefact that holds it.
        weights: the state of the model: name → tensor; None: the artefact has none.

    Raises:
        BrokenPluginError: migrations of a plugin that the model needs cannot be used, or one of them fails; with those
            of any other plugin there is a warning, and the plugin stays as it was.
    """
    entries = [whole_entry(entry) for entry in entries]
    chains = {(entry["kind"], entry["plugin"]): chain for entry in entries if (chain := _chain(entry))}
    run = _Run(chains, _with_todays_names(values), weights)
    pending = {key for key, chain in chains.items() if chain.steps}
    places = [run.migrate(place) for place in choices_in(values, ExperimentConfig)]
    if not pending <= run.seen:  # a plugin in the options of another: only then are those read, which imports plugins
        for place in places:
            run.migrate_inside(place)
    return MigratedConfig(run.tree.plain(), run.weights, tuple(run.applied), run.entries(entries))


def _with_todays_names(values: Mapping[str, Any]) -> Node:
    """The config, in which the plugins that no lock of a checkpoint has are called as they are called today."""
    tree = tree_of(values, DEFAULT)
    if installed().select("migration"):
        for place in choices_in(values, ExperimentConfig):
            if place.kind in UNLOCKED:
                tree = with_node(tree, place.path, tree_of(todays_choice(place.kind, place.written), DEFAULT))
    return tree


def _chain(entry: Entry) -> Chain | None:
    if entry["kind"] in ("core", "") or not entry["plugin"]:
        return None
    try:
        return chain_of(entry["kind"], entry["plugin"], entry["version"])
    except UnknownPluginError:  # it is disabled, and so is the plugin
        return None
    except BrokenPluginError as error:
        _warn_or_raise(entry["kind"], error)
        return None


def _warn_or_raise(kind: str, error: BrokenPluginError) -> None:
    if kind in MODEL:
        raise error
    logger.warning("%s; what it has made stays as it was", error.message)


class _Run:
    """Visits the places of one config, one after the other."""

    def __init__(self, chains: Mapping[Plugin, Chain], tree: Node, weights: Mapping[str, Any] | None) -> None:
        self.chains = chains
        self.full = {(kind, name.rpartition(":")[2]): (kind, name) for kind, name in chains}
        self.tree = tree
        self.weights = dict(weights or {})
        self.has_weights = weights is not None
        self.seen: set[Plugin] = set()
        self.applied: list[MigratedPlugin] = []
        self._places: list[tuple[Plugin, PlacedPlugin]] = []

    def migrate(self, place: PlacedPlugin) -> PlacedPlugin:
        """Migrate what stands in one place, and return it as it stands there now."""
        named = (place.kind, ":".join(map(canonical_name, place.written["plugin"].split(":"))))
        key = self.full.get(named, named)
        chain = self.chains.get(key)
        if chain is None:
            return place
        self.seen.add(key)
        if chain.steps:
            try:
                place = place.rewritten(chain.full_name, self._apply(chain, place))
            except BrokenPluginError as error:
                _warn_or_raise(place.kind, error)
                return place
            self.tree = with_node(self.tree, place.path, tree_of(place.written, DEFAULT))
            self.applied.append(MigratedPlugin(place.path, key[1], chain))
        self._places.append((key, place))
        return place

    def _apply(self, chain: Chain, place: PlacedPlugin) -> dict[str, Any]:
        """Migrate the weights of a place, and return its options."""
        prefix = PREFIXES.get(place.path)
        if prefix is None or not self.has_weights:
            options, _ = chain.apply(place.options)
            return options
        names = [name for name in self.weights if name.startswith(prefix)]
        own = {name.removeprefix(prefix): self.weights.pop(name) for name in names}
        options, own = chain.apply(place.options, own)
        self.weights |= {f"{prefix}{name}": tensor for name, tensor in own.items()}
        return options

    def migrate_inside(self, place: PlacedPlugin) -> None:
        """Migrate the plugins that the options of a plugin choose, and those in their options."""
        try:
            model = options_model(load(resolve(place.kind, place.written["plugin"])))
        except WxmlError:  # it is not needed here; who needs it is told
            return
        for inner in choices_in(place.options, model, place.path):
            self.migrate_inside(self.migrate(inner))

    def entries(self, old: Sequence[Entry]) -> list[dict[str, Any]]:
        """The lock, in which the plugins of distributions that were migrated are as they are installed."""
        changed = {one.chain.distribution for one in self.applied}
        used: dict[Plugin, list[UsedPlugin]] = {}
        for key, place in self._places:
            chain = self.chains[key]
            if chain.distribution in changed:
                with suppress(WxmlError):  # who needs a plugin that is not there is told
                    record = resolve(place.kind, chain.full_name)
                    used.setdefault(key, []).append(UsedPlugin(record, place.options))
        kept = [entry for entry in old if (entry["kind"], entry["plugin"]) not in used]
        new = lock([one for each in used.values() for one in each]) if used else []
        return in_order([*kept, *(entry for entry in new if entry["kind"] != "core")])
