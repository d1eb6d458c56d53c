"""The rules of the user and the institution: allowed and denied distributions, and aliases of plugins.

The environment variable `WXML_PLUGINS` is a comma-separated list. Names are an allow-list; `none` allows only what
wxml-core brings itself; a name after `-` is denied. An institution writes the file `plugins.yaml`:

    allow: [wxml-processor-gnn, acme-wxml]      # only these may bring plugins (beside wxml-core)
    deny: [other-wxml]                          # these may not
    aliases:                                    # names of its own
      processor: {our-best: acme-wxml:icon}
    profile: operations                         # see wxml.plugins.operations

The file lies in the folder `$WXML_SITE_CONFIG` (or beside the file that it names), else in `/etc/wxml`. `WXML_PLUGINS`
overrides it: a deny entry of the variable beats the lists of the file, and an allow-list replaces them. A distribution
that neither mentions is allowed.

The profile `operations`, of the file or of the variable `WXML_PROFILE`, needs an allow-list; where both have one, only
what both list is allowed.
"""

__all__ = ["OPERATIONS", "PROFILE_VARIABLE", "Policy", "SiteRules", "Target", "site_rules"]

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wxml.environment.names import CORE, canonical_name, kind_name
from wxml.errors import ConfigError, nearest
from wxml.files.folders import site_folder

VARIABLE = "WXML_PLUGINS"
SITE_FILE = "plugins.yaml"
SITE_KEYS = ("allow", "deny", "aliases", "profile")
PROFILE_VARIABLE = "WXML_PROFILE"
OPERATIONS = "operations"
"""The profile of machines whose forecasts others rely on."""

Target = tuple[str, str]
"""A kind and a name, both canonical."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The content of `plugins.yaml`; without such a file, every distribution is allowed and no plugin has an alias."""

    path: str = ""
    """The file; empty if there is none."""
    allowed: frozenset[str] | None = None
    """Canonical names; None if there is no allow-list."""
    denied: frozenset[str] = frozenset()
    aliases: Mapping[Target, str] = field(default_factory=dict)
    """(kind, alias) → the name of a plugin, bare or full, as it is written."""
    profile: str = ""
    """`operations`, or empty."""
    fault: str = ""
    """Why the file cannot be used; only wxml-core may then bring plugins."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules that say which distributions may bring plugins. Names are canonical; wxml-core always may."""

    allowed: frozenset[str] | None = None
    """The allow-list of the variable; None if it has none."""
    denied: frozenset[str] = frozenset()
    site: SiteRules = field(default_factory=SiteRules)
    profile: str = ""
    """The value of `WXML_PROFILE`."""

    @classmethod
    def from_text(cls, text: str, site: SiteRules | None = None, profile: str = "") -> "Policy":
        """The policy that the values of `WXML_PLUGINS` and `WXML_PROFILE` mean.

        >>> Policy.from_text("-acme.wxml").permits("acme-wxml")
        False
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        denied = frozenset(canonical_name(entry[1:]) for entry in entries if entry.startswith("-"))
        named = [canonical_name(entry) for entry in entries if not entry.startswith("-")]
        return cls(frozenset(named) - {"none"} if named else None, denied, site or SiteRules(), profile.strip())

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Policy":
        """The policy of this process."""
        return cls.from_text(environment.get(VARIABLE, ""), site_rules(), environment.get(PROFILE_VARIABLE, ""))

    @property
    def is_operations(self) -> bool:
        """Whether the profile `operations` holds; a variable with another value cannot take back what the site says."""
        return OPERATIONS in (self.profile, self.site.profile)

    @property
    def has_allow_list(self) -> bool:
        """Whether the variable or the site's file lists what is allowed."""
        return self.allowed is not None or self.site.allowed is not None or bool(self.site.fault)

    def permits(self, distribution: str) -> bool:
        """Whether a distribution, named in any spelling, may bring plugins."""
        return not self.refusal(distribution)

    def refusal(self, distribution: str) -> str:
        """Why a distribution may not bring plugins, in words; empty if it may."""
        name = canonical_name(distribution)
        if name == CORE:
            return ""
        if name in self.denied:
            return f"denied by the environment variable {VARIABLE}"
        if self.profile not in ("", OPERATIONS):
            return f"{PROFILE_VARIABLE} must be `{OPERATIONS}` or empty, got {self.profile!r}"
        if self.site.fault:
            return self.site.fault
        if self.is_operations and not self.has_allow_list:
            return f"the profile `{OPERATIONS}` needs an allow-list"
        if self.allowed is not None and not (
            self.is_operations and self.site.allowed is not None and name in self.allowed
        ):
            return "" if name in self.allowed else f"not in the allow-list of the environment variable {VARIABLE}"
        if name in self.site.denied:
            return f"denied by {self.site.path}"
        if self.site.allowed is not None and name not in self.site.allowed:
            return f"not in the allow-list of {self.site.path}"
        return ""

    def remedy(self, distribution: str) -> str:
        """Tell the user how to allow a distribution that is refused."""
        name = canonical_name(distribution)
        if name in self.denied:
            return f"to allow it, take `-{name}` out of {VARIABLE}"
        why = self.refusal(name)
        if why.startswith(PROFILE_VARIABLE):
            return f"write {PROFILE_VARIABLE}={OPERATIONS}, or leave it unset"
        if why.endswith("needs an allow-list"):
            place = os.path.join(site_folder(), SITE_FILE)
            return (
                f"list the packages that you use under `allow` in {place}, or in {VARIABLE}, such as {VARIABLE}={name}"
            )
        if VARIABLE in why:
            return f"to allow it, add `{name}` to {VARIABLE}"
        if self.site.fault:
            return f"correct {self.site.path}: it may have the keys `allow`, `deny`, `aliases` and `profile`"
        key = "take it out of `deny`" if name in self.site.denied else "add it to `allow`"
        return f"to allow it, {key} in {self.site.path}, or list it in {VARIABLE} with all others that you use"


# The site's file


def site_rules() -> SiteRules:
    """The rules of this site. Never raises: a fault is part of the answer."""
    path = os.path.join(site_folder(), SITE_FILE)
    if not os.path.exists(path):
        return SiteRules()
    from wxml.files.yaml_loader import load_yaml

    try:
        with open(path, encoding="utf-8") as file:
            return _rules(path, load_yaml(file.read(), path, path).plain())
    except ConfigError as error:
        return SiteRules(path, fault=f"{path} cannot be used: {'; '.join(map(str, error.faults))}")
    except (OSError, ValueError) as error:
        return SiteRules(path, fault=f"{path} cannot be used: {' '.join(str(error).split())}")


def _rules(path: str, content: Any) -> SiteRules:
    """The rules that a parsed file holds.

    Raises:
        ValueError: something in it is not as it must be.
    """
    if not isinstance(content, dict):
        raise ValueError(f"it must be a mapping of {', '.join(SITE_KEYS)}, got {content!r}")
    unknown = sorted(key for key in content if key not in SITE_KEYS)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}: {nearest(unknown[0], SITE_KEYS)}")
    allowed = None if content.get("allow") is None else _names(content["allow"], "allow")
    denied = _names(content.get("deny") or [], "deny")
    profile = content.get("profile") or ""
    if profile not in ("", OPERATIONS):
        raise ValueError(f"`profile` must be `{OPERATIONS}`, got {profile!r}")
    return SiteRules(path, allowed, denied, _aliases(content.get("aliases") or {}), profile)


def _names(value: Any, key: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and canonical_name(name) for name in value):
        raise ValueError(f"`{key}` must be a list of names of distributions, got {value!r}")
    return frozenset(map(canonical_name, value))


def _aliases(value: Any) -> dict[Target, str]:
    """The aliases of all kinds."""
    found: dict[Target, str] = {}
    for kind, names in _mapping(value, "aliases").items():
        for alias, target in _mapping(names, f"aliases.{kind}").items():
            key = (kind_name(kind), canonical_name(alias))
            if not isinstance(target, str) or not target.strip() or ":" in alias:
                raise ValueError(f"`aliases.{kind}.{alias}` must be a bare name for a plugin, got {target!r}")
            if key in found:
                raise ValueError(f"`aliases.{kind}` has {key[1]!r} twice")
            found[key] = target.strip()
    return found


def _mapping(value: Any, key: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"`{key}` must be a mapping of names, got {value!r}")
    return value
