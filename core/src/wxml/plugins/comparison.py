"""Compares a lock with the plugins that are installed now."""

__all__ = ["Comparison", "compare", "require_plugins"]

import logging
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, Literal

from wxml.environment.distributions import version_of
from wxml.environment.installer import install_command
from wxml.environment.names import CORE
from wxml.environment.origin import requirement
from wxml.errors import ArtefactError, UnknownPluginError, WxmlError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.location import package_root
from wxml.plugins.lock import core_record, tree_hash
from wxml.plugins.migrations import chain_of

logger = logging.getLogger(__name__)

Outcome = Literal["ok", "code", "version", "missing"]
ORDER: tuple[Outcome, ...] = ("ok", "code", "version", "missing")
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

    @property
    def sentence(self) -> str:
        """The difference in words; empty without one."""
        wanted, used = f"{self.distribution} {self.version}", " and ".join(self.plugins)
        changes = " with uncommitted changes" if self.dirty else ""
        return {
            "ok": "",
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
    for entry in entries:
        try:
            texts = [entry["plugin"], entry["kind"], entry["version"], entry["code"] or "", *entry["origin"].values()]
        except (KeyError, TypeError, AttributeError):
            texts = [None]
        if any(not isinstance(text, str | bool) or UNSAFE.search(str(text)) for text in texts):
            raise ArtefactError(f"the record of plugins is damaged: {entry!r}", fix="use an artefact as wxml wrote it")
        grouped.setdefault(str(entry["plugin"]).partition(":")[0], []).append(entry)
    return [_compared(name, group, here) for name, group in grouped.items()]


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
    compared = compare([entry for entry in entries if entry["kind"] in kinds])
    missing = [found for found in compared if found.outcome == "missing"]
    if missing:
        raise UnknownPluginError(
            "\n".join(f"`{artefact}` needs {found.sentence}" for found in missing),
            fix=install_command(*(found.requirement for found in missing)),
        )
    for found in compared:
        if found.outcome != "ok":
            how = install_command(found.requirement)
            logger.warning("`%s` was made with %s; to have the same:  %s", artefact, found.sentence, how)


def _compared(distribution: str, entries: Sequence[Mapping[str, Any]], catalog: Catalog) -> Comparison:
    first = entries[0]
    outcome = max((_outcome(entry, catalog) for entry in entries), key=ORDER.index)
    used = {f"{entry['kind']} {str(entry['plugin']).rpartition(':')[2]!r}" for entry in entries}
    return Comparison(
        distribution,
        tuple(sorted(used)),
        first["version"],
        "" if outcome == "missing" else version_of(distribution),
        outcome,
        requirement(distribution, first["version"], first["origin"]),
        any(entry.get("dirty") for entry in entries),
        next((said for entry in entries if (said := _migrations(entry, catalog)[1])), ""),
    )


def _migrations(entry: Mapping[str, Any], catalog: Catalog) -> tuple[str, str]:
    """The full name that the plugin of an entry has today, and what its migrations do, in words."""
    if entry["kind"] == "core":
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
    if entry["kind"] == "core":
        record = core_record()
    else:
        name, _ = _migrations(entry, catalog)
        same = (record for record in catalog.select(entry["kind"]) if record.full_name == name)
        record = next(same, None)
    if record is None:
        return "missing"
    if record.version != entry["version"]:
        return "version"
    return "ok" if tree_hash(package_root(record)) == entry["code"] else "code"
