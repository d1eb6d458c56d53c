"""The name of a new plugin in the forms that its repository needs, and the plugins that have it already."""

__all__ = ["PluginName", "taken"]

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Self

from packaging.utils import canonicalize_name
from wxml import installed, released_names
from wxml.errors import ConfigError, Fault

DISTRIBUTION = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)  # PEP 508


@dataclass(frozen=True, slots=True)
class PluginName:
    """The name of a distribution and of the one plugin in it.

    >>> PluginName.parse("acme-window-attention")
    PluginName(name='acme-window-attention', package='acme_window_attention', class_name='AcmeWindowAttention')
    """

    name: str
    """The name of the distribution, of the plugin in a config and of the repository, normalised as in PEP 503."""
    package: str
    """The name of the Python package."""
    class_name: str
    """The name of the plugin's class."""

    @classmethod
    def parse(cls, given: str) -> Self:
        """The forms of the name that a user gives.

        Raises:
            ConfigError: `given` is no name of a distribution, or gives a Python package that cannot be imported.
        """
        name = canonicalize_name(given)
        package = name.replace("-", "_")
        problem = ""
        if not DISTRIBUTION.fullmatch(given):
            problem = "must be letters, digits, `-`, `_` and `.`, and begin and end with a letter or digit"
        elif not package.isidentifier() or keyword.iskeyword(package):
            problem = f"must give a Python package that can be imported, which `{package}` cannot"
        elif package in sys.stdlib_module_names or package == "wxml":
            problem = f"must not hide the Python module `{package}`"
        if problem:
            fault = Fault("NAME", f"`NAME` {problem}, got {given!r}")
            raise ConfigError(
                [fault], fix="choose one such as acme-window-attention: your institute, then what it does"
            )
        return cls(name, package, "".join(word.capitalize() for word in name.split("-")))


def taken(kind: str, name: str) -> tuple[str, ...]:
    """The full names of the plugins of this kind and name, installed ones and those of the wxml release."""
    others = {record.full_name for record in installed().select(kind) if record.name == name}
    first_party = released_names(kind).get(name)
    return tuple(sorted(others | ({f"{first_party}:{name}"} if first_party else set())))
