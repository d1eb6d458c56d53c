"""The name of a new plugin, in every form that its repository needs."""

__all__ = ["PluginName", "taken"]

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Self

from packaging.utils import canonicalize_name
from wxml.environment.release_index import released_names
from wxml.errors import ConfigError, Fault
from wxml.plugins.catalog import installed

DISTRIBUTION = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)  # PEP 508


@dataclass(frozen=True, slots=True)
class PluginName:
    """One name for the distribution and for the plugin in it, so that there is nothing to remember.

    >>> PluginName.parse("acme-window-attention")
    PluginName(name='acme-window-attention', package='acme_window_attention', class_name='AcmeWindowAttention')
    """

    name: str
    """The distribution, the plugin in a config, and the repository: folded as in PEP 503."""
    package: str
    """What Python imports."""
    class_name: str

    @classmethod
    def parse(cls, given: str) -> Self:
        """The forms of a name as a user gives it.

        Raises:
            ConfigError: no distribution can have this name, or no Python package the one that follows from it.
        """
        name = canonicalize_name(given)
        package = name.replace("-", "_")
        problem = _problem(given, package)
        if problem:
            fault = Fault("NAME", f"`NAME` {problem}, got {given!r}")
            raise ConfigError(
                [fault], fix="choose one such as acme-window-attention: your institute, then what it does"
            )
        return cls(name, package, "".join(word.capitalize() for word in name.split("-")))


def _problem(given: str, package: str) -> str:
    """What is wrong with a name, or nothing."""
    if not DISTRIBUTION.fullmatch(given):
        return "must be letters, digits, `-`, `_` and `.`, and begin and end with a letter or digit"
    if not package.isidentifier() or keyword.iskeyword(package):
        return f"must give a Python package that can be imported, which `{package}` cannot"
    if package in sys.stdlib_module_names or package == "wxml":
        return f"must not hide the Python module `{package}`"
    return ""


def taken(kind: str, name: str) -> tuple[str, ...]:
    """The full names of other plugins that are called so: installed ones, and those of first-party packages."""
    others = {record.full_name for record in installed().select(kind) if record.name == name}
    first_party = released_names(kind).get(name)
    return tuple(sorted(others | ({f"{first_party}:{name}"} if first_party else set())))
