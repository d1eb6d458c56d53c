"""Imports plugins, and checks each against the interface of its kind; no other module imports one."""

__all__ = ["command_failed", "guarded_import", "import_object", "load", "loaded", "plugin_fault"]

import importlib
import inspect
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

from wxml.errors import BrokenPluginError, UnknownPluginError
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.location import failing_line, shadow
from wxml.plugins.policy import Policy
from wxml.plugins.resolve import require_usable

logger = logging.getLogger(__name__)

_told: set[Path] = set()
"""The packages that were warned of."""
_outcomes: dict[PluginRecord, type | BrokenPluginError] = {}


def load(record: PluginRecord) -> type:
    """Import and check the class of a plugin; the result is kept, also if it is a failure.

    Raises:
        UnknownPluginError: the plugin is disabled and so not imported, or its kind has no interface (a preset, a hook).
        BrokenPluginError: it cannot be imported, or does not fit the interface of its kind.
    """
    require_usable(record)
    if record not in _outcomes:
        try:
            _outcomes[record] = _checked(record)
        except BrokenPluginError as error:
            _outcomes[record] = error
    outcome = _outcomes[record]
    if isinstance(outcome, BrokenPluginError):
        raise outcome.with_traceback(None)
    return outcome


def loaded(record: PluginRecord) -> type | None:
    """The class of a plugin if it was loaded without a failure; None otherwise. Imports nothing."""
    outcome = _outcomes.get(record)
    return outcome if isinstance(outcome, type) else None


def import_object(record: PluginRecord) -> Any:
    """Import the module or object that a record names; every error becomes a BrokenPluginError.

    Raises:
        BrokenPluginError: the import raised anything, `SystemExit` included; only `KeyboardInterrupt` passes.
        UnknownPluginError: the profile of this machine forbids its code.
    """
    module, _, path = record.value.partition(":")
    if Policy.from_environment().is_operations:
        from wxml.plugins.operations import check_code

        check_code(record)
    _check_origin(record)
    try:
        with guarded_import(record.provider):
            found: Any = importlib.import_module(module)
            for attribute in path.split(".") if path else ():
                found = getattr(found, attribute)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may even call sys.exit when it is imported
        raise _failed(record, error) from error
    return found


def _check_origin(record: PluginRecord) -> None:
    """Warn of code that shadows the distribution of a plugin; under an allow-list, refuse it.

    Raises:
        BrokenPluginError: the package that an import finds is not what the distribution has installed.
    """
    found = shadow(record)
    if found is None:
        return
    told = f"{_subject(record)} is shadowed: an import finds `{found}`, which {record.distribution} has not installed"
    if Policy.from_environment().has_allow_list:
        fix = f"take `{found.parent}` out of PYTHONPATH, or remove `{found}`"
        raise BrokenPluginError(f"{told}; an allow-list allows installed code alone", fix=fix)
    if found not in _told:
        _told.add(found)
        logger.warning("%s; records call it dirty", told)


def _failed(record: PluginRecord, error: BaseException) -> BrokenPluginError:
    cause = f"{type(error).__name__}: {error}"
    if isinstance(error, SystemExit):
        cause = f"it called sys.exit({error.code!r})"
    elif isinstance(error, (ImportError, AttributeError)):
        cause = str(error)
    place = failing_line(record, error)
    unaffected = f"{place}   other plugins are unaffected" if place else "other plugins are unaffected"
    without = f"to go on without its plugins:  WXML_PLUGINS=-{record.distribution}"
    return BrokenPluginError(
        f"{_subject(record)} failed to import: {cause}",
        fix=f"{unaffected}\ntell the authors of {record.distribution}; {without}",
    )


def command_failed(record: PluginRecord, error: Exception) -> BrokenPluginError:
    """The error in place of one that a plugin's command did not expect; it names the plugin and the line of it."""
    told = "".join(f"{line}\n" for line in (failing_line(record, error), *getattr(error, "__notes__", [])) if line)
    return BrokenPluginError(
        f"{_subject(record)} failed: {type(error).__name__}: {error}",
        fix=f"{told}tell the authors of {record.distribution}",
    )


def _subject(record: PluginRecord) -> str:
    return f"plugin {record.provider} ({record.kind} {record.name!r})"


# Checks


def _checked(record: PluginRecord) -> type:
    """Import a plugin and check it against the interface of its kind."""
    kinds = installed().kinds
    if record.kind not in kinds:
        raise UnknownPluginError(
            f"a {record.kind} cannot be chosen by name, got {record.full_name!r}",
            fix=f"kinds that can: {', '.join(kinds)}",
        )
    interface, found = import_object(kinds[record.kind]), import_object(record)
    fault = plugin_fault(found, interface)
    if fault:
        raise BrokenPluginError(
            f"{_subject(record)} is not a valid {record.kind}: `{record.value}` {fault}",
            fix=f"tell the authors of {record.distribution}   other plugins are unaffected",
        )
    plugin: type = found
    if Policy.from_environment().is_operations:
        from wxml.plugins.operations import check_parents

        check_parents(record, plugin)
    return plugin


def plugin_fault(found: Any, interface: type) -> str:
    """Say why an object is no plugin of an interface; empty if it is one.

    The positional parameters of its constructor are those of the interface, and all others are named options.
    """
    if not inspect.isclass(found):
        return f"is not a class, got {type(found).__name__}"
    if not issubclass(found, interface):
        return f"is not a subclass of {interface.__module__}.{interface.__qualname__}"
    abstract = sorted(getattr(found, "__abstractmethods__", ()))
    if abstract:
        return f"does not define {', '.join(f'`{name}`' for name in abstract)}"
    parameters = _parameters(found)
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            return f"has a constructor that takes `{parameter}`: name every option"
    handed = [parameter.name for parameter in _parameters(interface) if parameter.kind != parameter.KEYWORD_ONLY]
    taken = [parameter.name for parameter in parameters if parameter.kind != parameter.KEYWORD_ONLY]
    if len(handed) != len(taken):
        listed = [f"({', '.join(names)})" for names in (taken, handed)]
        return f"has a constructor with positional parameters {listed[0]}, must be {listed[1]}; options go after `*`"
    return ""


def _parameters(constructed: type) -> list[inspect.Parameter]:
    """The parameters of a constructor, without `self`."""
    if constructed.__init__ is object.__init__:  # type: ignore[misc]  # compared, not called
        return []
    return list(inspect.signature(constructed.__init__).parameters.values())[1:]  # type: ignore[misc]


# Importing one plugin must not change anything for the others


class _StdoutToStderr:
    """Stands in for stdout and writes to stderr, because results for programs are on stdout."""

    def __init__(self) -> None:
        self.used = False

    def write(self, text: str) -> int:
        self.used = True
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


@contextmanager
def guarded_import(provider: str) -> Iterator[None]:
    """Guard the import of a plugin: in this context stdout goes to stderr, and torch's default dtype is kept.

    Args:
        provider: the distribution and its version, for a warning when it prints.

    Raises:
        ImportError: torch has another default dtype afterwards; the old one is set again.
    """
    torch = sys.modules.get("torch")
    stdout, wanted = _StdoutToStderr(), torch.get_default_dtype() if torch else None
    changed = ""
    try:
        with redirect_stdout(stdout):
            yield
    finally:
        torch = sys.modules.get("torch")
        found = getattr(torch, "get_default_dtype", lambda: None)()  # torch may have failed to import half-way
        if torch and found not in (None, wanted or torch.float32):
            torch.set_default_dtype(wanted or torch.float32)
            changed = str(found)
    if stdout.used:
        logger.warning(
            "plugin %s prints to stdout when it is imported: that went to stderr; tell the authors of %s",
            provider,
            provider.partition(" ")[0],
        )
    if changed:
        raise ImportError(
            f"it sets torch's default dtype to {changed}, for everyone; it must pass `dtype=` to its tensors"
        )
