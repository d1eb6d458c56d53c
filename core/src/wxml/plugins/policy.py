"""Which distributions may bring plugins: the environment variable `WXML_PLUGINS`.

A comma-separated list of distribution names is an allow-list; `none` allows only what wxml-core brings itself; a name
after `-` is denied. Everything is allowed where the variable is not set or empty.
"""

__all__ = ["CORE", "Policy"]

import os
from collections.abc import Mapping
from dataclasses import dataclass

from wxml.plugins.names import fold

CORE = "wxml-core"
VARIABLE = "WXML_PLUGINS"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may bring plugins. Names are folded; wxml-core may always."""

    allowed: frozenset[str] | None = None
    """None where there is no allow-list: everyone who is not denied."""
    denied: frozenset[str] = frozenset()

    @classmethod
    def from_text(cls, text: str) -> "Policy":
        """The policy that a value of `WXML_PLUGINS` means.

        >>> Policy.from_text("-acme.wxml").permits("acme-wxml")
        False
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        denied = frozenset(fold(entry[1:]) for entry in entries if entry.startswith("-"))
        named = [fold(entry) for entry in entries if not entry.startswith("-")]
        return cls(frozenset(named) - {"none"} if named else None, denied)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Policy":
        """The policy of this process."""
        return cls.from_text(environment.get(VARIABLE, ""))

    def permits(self, distribution: str) -> bool:
        """Whether a distribution, named in any spelling, may bring plugins."""
        name = fold(distribution)
        if name == CORE:
            return True
        return name not in self.denied and (self.allowed is None or name in self.allowed)

    def refusal(self, distribution: str) -> str:
        """Why a distribution may not, in words; empty where it may."""
        if self.permits(distribution):
            return ""
        how = "denied by" if fold(distribution) in self.denied else "not in the allow-list of"
        return f"{how} the environment variable {VARIABLE}"
