"""The contract of extensions, as tests."""

__all__ = ["ExtensionContract"]

import json
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python

from wxml.config.extension import Extension
from wxml.plugins.create import parse_options
from wxml.testing.contract import Contract, require


class ExtensionContract(Contract):
    """Checks of an Extension: what its section may hold. Set `options` to a section that says all that it can."""

    interface: ClassVar[type[Any]] = Extension

    def sample(self) -> Any:
        """Make the extension; core passes it nothing but the options."""
        return self.make()

    def test_the_section_survives_a_checkpoint(self) -> None:
        """What the plugin makes of the section, defaults included, is the same after a way through JSON."""
        made = parse_options(self.plugin, self.options)
        again = parse_options(self.plugin, json.loads(json.dumps(to_jsonable_python(made))))
        changed = [name for name in made if made[name] != again[name]]
        require(not changed, f"{', '.join(changed)} comes back from JSON as something else")

    def test_the_section_is_not_modified(self) -> None:
        """Making the extension does not change the values of its section."""
        before = json.dumps(to_jsonable_python(self.options), sort_keys=True)
        parsed = parse_options(self.plugin, self.options)
        kept = json.dumps(to_jsonable_python(parsed), sort_keys=True)
        self.plugin(**parsed)
        require(json.dumps(to_jsonable_python(parsed), sort_keys=True) == kept, "the constructor changed its options")
        require(json.dumps(to_jsonable_python(self.options), sort_keys=True) == before, "the section was changed")
