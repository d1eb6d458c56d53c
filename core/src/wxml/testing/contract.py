"""The base of all contracts: it makes the plugin and holds the checks for plugins of any kind."""

__all__ = ["Contract", "NotClaimed", "require"]

import inspect
import json
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml.plugins.load import plugin_fault
from wxml.plugins.options.model import options_json_schema, options_model
from wxml.testing.deprecations import deprecation_faults
from wxml.testing.process_state import changes, process_state
from wxml.testing.unknown_options import with_unknown

UNKNOWN = "no_such_option"
PAGE = "docs/extend/kinds-of-your-own.md"


def require(condition: object, message: str) -> None:
    """Fail a check unless `condition` holds. `message` says what was found and what the interface asks for.

    Raises:
        AssertionError: `condition` is false.
    """
    __tracebackhide__ = True  # pytest then points at the check
    if not condition:
        raise AssertionError(message)


class NotClaimed(unittest.SkipTest):
    """Skips a check of something that the plugin does not claim to do, so that there is nothing to check."""


class Contract:
    """The checks of a plugin: every method `test_…` is one check, and its docstring says in one line what it expects.

    Subclass the contract of the plugin's interface in a test file, and pytest runs the checks:

        class TestGnn(ProcessorContract):
            plugin = GnnProcessor
            options = {"num_layers": 2}

    A check fails with an AssertionError, and is skipped with unittest.SkipTest.
    """

    plugin: ClassVar[type[Any]]
    """The class to check."""
    options: ClassVar[Mapping[str, Any]] = {}
    """The options as a config gives them: those that the plugin requires, and those that make it small and quick."""
    interface: ClassVar[type[Any]] = object
    """The class that the plugin must be a subclass of."""

    def make(self, *positional: object) -> Any:
        """Make an instance with `options`; `positional` are the arguments that core passes to the constructor."""
        return self.plugin(*positional, **parse_options(self.plugin, self.options))

    def sample(self) -> Any:
        """Make an instance as core would make it; the contract of a kind whose plugins are given more overrides this.

        Raises:
            SkipTest: the plugin is given more than its options.
        """
        given = [p.name for p in inspect.signature(self.plugin).parameters.values() if p.kind != p.KEYWORD_ONLY]
        if given:
            raise unittest.SkipTest(
                f"only a contract of this kind knows what to give as {', '.join(given)}: see {PAGE}"
            )
        return self.make()

    def rehearse(self) -> None:
        """Make the plugin and use it once, with as little work as possible."""
        self.sample()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Make an empty folder, which is deleted at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="wxml-contract-", ignore_cleanup_errors=True) as name:
            yield Path(name).resolve()

    def test_constructor_fits_the_interface(self) -> None:
        """The class has no abstract method left, and its constructor names every option."""
        require(isinstance(self.plugin, type), f"`plugin` must be a class, got {self.plugin!r}")
        interface = self.plugin if self.interface is object else self.interface  # without one, nothing is handed over
        fault = plugin_fault(self.plugin, interface)
        require(not fault, f"{self.plugin.__qualname__} {fault}")

    def test_options_have_a_schema(self) -> None:
        """The constructor gives the types and defaults of all options, and these can be written as JSON."""
        json.dumps(options_json_schema(self.plugin))
        parse_options(self.plugin, self.options)

    def test_defaults_are_valid_options(self) -> None:
        """A config may set every option to its default."""
        cls: type = self.plugin
        for name, field in options_model(cls).model_fields.items():
            if not field.is_required():
                default = field.get_default(call_default_factory=True)
                try:
                    parse_options(self.plugin, {**self.options, name: default})
                except ConfigError as error:
                    raise AssertionError(f"the default of option `{name}` is refused: {error.message}") from error

    def test_unknown_options_are_refused(self) -> None:
        """An unknown option is an error that names it, inside of groups of options and of nested choices too."""
        cls: type = self.plugin
        changed: dict[str, Any] = {"": 1}
        for name, field in options_model(cls).model_fields.items():
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            changed[name] = with_unknown(field.annotation, self.options.get(name, default), UNKNOWN)
        for name, value in changed.items():
            if value is not None:
                place = f"{name}.{UNKNOWN}" if name else UNKNOWN
                self._require_refused(place, {name or UNKNOWN: value})

    def _require_refused(self, place: str, changed: Mapping[str, Any]) -> None:
        try:
            parse_options(self.plugin, {**self.options, **changed})
        except ConfigError as error:
            require(UNKNOWN in str(error), f"the error about an unknown option `{place}` does not name it: {error}")
        else:
            raise AssertionError(f"an unknown option `{place}` is accepted; base groups of options on wxml.Options")

    def test_deprecations_are_in_order(self) -> None:
        """A deprecated option has a default, and nothing is deprecated until a version that is there."""
        faults = list(deprecation_faults(self.plugin))
        require(not faults, "\n".join(faults))

    def test_it_can_be_made_and_used(self) -> None:
        """The plugin can be made with `options`, and does its work once."""
        self.rehearse()

    def test_the_process_is_left_as_it_was(self) -> None:
        """The plugin changes neither random numbers, torch's defaults, the environment nor the working directory."""
        before = process_state()
        self.rehearse()
        changed = changes(before, process_state())
        require(not changed, f"making and using it changed {'; '.join(changed)}")
