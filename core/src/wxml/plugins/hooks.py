"""What everyone installed may have a say in: the hooks of wxml.

A package declares a module of hooks in the entry-point group `wxml.hooks`; its functions carry the name of a hook and
the decorator `hookimpl`, and take those of the hook's values that they name. The modules are imported on the first call
of any hook. A hook that fails is reported on stderr; it stops neither the run nor the hooks of others.
"""

__all__ = ["Hooks", "call_hook", "hookimpl", "hooks"]

import inspect
import logging
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pluggy

from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.load import import_object
from wxml.plugins.resolve import require_usable

logger = logging.getLogger(__name__)

PROJECT = "wxml"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a function as the implementation of the hook that it is named after."""


class Specifications:
    """The hooks, each with the values that it is called with."""

    @hookspec
    def wxml_config_resolved(self, config: dict[str, Any]) -> None:
        """A config has been composed and validated; it is not to be changed any more."""

    @hookspec
    def wxml_run_started(self, run_dir: Path) -> None:
        """A training run begins; its folder exists."""

    @hookspec
    def wxml_run_finished(self, run_dir: Path, checkpoint: Path) -> None:
        """A training run has ended well and left a checkpoint."""

    @hookspec
    def wxml_forecast_step(self, fields: Any, lead_time: Any) -> None:
        """A forecast has made one step: `fields` is a `wxml.Fields`, `lead_time` a `timedelta64[s]`."""

    @hookspec
    def wxml_checkpoint_saved(self, path: Path) -> None:
        """A checkpoint has been written."""

    @hookspec
    def wxml_provenance(self) -> dict[str, Any]:  # type: ignore[empty-body]  # a specification
        """JSON values to be kept in the provenance of every artefact."""


class _Registered(NamedTuple):
    record: PluginRecord
    manager: pluggy.PluginManager


class Hooks:
    """Calls the hooks of all usable hook plugins in a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._records = catalog.select("hook")
        self._registered: list[_Registered] | None = None

    def call(self, name: str, **values: Any) -> list[Any]:
        """Call one hook of everyone, in the order of plugin names.

        Args:
            name: such as `wxml_run_started`.
            values: exactly what the hook is specified to get.

        Returns:
            What the implementations returned, without `None`.
        """
        inspect.signature(getattr(Specifications, name)).bind(None, **values)
        if self._registered is None:
            self._registered = [entry for record in self._records if (entry := _register(record))]
        return [result for entry in self._registered for result in _call(entry, name, values)]


@cache
def hooks() -> Hooks:
    """The hooks of everything that is installed; nothing is imported before the first call."""
    return Hooks(installed())


def call_hook(name: str, **values: Any) -> list[Any]:
    """Call one hook of everyone installed; see `Hooks.call`."""
    return hooks().call(name, **values)


def _register(record: PluginRecord) -> _Registered | None:
    """A manager for one plugin alone, which is what keeps its failures its own; None where it cannot be used."""
    if record.status == "disabled":
        return None
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(Specifications)
    try:
        require_usable(record)
        manager.register(import_object(record), record.full_name)
    except Exception as error:  # noqa: BLE001  # one package's hooks must not stop the run, nor the others'
        logger.warning("the hooks of %s are left out: %s", record.provider, error)
        return None
    _warn_of_unknown(manager, record)
    return _Registered(record, manager)


def _warn_of_unknown(manager: pluggy.PluginManager, record: PluginRecord) -> None:
    """A misspelt hook would never be called, and nobody would know."""
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        logger.warning("%s has a hook that wxml does not know: %s", record.provider, error)


def _call(entry: _Registered, name: str, values: dict[str, Any]) -> list[Any]:
    try:
        results: list[Any] = getattr(entry.manager.hook, name)(**values)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # a hook has a say, not a veto
        logger.warning("hook %s of %s failed: %s: %s", name, entry.record.provider, type(error).__name__, error)
        return []
    return results
