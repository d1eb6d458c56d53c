"""What an institution says about plugins: the file `plugins.yaml` in the folder of its config.

    allow: [wxml-processor-gnn, acme-wxml]      # only these may bring plugins (beside wxml-core)
    deny: [other-wxml]                          # these may not
    aliases:                                    # names of its own
      processor: {our-best: acme-wxml:icon}

The folder is `$WXML_SITE_CONFIG` (or that of the file which it names), else `/etc/wxml`.
"""

__all__ = ["SiteRules", "Target", "site_rules"]

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wxml.environment.names import fold, kind_name

VARIABLE = "WXML_SITE_CONFIG"
FOLDER = "/etc/wxml"
FILE = "plugins.yaml"
KEYS = ("allow", "deny", "aliases")

Target = tuple[str, str]
"""A kind and a name, both folded."""


@dataclass(frozen=True, slots=True)
class SiteRules:
    """The content of `plugins.yaml`; nothing is allowed, denied or renamed where there is no such file."""

    path: str = ""
    """The file; empty where there is none."""
    allowed: frozenset[str] | None = None
    """Folded names; None where there is no allow-list."""
    denied: frozenset[str] = frozenset()
    aliases: Mapping[Target, str] = field(default_factory=dict)
    """(kind, alias) → the name of a plugin, bare or full, as it is written."""
    fault: str = ""
    """Why the file cannot be used; nobody but wxml-core may then bring plugins."""


def site_rules() -> SiteRules:
    """The rules of this site. Never raises: a fault is part of the answer."""
    path = _path()
    if not os.path.exists(path):
        return SiteRules()
    import yaml

    try:
        with open(path, encoding="utf-8") as file:
            return _rules(path, yaml.safe_load(file))
    except (OSError, ValueError, yaml.YAMLError) as error:
        return SiteRules(path, fault=f"{path} cannot be used: {' '.join(str(error).split())}")


def _path() -> str:
    """Where the file would be."""
    named = os.environ.get(VARIABLE) or FOLDER
    folder = named if os.path.isdir(named) or named == FOLDER else os.path.dirname(named)
    return os.path.join(folder, FILE)


def _rules(path: str, content: Any) -> SiteRules:
    """The rules that a parsed file holds.

    Raises:
        ValueError: something in it is not as it must be.
    """
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ValueError(f"it must be a mapping of {', '.join(KEYS)}, got {content!r}")
    unknown = sorted(str(key) for key in content if key not in KEYS)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}: known are {', '.join(KEYS)}")
    allowed = None if content.get("allow") is None else _names(content["allow"], "allow")
    denied = _names(content.get("deny") or [], "deny")
    return SiteRules(path, allowed, denied, _aliases(content.get("aliases") or {}))


def _names(value: Any, key: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) and fold(name) for name in value):
        raise ValueError(f"`{key}` must be a list of names of distributions, got {value!r}")
    return frozenset(map(fold, value))


def _aliases(value: Any) -> dict[Target, str]:
    """The aliases of all kinds."""
    found: dict[Target, str] = {}
    for kind, names in _mapping(value, "aliases").items():
        for alias, target in _mapping(names, f"aliases.{kind}").items():
            key = (kind_name(kind), fold(alias))
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
