"""Which distributions may bring plugins: the environment variable `WXML_PLUGINS`, then the site's `plugins.yaml`.

The variable is a comma-separated list. Names are an allow-list; `none` allows only what wxml-core brings itself; a name
after `-` is denied. What the variable says of a distribution goes before what the site says, an allow-list of the
variable before everything of the site. Everyone is allowed of whom neither says anything.
"""

__all__ = ["Policy"]

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from wxml.environment.names import CORE, fold
from wxml.plugins.site import SiteRules, site_rules

VARIABLE = "WXML_PLUGINS"


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may bring plugins. Names are folded; wxml-core may always."""

    allowed: frozenset[str] | None = None
    """The allow-list of the variable; None where it has none."""
    denied: frozenset[str] = frozenset()
    site: SiteRules = field(default_factory=SiteRules)

    @classmethod
    def from_text(cls, text: str, site: SiteRules | None = None) -> "Policy":
        """The policy that a value of `WXML_PLUGINS` means.

        >>> Policy.from_text("-acme.wxml").permits("acme-wxml")
        False
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        denied = frozenset(fold(entry[1:]) for entry in entries if entry.startswith("-"))
        named = [fold(entry) for entry in entries if not entry.startswith("-")]
        return cls(frozenset(named) - {"none"} if named else None, denied, site or SiteRules())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Policy":
        """The policy of this process."""
        return cls.from_text(environment.get(VARIABLE, ""), site_rules())

    def permits(self, distribution: str) -> bool:
        """Whether a distribution, named in any spelling, may bring plugins."""
        return not self.refusal(distribution)

    def refusal(self, distribution: str) -> str:
        """Why a distribution may not, in words; empty where it may."""
        name = fold(distribution)
        if name == CORE:
            return ""
        if name in self.denied:
            return f"denied by the environment variable {VARIABLE}"
        if self.site.fault:
            return self.site.fault
        if self.allowed is not None:
            return "" if name in self.allowed else f"not in the allow-list of the environment variable {VARIABLE}"
        return self._refusal_of_site(name)

    def _refusal_of_site(self, name: str) -> str:
        if name in self.site.denied:
            return f"denied by {self.site.path}"
        if self.site.allowed is not None and name not in self.site.allowed:
            return f"not in the allow-list of {self.site.path}"
        return ""

    def remedy(self, distribution: str) -> str:
        """What to do in order to allow a distribution that is refused."""
        name = fold(distribution)
        if VARIABLE in self.refusal(name):
            return f"to allow it, take `-{name}` out of {VARIABLE}, or add `{name}` to it"
        if self.site.fault:
            return f"correct {self.site.path}: it may have the keys `allow`, `deny` and `aliases`"
        key = "take it out of `deny`" if name in self.site.denied else "add it to `allow`"
        return f"to allow it, {key} in {self.site.path}, or set {VARIABLE}={name}"
