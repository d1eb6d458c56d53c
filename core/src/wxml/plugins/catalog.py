"""What is installed: every plugin that some distribution declares, read from metadata without importing any.

The entry points are the manifest. `wxml.kinds` declares kinds (`processors = "package.module:Interface"`), the group
`wxml.<that name>` holds the plugins of a kind, and `wxml.presets`, `wxml.commands` and `wxml.hooks` hold what is not
chosen by a config.
"""

__all__ = ["Catalog", "PluginRecord", "Status", "installed", "scan"]

import importlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import metadata
from types import MappingProxyType
from typing import Literal, NamedTuple

from wxml.errors import UnknownPluginError, nearest
from wxml.plugins.names import fold, kind_name
from wxml.plugins.policy import CORE, Policy
from wxml.plugins.requirements import installed_version, shortfall

logger = logging.getLogger(__name__)

Status = Literal["ok", "incompatible", "missing-dependency", "conflict", "disabled", "broken"]

KINDS = "wxml.kinds"
EVERYONE = ("hook", "preset")
"""Kinds of which all are used, so that equal names are no conflict."""
NOT_CHOSEN = ("command", *EVERYONE)
"""Kinds that no config chooses and that have no interface class."""
OBJECT = re.compile(r"^([\w.]+)(?:\s*:\s*([\w.]+))?\s*(?:\[.*\])?$")


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin as its distribution declares it; nothing of it has been imported."""

    kind: str
    """Such as `processor`, `data-source`, `hook`."""
    name: str
    """Folded as in PEP 503: lower case, with dashes."""
    distribution: str
    """The folded name of the distribution that provides it."""
    version: str
    value: str
    """Where the code is: `package.module:Class`, or `package.module` for presets and hooks."""
    status: Status = "ok"
    problem: str = ""
    """Why the status is not `ok`, in words."""
    summary: str = ""
    """One line about the distribution."""

    @property
    def full_name(self) -> str:
        """The name that is never ambiguous, such as `wxml-processor-gnn:gnn`."""
        return f"{self.distribution}:{self.name}"

    @property
    def provider(self) -> str:
        """The distribution and its version, such as `wxml-processor-gnn 0.1.0`."""
        return f"{self.distribution} {self.version}"


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every plugin that is installed."""

    records: tuple[PluginRecord, ...]
    """Sorted by kind, name and distribution."""
    kinds: Mapping[str, PluginRecord]
    """The kinds that a config can choose from, by name, each with the record of its interface class."""

    def select(self, kind: str) -> tuple[PluginRecord, ...]:
        """The plugins of one kind, written in any way: `data-source`, `data_sources`."""
        return tuple(record for record in self.records if record.kind == kind_name(kind))

    def known_kind(self, kind: str, *, where: str = "") -> str:
        """The name of a kind, written in any way.

        Raises:
            UnknownPluginError: there is no such kind; names the nearest.
        """
        known = {*self.kinds, *(record.kind for record in self.records)}
        if kind_name(kind) not in known:
            place = f" ({where})" if where else ""
            raise UnknownPluginError(f"unknown kind of plugin {kind!r}{place}", fix=nearest(kind_name(kind), known))
        return kind_name(kind)


@cache
def installed() -> Catalog:
    """The catalogue of this process, built on first use."""
    return scan()


def scan() -> Catalog:
    """Build the catalogue afresh. Never raises: a distribution whose metadata cannot be read is left out."""
    importlib.invalidate_caches()
    judge = _Judge(Policy.from_environment(), cache(installed_version))
    declared = [record for provider in _providers() for record in _declared(provider, judge)]
    kinds = _kinds(declared)
    plugins = [_with_kind_checked(record, kinds) for record in declared if record.kind != "kind"]
    ordered = sorted(_with_conflicts(plugins), key=lambda record: (record.kind, record.name, record.distribution))
    return Catalog(tuple(ordered), MappingProxyType(kinds))


# Reading


def _providers() -> list[metadata.Distribution]:
    """The distributions with entry points of wxml; of several copies of one, the copy that importlib finds first."""
    found: dict[str, metadata.Distribution] = {}
    for distribution in metadata.distributions():
        name = _provider_name(distribution)
        if name and name not in found:
            found[name] = _first(name, distribution)
    return [found[name] for name in sorted(found, key=lambda name: (name != CORE, name))]


def _provider_name(distribution: metadata.Distribution) -> str:
    """The folded name of a distribution that has entry points of wxml, else empty.

    Only these few have their metadata parsed, which is what keeps a large environment fast.
    """
    try:
        if "wxml." not in (distribution.read_text("entry_points.txt") or ""):
            return ""
    except Exception as error:  # noqa: BLE001  # anything may lie about in an environment
        logger.debug("cannot read the entry points of a distribution: %s", error)
        return ""
    try:
        return fold(distribution.metadata["Name"])
    except Exception as error:  # noqa: BLE001
        _left_out(distribution, error)
        return ""


def _left_out(distribution: metadata.Distribution, error: Exception) -> None:
    cause = f"{type(error).__name__}: {error}"
    logger.warning(
        "wxml leaves out a distribution with unreadable metadata in %s: %s", distribution.locate_file(""), cause
    )


def _first(name: str, otherwise: metadata.Distribution) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return otherwise


def _declared(distribution: metadata.Distribution, judge: "_Judge") -> list[PluginRecord]:
    """The records of one distribution, with the status that it alone decides; empty where it cannot be read."""
    try:
        return list(_read(distribution, judge))
    except Exception as error:  # noqa: BLE001  # one broken distribution must not hide the others
        _left_out(distribution, error)
        return []


def _read(distribution: metadata.Distribution, judge: "_Judge") -> Iterator[PluginRecord]:
    points = [point for point in distribution.entry_points if point.group.startswith("wxml.")]
    if not points:
        return
    header = distribution.metadata
    # the backport importlib_metadata, which other libraries put in the place of Python's own, raises for absent fields
    version, summary = (header.get(field, "") for field in ("Version", "Summary"))
    name, version = fold(header["Name"]), version or "unknown"
    status, problem = judge.status(name, distribution)
    seen = [(point.group, fold(point.name)) for point in points]
    for point, key in zip(points, seen, strict=True):
        base = PluginRecord("", fold(point.name), name, version, point.value, status, problem, summary)
        record = _with_value(base, point.group)
        yield _broken(record, "declared twice by its distribution") if seen.count(key) > 1 else record


def _with_value(record: PluginRecord, group: str) -> PluginRecord:
    """The record with its kind, and with the entry point's value in one spelling."""
    if group == KINDS:
        record = replace(record, kind="kind", name=kind_name(record.name))
    else:
        record = replace(record, kind=kind_name(group.removeprefix("wxml.")))
    match = OBJECT.match(record.value)
    if not match or not (match[2] or record.kind in EVERYONE):
        return _broken(record, f"its entry point must be `package.module:Class`, got {record.value!r}")
    return replace(record, value=f"{match[1]}:{match[2]}" if match[2] else match[1])


# Judging


class _Judge(NamedTuple):
    """What a distribution is held against."""

    policy: Policy
    version_of: Callable[[str], str | None]

    def status(self, name: str, distribution: metadata.Distribution) -> tuple[Status, str]:
        """The status that a distribution as a whole has, and why."""
        refusal = self.policy.refusal(name)
        return ("disabled", refusal) if refusal else shortfall(distribution, self.version_of) or ("ok", "")


def _broken(record: PluginRecord, problem: str) -> PluginRecord:
    """The record marked as broken, unless something that matters more is known already."""
    return replace(record, status="broken", problem=problem) if record.status == "ok" else record


def _kinds(declared: list[PluginRecord]) -> dict[str, PluginRecord]:
    """The kinds by name; wxml-core's come first, so nobody replaces one of those."""
    kinds: dict[str, PluginRecord] = {}
    for record in declared:
        if record.kind == "kind" and record.status != "disabled" and record.name not in NOT_CHOSEN:
            kinds.setdefault(record.name, record)
    return dict(sorted(kinds.items()))


def _with_kind_checked(record: PluginRecord, kinds: Mapping[str, PluginRecord]) -> PluginRecord:
    if record.kind in kinds or record.kind in NOT_CHOSEN:
        return record
    return _broken(record, f"no package declares plugins of the kind {record.kind!r}; known: {', '.join(kinds)}")


def _with_conflicts(records: list[PluginRecord]) -> Iterator[PluginRecord]:
    """The records, those marked whose bare name several enabled distributions provide."""
    providers: dict[tuple[str, str], set[str]] = {}
    for record in records:
        if record.status != "disabled":
            providers.setdefault((record.kind, record.name), set()).add(record.distribution)
    for record in records:
        others = providers.get((record.kind, record.name), set()) - {record.distribution}
        if record.status == "ok" and others and record.kind not in EVERYONE:
            problem = f"{record.name!r} is provided by {', '.join(sorted(others))} too: write {record.full_name}"
            yield replace(record, status="conflict", problem=problem)
        else:
            yield record
