"""Callbacks that every installed package can register: the hooks of wxml.

A package declares a module of hooks in the entry-point group `wxml.hooks`; its functions carry the name of a hook and
the decorator `hookimpl`, and take those of the hook's values that they name. The modules are imported on the first call
of any hook. A hook that fails is reported on stderr; it stops neither the run nor the hooks of others.
"""

__all__ = ["Hooks", "hookimpl", "hooks", "provenance_notes"]

import copy
import inspect
import json
import logging
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

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
        """A config has been composed and validated, and nothing been done yet.

        Args:
            config: all of it, defaults included, as JSON values; a copy, so that changes have no effect.
        """

    @hookspec
    def wxml_run_started(self, run_dir: Path) -> None:
        """A training run begins: the data are open, the graph is built, the folder exists.

        Args:
            run_dir: the folder of the run; it holds `config.yaml`.
        """

    @hookspec
    def wxml_run_finished(self, run_dir: Path, checkpoint: Path) -> None:
        """A training run has ended well; not called after a failure or an interruption.

        Args:
            run_dir: the folder of the run.
            checkpoint: the checkpoint that it wrote.
        """

    @hookspec
    def wxml_forecast_step(self, fields: Any, lead_time: Any) -> None:
        """A forecast has made one step of one initial time; called before the step is written.

        Args:
            fields: a `wxml.Fields` in physical units, `values[member, variable, node]`, which cannot be changed.
            lead_time: `timedelta64[s]`; the initial time is `fields.valid_time - lead_time`.
        """

    @hookspec
    def wxml_checkpoint_saved(self, path: Path) -> None:
        """A checkpoint has been written, and is complete.

        Args:
            path: the file of the checkpoint.
        """

    @hookspec
    def wxml_provenance(self) -> dict[str, Any]:  # type: ignore[empty-body]  # a specification
        """Add notes to the provenance of a checkpoint; called once when an experiment is assembled.

        Returns:
            JSON values by name, such as `{"institute": "…"}`; `wxml inspect` shows them as notes. Of two packages that
            return the same name, the first in the order of names is kept.
        """


class Hooks:
    """Calls the hooks of all usable hook plugins in a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        self._records = catalog.select("hook")
        self._managers: dict[PluginRecord, pluggy.PluginManager] | None = None
        self._told: set[str] = set()

    def call(self, name: str, **values: Any) -> list[Any]:
        """Call one hook of all packages, in the order of plugin names.

        Args:
            name: such as `wxml_run_started`.
            values: exactly the parameters that the hook has in `Specifications`.

        Returns:
            What the implementations returned, without `None`.
        """
        return [result for _, result in self.answers(name, **values)]

    def answers(self, name: str, **values: Any) -> Iterator[tuple[PluginRecord, Any]]:
        """Like `call`, with the plugin beside each result."""
        inspect.signature(getattr(Specifications, name)).bind(None, **values)
        if self._managers is None:
            self._managers = {record: found for record in self._records if (found := _manager(record))}
        for record, manager in self._managers.items():
            # each package gets a config of its own, so that none can change the config of the others
            own = {key: copy.deepcopy(value) if isinstance(value, dict) else value for key, value in values.items()}
            try:
                results = getattr(manager.hook, name)(**own)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # noqa: BLE001  # a failing hook must not stop the run
                self.warn(f"hook {name} of {record.provider} failed: {type(error).__name__}: {error}")
            else:
                yield from ((record, result) for result in results)

    def warn(self, message: str) -> None:
        """Log a warning once: a hook that fails may be called at every step of a long forecast."""
        if message not in self._told:
            self._told.add(message)
            logger.warning("%s", message)


@cache
def hooks() -> Hooks:
    """The hooks of everything that is installed; nothing is imported before the first call."""
    return Hooks(installed())


def _manager(record: PluginRecord) -> pluggy.PluginManager | None:
    """A manager with the hooks of one package; None if they cannot be used.

    Pluggy stops at the first hook that fails, so each package has a manager of its own.
    """
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
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:  # a misspelt hook would never be called
        logger.warning("%s has a hook that wxml does not know: %s", record.provider, error)
    return manager


# Provenance


def provenance_notes() -> dict[str, Any]:
    """The notes of all hook packages for a record of provenance; a note that is not JSON is left out with a warning."""
    notes: dict[str, Any] = {}
    for record, answer in hooks().answers("wxml_provenance"):
        problem = _problem(answer, notes)
        if problem:
            hooks().warn(f"what hook wxml_provenance of {record.provider} returned is left out: {problem}")
        else:
            notes.update(answer)
    return notes


def _problem(answer: Any, notes: Mapping[str, Any]) -> str:
    """Why an answer cannot be kept; empty if it can be."""
    if not isinstance(answer, dict) or not all(isinstance(key, str) for key in answer):
        return f"it must be a dict with text as keys, got {answer!r}"
    taken = sorted(answer.keys() & notes.keys())
    if taken:
        return f"another package has a note {taken[0]!r}"
    try:
        json.dumps(answer, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"it holds more than JSON values: {error}"
    return ""
