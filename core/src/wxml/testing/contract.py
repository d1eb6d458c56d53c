"""What every contract shares: how a plugin is named and made, and the checks that hold for plugins of any kind."""

__all__ = ["Contract", "require"]

import json
import tempfile
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from wxml.errors import ConfigError
from wxml.plugins.load import plugin_fault
from wxml.plugins.options.choices import model_in
from wxml.plugins.options.model import options_json_schema, options_model, parse_options
from wxml.testing.process_state import changes, process_state

UNKNOWN = "no_such_option"


def require(condition: object, message: str) -> None:
    """Fail a check with a message that says what was found and what the interface asks for.

    Raises:
        AssertionError: unless the condition holds.
    """
    __tracebackhide__ = True  # pytest then points at the check
    if not condition:
        raise AssertionError(message)


class Contract:
    """What a plugin promises: every method `test_…` is one check, its docstring one line about it.

    Subclass the contract of the plugin's interface in a test file, and pytest runs the checks:

        class TestGnn(ProcessorContract):
            plugin = GnnProcessor
            options = {"num_layers": 2}

    A check fails with an AssertionError, and is skipped with unittest.SkipTest.
    """

    plugin: ClassVar[type[Any]]
    """The class to check."""
    options: ClassVar[Mapping[str, Any]] = {}
    """What a config would say beside `plugin`; those that the plugin requires, and what makes it small and quick."""
    interface: ClassVar[type[Any]] = object
    """What the plugin is a subclass of."""

    def make(self, *positional: object) -> Any:
        """An instance with the options: `positional` are what core hands over."""
        return self.plugin(*positional, **parse_options(self.plugin, self.options))

    def sample(self) -> Any:
        """An instance, made as core would make it."""
        raise unittest.SkipTest("wxml-core does not know how plugins of this kind are made")

    def rehearse(self) -> None:
        """Make the plugin and use it once, as shortly as can be."""
        self.sample()

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="wxml-contract-", ignore_cleanup_errors=True) as name:
            yield Path(name).resolve()

    def test_constructor_fits_the_interface(self) -> None:
        """The class can be made: nothing abstract is left, and the constructor names every option."""
        require(isinstance(self.plugin, type), f"`plugin` must be a class, got {self.plugin!r}")
        fault = plugin_fault(self.plugin, self.interface)
        require(not fault, f"{self.plugin.__qualname__} {fault}")

    def test_options_have_a_schema(self) -> None:
        """The options' types and defaults can be read off the constructor and written as JSON."""
        json.dumps(options_json_schema(self.plugin))
        parse_options(self.plugin, self.options)

    def test_defaults_are_valid_options(self) -> None:
        """Every default would be accepted if a config said it."""
        for name, field in self._fields().items():
            if not field.is_required():
                self._require_accepted(name, field.get_default(call_default_factory=True))

    def _require_accepted(self, name: str, default: Any) -> None:
        try:
            parse_options(self.plugin, {**self.options, name: default})
        except ConfigError as error:
            raise AssertionError(f"the default of option `{name}` is refused: {error.message}") from error

    def test_unknown_options_are_refused(self) -> None:
        """An option that does not exist is an error that names it, inside of groups of options too."""
        groups = {name: model_in(field.annotation) for name, field in self._fields().items()}
        places = [UNKNOWN, *(f"{name}.{UNKNOWN}" for name, group in groups.items() if group is not None)]
        for place in places:
            self._require_option_refused(place)

    def _require_option_refused(self, place: str) -> None:
        group, _, name = place.rpartition(".")
        given = _as_mapping(self.options.get(group, {}))
        changed = {group: {**given, name: 1}} if group else {name: 1}
        try:
            parse_options(self.plugin, {**self.options, **changed})
        except ConfigError as error:
            require(UNKNOWN in str(error), f"the error about an unknown option `{place}` does not name it: {error}")
            return
        raise AssertionError(f"an unknown option `{place}` is accepted; base groups of options on wxml.Options")

    def _fields(self) -> dict[str, FieldInfo]:
        cls: type = self.plugin
        return options_model(cls).model_fields

    def test_it_can_be_made_and_used(self) -> None:
        """The options of this check make an instance, which does its work once."""
        self.rehearse()

    def test_the_process_is_left_as_it_was(self) -> None:
        """Making and using it changes nothing for others: random numbers, torch's defaults, environment, folder."""
        before = process_state()
        self.rehearse()
        changed = changes(before, process_state())
        require(not changed, f"making and using it changed {'; '.join(changed)}")


def _as_mapping(value: Any) -> Mapping[str, Any]:
    """A group of options as a config writes it."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    return value if isinstance(value, Mapping) else {}
