"""The contract of extensions: a good one passes, each broken one is found out."""

from datetime import date
from typing import Annotated

import pytest
from pydantic import BeforeValidator
from wxml import Extension, Options
from wxml.testing import ExtensionContract


class Contact(Options):
    """Who wants to hear of it."""

    name: str
    since: date = date(2000, 1, 1)


class Settings(Extension):
    """The project of an experiment."""

    def __init__(self, *, project: str = "none", contacts: list[Contact] = []) -> None:  # noqa: B006
        self.project, self.contacts = project, contacts


class TestSettings(ExtensionContract):
    plugin = Settings
    options = {"project": "storm-42", "contacts": [{"name": "ada", "since": "2001-02-03"}, {"name": "bo"}]}


class Doubles(Extension):
    """An option that is another one each time it is read."""

    def __init__(self, *, size: Annotated[int, BeforeValidator(lambda size: 2 * int(size))] = 1) -> None:
        self.size = size


class Grows(Settings):
    def __init__(self, *, contacts: list[Contact] = []) -> None:  # noqa: B006
        contacts.append(Contact(name="eve"))
        super().__init__(contacts=contacts)


class NoClassOfWxml:
    def __init__(self, *, project: str = "none") -> None: ...


@pytest.mark.parametrize(
    ("plugin", "check", "message", "options"),
    [
        (Doubles, "the_section_survives_a_checkpoint", "size comes back from JSON as something else", {"size": 3}),
        (Grows, "the_section_is_not_modified", "the constructor changed its options", {"contacts": [{"name": "ada"}]}),
        (NoClassOfWxml, "constructor_fits_the_interface", "is not a subclass of wxml.config.extension.Extension", {}),
    ],
)
def test_a_broken_extension_is_found_out(find_out, plugin, check: str, message: str, options) -> None:
    find_out(ExtensionContract, plugin, check, message, options=options)
