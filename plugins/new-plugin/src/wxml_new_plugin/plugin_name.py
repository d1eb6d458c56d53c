"""The names of a new distribution and its plugins in the forms that a repository needs, and who has them already."""

__all__ = ["DistributionName", "check_name", "class_name", "taken"]

import keyword
import re
import sys
from dataclasses import dataclass
from typing import Self

from packaging.utils import canonicalize_name
from wxml import installed, released_names
from wxml.errors import ConfigError, Fault

WRITTEN = re.compile(r"[A-Z0-9]([A-Z0-9._-]*[A-Z0-9])?", re.IGNORECASE)  # PEP 508
LETTERS = "must be letters, digits, `-`, `_` and `.`, and begin and end with a letter or digit"


@dataclass(frozen=True, slots=True)
class DistributionName:
    """The name of a distribution.

    >>> DistributionName.parse("Acme.Window-attention")
    DistributionName(name='acme-window-attention', package='acme_window_attention', sources='src')
    """

    name: str
    """The name of the distribution and of the repository, normalised as in PEP 503."""
    package: str
    """The name of the Python package."""
    sources: str = "src"
    """The folder in the repository that the package is in; `.` is the repository itself."""

    @classmethod
    def parse(cls, given: str) -> Self:
        """The forms of the name that a user gives.

        Raises:
            ConfigError: `given` is no name of a distribution, or gives a Python package that cannot be imported.
        """
        name = canonicalize_name(given)
        package = name.replace("-", "_")
        problem = ""
        if not WRITTEN.fullmatch(given):
            problem = LETTERS
        elif not package.isidentifier() or keyword.iskeyword(package):
            problem = f"must give a Python package that can be imported, which `{package}` cannot"
        elif package in sys.stdlib_module_names or package == "wxml":
            problem = f"must not hide the Python module `{package}`"
        if problem:
            fault = Fault("NAME", f"`NAME` {problem}, got {given!r}")
            raise ConfigError(
                [fault], fix="choose one such as acme-window-attention: your institute, then what it does"
            )
        return cls(name, package)


def check_name(kind: str, given: str) -> str:
    """The name of a plugin, normalised as in PEP 503.

    Raises:
        ConfigError: `given` is none, or gives a Python module that cannot be imported.
    """
    name = canonicalize_name(given)
    module = name.replace("-", "_")
    problem = ""
    if not WRITTEN.fullmatch(given):
        problem = LETTERS
    elif not module.isidentifier() or keyword.iskeyword(module):
        problem = f"must give a Python module that can be imported, which `{module}` cannot"
    elif kind == "kind" and (name.endswith("s") and not name.endswith("ss")):
        problem = "must be singular, such as bias-correction"
    if problem:
        fault = Fault(kind, f"the name of a {kind} {problem}, got {given!r}")
        raise ConfigError([fault], fix=f"choose one such as {kind}:acme-first")
    return name


def class_name(name: str) -> str:
    """The name of the class of a plugin.

    >>> class_name("window-attention")
    'WindowAttention'
    """
    return "".join(word.capitalize() for word in name.split("-"))


def taken(kind: str, name: str) -> tuple[str, ...]:
    """The full names of the plugins of this kind and name, installed ones and those of the wxml release."""
    others = {record.full_name for record in installed().select(kind) if record.name == name}
    first_party = released_names(kind).get(name)
    return tuple(sorted(others | ({f"{first_party}:{name}"} if first_party else set())))
