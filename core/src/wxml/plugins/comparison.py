"""Compares a lock with the plugins that are installed now."""

__all__ = ["Comparison", "compare", "require_plugins"]

import logging
import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

from wxml.environment.distributions import version_of
from wxml.environment.installer import install_command
from wxml.environment.names import CORE
from wxml.environment.origin import caution, requirement
from wxml.errors import ArtefactError, UnknownPluginError, WxmlError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.location import package_root
from wxml.plugins.lock import core_record, tree_hash, whole_entry
from wxml.plugins.migrations import chain_of
from wxml.plugins.source_files import module_root

logger = logging.getLogger(__name__)

Outcome = Literal["ok", "unknown", "code", "version", "missing"]
ORDER: tuple[Outcome, ...] = ("ok", "unknown", "code", "version", "missing")
"""The outcomes, from harmless to serious."""
UNSAFE = re.compile(r"['\x00-\x1f\x7f]")
"""Characters that no name has, and that would be dangerous in a command that a user pastes."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A distribution as a lock has it, and as it is installed."""

    distribution: str
    plugins: tuple[str, ...]
    """The plugins that were used, such as `processor 'icon'`."""
    version: str
    """The version in the lock."""
    found: str
    """The installed version; empty if it is not installed, or no longer brings the plugins."""
    outcome: Outcome
    requirement: str
    """The requirement with which pip installs what the lock has."""
    dirty: bool
    """Whether the lock's code had changes that no command brings back."""
    migrations: str = ""
    """What the migrations of the installed version do about it, in words; empty without any."""
    caution: str = ""
    """Why `requirement` alone may not bring back what the lock has, in words; empty if it does."""
    is_parent: bool = False
    """Whether only the classes of its plugins, or their parents, are in it."""

    @property
    def sentence(self) -> str:
        """The difference in words; empty without one."""
        wanted, used = f"{self.distribution} {self.version}", " and ".join(self.plugins)
        changes = " with uncommitted changes" if self.dirty else ""
        return {
            "ok": "",
            "unknown": "a plugin whose name its record lacks",
            "missing": f"{used} of {wanted}, which is not installed",
            "version": f"{wanted}{changes}, and {self.found or 'none'} is installed",
            "code": f"{wanted}{changes}, and its installed code is another",
        }[self.outcome]


def compare(entries: Sequence[Mapping[str, Any]], catalog: Catalog | None = None) -> list[Comparison]:
    """Compare each distribution of a lock with the installed one, wxml-core first. Imports no plugin but migrations.

    Args:
        entries: a lock, made by `wxml.plugins.lock.lock` here or elsewhere.
        catalog: the installed plugins; by default those of this process.

    Raises:
        ArtefactError: an entry is not what wxml writes.
    """
    here = installed() if catalog is None else catalog
    grouped: dict[str, list[Mapping[str, Any]]] = {}
    behind: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for written in entries:
        entry = _checked(written)
        grouped.setdefault(entry["plugin"].partition(":")[0], []).append(entry)
        for parent in entry["depends"]:
            behind.setdefault(parent["distribution"] or parent["package"], []).append((_in_words(entry), parent))
    own = [_compared(name, group, here) for name, group in grouped.items()]
    return own + [_compared_parent(name, group) for name, group in sorted(behind.items()) if name not in grouped]


def _checked(written: Any) -> dict[str, Any]:
    """An entry with all its keys.

    Raises:
        ArtefactError: it is not what wxml writes, or holds what no command may.
    """
    try:
        entry = whole_entry(written)
        entry["depends"] = [{"package": "", "distribution": "", **whole_entry(one)} for one in entry["depends"]]
        is_safe = all(isinstance(text, str | bool) and not UNSAFE.search(str(text)) for text in _texts(entry))
    except (TypeError, AttributeError):
        is_safe = False
    if not is_safe:
        raise ArtefactError(f"the record of plugins is damaged: {written!r}", fix="use an artefact as wxml wrote it")
    return entry


def _texts(entry: Mapping[str, Any]) -> Iterator[Any]:
    """Every value of an entry that may come into a command."""
    yield from (entry["plugin"], entry["kind"])
    for one in (entry, *entry["depends"]):
        yield from (one["version"], one["code"] or "", *one["origin"].values())
    for parent in entry["depends"]:
        yield from (parent["package"], parent["distribution"])


def _in_words(entry: Mapping[str, Any]) -> str:
    return f"{entry['kind']} {str(entry['plugin']).rpartition(':')[2]!r}"


def require_plugins(entries: Sequence[Mapping[str, Any]], kinds: Set[str], artefact: str) -> None:
    """Refuse to go on without the plugins that an artefact needs; warn if one has changed.

    Args:
        entries: the artefact's lock.
        kinds: those that are needed now; others need not be installed.
        artefact: the name of the artefact in messages.

    Raises:
        UnknownPluginError: a plugin is not installed; says what installs it.
        ArtefactError: the lock is damaged.
    """
    compared = compare([entry for entry in entries if entry.get("kind") in kinds])
    missing = [found for found in compared if found.outcome == "missing" and not found.is_parent]
    if missing:
        told = "\n".join(f"`{artefact}` needs {found.sentence}" for found in missing)
        raise UnknownPluginError(told, fix=_installation(missing))
    for found in compared:
        if found.outcome != "ok":
            again = f"to have the same:  {install_command(found.requirement)}" if found.requirement else ""
            said = [part for part in (found.sentence, found.caution, again) if part]
            logger.warning("`%s` was made with %s", artefact, "; ".join(said))


def _installation(missing: Sequence[Comparison]) -> str:
    """The command that installs what is missing, and a line for each package of which it may not be enough."""
    command = install_command(*(found.requirement for found in missing))
    return "\n".join([command, *(f"{found.distribution}: {found.caution}" for found in missing if found.caution)])


def _compared(distribution: str, entries: Sequence[Mapping[str, Any]], catalog: Catalog) -> Comparison:
    first = entries[0]
    outcome = max((_outcome(entry, catalog) for entry in entries), key=ORDER.index)
    used = {_in_words(entry) for entry in entries}
    return Comparison(
        distribution,
        tuple(sorted(used)),
        first["version"],
        "" if outcome == "missing" else version_of(distribution),
        outcome,
        requirement(distribution, first["version"], first["origin"]) if distribution else "",
        any(entry["dirty"] for entry in entries),
        next((said for entry in entries if (said := _migrations(entry, catalog)[1])), ""),
        caution(distribution, first["origin"]),
    )


def _compared_parent(name: str, behind: Sequence[tuple[str, Mapping[str, Any]]]) -> Comparison:
    """Compare a package that the classes of plugins, or their parents, are in."""
    _, first = behind[0]
    distribution, version = first["distribution"], first["version"]
    found, root = version_of(name) if distribution else "", module_root(first["package"])
    outcome: Outcome = "ok" if first["code"] in (None, tree_hash(root)) else "code"
    if found != version:
        outcome = "version" if found else "missing"
    elif root is None:
        outcome = "missing"
    return Comparison(
        name,
        tuple(sorted({f"a parent of {used}" for used, _ in behind})),
        version,
        found,
        outcome,
        requirement(name, version, first["origin"]) if distribution else "",
        any(parent["dirty"] for _, parent in behind),
        caution=str(first["caution"]),
        is_parent=True,
    )


def _migrations(entry: Mapping[str, Any], catalog: Catalog) -> tuple[str, str]:
    """The full name that the plugin of an entry has today, and what its migrations do, in words."""
    if entry["kind"] in ("core", ""):
        return CORE, ""
    try:
        chain = chain_of(entry["kind"], entry["plugin"], entry["version"], catalog)
    except UnknownPluginError:  # it is disabled, and so is the plugin
        return entry["plugin"], ""
    except WxmlError as error:
        return entry["plugin"], f"its migrations cannot be used: {error.message}"
    renamed = f" to {chain.full_name}" if chain.full_name != entry["plugin"] else ""
    return chain.full_name, f"it is migrated{renamed} when it is read" if chain.steps else ""


def _outcome(entry: Mapping[str, Any], catalog: Catalog) -> Outcome:
    """Compare one entry with the installed plugin, whatever status the plugin has."""
    record: PluginRecord | None
    if not (entry["plugin"] and entry["kind"]):
        return "unknown"
    if entry["kind"] == "core":
        record = core_record()
    else:
        name, _ = _migrations(entry, catalog)
        same = (record for record in catalog.select(entry["kind"]) if record.full_name == name)
        record = next(same, None)
    if record is None:
        return "missing"
    if entry["version"] not in ("", record.version):
        return "version"
    return "ok" if entry["code"] in (None, tree_hash(package_root(record))) else "code"
