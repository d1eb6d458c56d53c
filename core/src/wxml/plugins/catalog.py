"""The catalogue: every plugin that an installed distribution declares, read from metadata without importing any.

The entry points are the manifest. `wxml.kinds` declares kinds (`processors = "package.module:Interface"`), the group
`wxml.<that name>` holds the plugins of a kind, and `wxml.presets`, `wxml.commands`, `wxml.hooks` and `wxml.migrations`
hold what no kind has. Each kind, its contract (`wxml.contracts`), its templates (`wxml.templates`) and each file of a
folder of presets is a record too.
"""

__all__ = ["Catalog", "PluginRecord", "Status", "installed", "scan"]

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from wxml.environment.distributions import Distribution, Environment
from wxml.environment.names import CORE, canonical_name, kind_name
from wxml.environment.requirements import shortfall
from wxml.errors import UnknownPluginError, nearest
from wxml.plugins.policy import Policy, SiteRules
from wxml.plugins.source_files import package_folder, preset_files

Status = Literal["ok", "incompatible", "missing-dependency", "needs-extra", "conflict", "disabled", "broken"]

KINDS = "wxml.kinds"
HEALTHY = ("ok", "disabled", "needs-extra")
"""Statuses that are no problem: somebody disabled the plugin, or left the extra out, on purpose."""
MODULES = ("hook", "preset", "template")
"""What a module or a folder stands for, and no object in it."""
OF_KINDS = ("contract", "kind", "template")
"""What is called like a kind: the class that declares it, the contract of its plugins, the templates of new ones."""
USED_AT_ONCE = ("hook", "migration")
"""What is used whatever its name, so that two may share one."""
KINDS_WITHOUT_CHOICE = ("command", "migration", *OF_KINDS, "hook", "preset")
"""What entry points provide that has no interface class."""
OBJECT = re.compile(r"^([\w.]+)(?:\s*:\s*([\w.]+))?\s*(?:\[([^\]]*)\])?$")


@dataclass(frozen=True, slots=True)
class PluginRecord:
    """One plugin as its distribution declares it; nothing of it has been imported."""

    kind: str
    """Such as `processor`, `data-source`, `hook`."""
    name: str
    """Canonical, as in PEP 503: lower case, with dashes; of a preset its group and file, such as `model/gnn`."""
    distribution: str
    """The canonical name of the distribution that provides it."""
    version: str
    value: str
    """The entry point: `package.module:Class`, or `package.module` for presets and hooks."""
    status: Status = "ok"
    problem: str = ""
    """Why the status is not `ok`, in words."""
    summary: str = ""
    """The distribution's line about itself; `wxml.plugins.summary` reads the line about the plugin."""
    extras: str = ""
    """The extras of the distribution that it needs beyond the others' requirements, such as `[pyg]`."""

    @property
    def full_name(self) -> str:
        """The name that is never ambiguous, such as `wxml-processor-gnn:gnn`."""
        return f"{self.distribution}:{self.name}"

    @property
    def written(self) -> str:
        """The full name as a config has it: a preset stands behind its group, as in `model: acme-wxml:small`."""
        group, _, name = self.name.rpartition("/")
        return f"`{group}: {self.distribution}:{name}`" if self.kind == "preset" else self.full_name

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
    """The kinds that a config can choose from, by name, each with the record of its interface class.

    One that several packages declare has the status `conflict`.
    """
    site: SiteRules = field(default_factory=SiteRules)
    """The rules of the institution: its aliases, and the fault of its file, if any."""

    def select(self, kind: str) -> tuple[PluginRecord, ...]:
        """The plugins of one kind, written in any way: `data-source`, `data_sources`."""
        wanted = kind_name(kind)
        return tuple(record for record in self.records if record.kind == wanted)

    def known_kind(self, kind: str, *, where: str = "") -> str:
        """The name of a kind, written in any way.

        Raises:
            UnknownPluginError: there is no such kind; names the nearest.
        """
        known = {*self.kinds, *KINDS_WITHOUT_CHOICE, *(record.kind for record in self.records)}
        if kind_name(kind) not in known:
            place = f" ({where})" if where else ""
            raise UnknownPluginError(f"unknown kind of plugin {kind!r}{place}", fix=nearest(kind_name(kind), known))
        return kind_name(kind)


@cache
def installed() -> Catalog:
    """The catalogue of this process, built on first use."""
    return scan()


def scan() -> Catalog:
    """Build the catalogue afresh. Never raises: a plugin with unreadable metadata is listed as broken."""
    environment, policy = Environment(), Policy.from_environment()
    judge = _Judge(policy, environment)
    providers = sorted(environment.with_plugins, key=lambda one: (one.name != CORE, one.name))  # core comes first
    declared = [each for provider in providers for record in _declared(provider, judge) for each in _each_file(record)]
    names = {record.name for record in declared if _declares_kind(record)}
    known = (*sorted(names), *KINDS_WITHOUT_CHOICE)
    in_order = list(_without_others_contracts(list(_with_cores_kinds(declared))))
    judged = _with_conflicts([_of_known_kind(record, known) for record in in_order])
    ordered = sorted(judged, key=lambda record: (record.kind, record.name, record.distribution))
    kinds: dict[str, PluginRecord] = {}
    for record in ordered:
        if _declares_kind(record) and record.status != "broken":
            kinds.setdefault(record.name, record)
    return Catalog(tuple(ordered), MappingProxyType(kinds), policy.site)


# Reading


def _declared(distribution: Distribution, judge: "_Judge") -> Iterator[PluginRecord]:
    """Read the records of one distribution, and give each the status that the distribution alone decides."""
    points = [point for point in distribution.entry_points if str(point.group).startswith("wxml.")]
    status, problem = judge.status(distribution)
    version, summary = distribution.version or "unknown", distribution.summary
    keys = [(point.group, canonical_name(point.name)) for point in points]
    for point, key in zip(points, keys, strict=True):
        kind = "kind" if point.group == KINDS else kind_name(point.group.removeprefix("wxml."))
        name = kind_name(point.name) if kind in OF_KINDS else key[1]
        module, attribute, extras = match.groups("") if (match := OBJECT.match(point.value)) else ("", "", "")
        fits = module and (attribute or kind in MODULES)
        value = (f"{module}:{attribute}" if attribute else module) if fits else point.value
        of_class = f"[{extras}]" if fits and extras else ""
        record = PluginRecord(kind, name, distribution.name, version, value, status, problem, summary, of_class)
        if not fits:
            record = _broken(record, f"its entry point must be `package.module:Class`, got {value!r}")
        record = judge.with_extras(record, distribution)
        yield _broken(record, "declared twice by its distribution") if keys.count(key) > 1 else record


def _each_file(record: PluginRecord) -> Iterator[PluginRecord]:
    """One record for each file of a folder of presets; any other record as it is."""
    if record.kind != "preset" or record.status == "broken":
        yield record
    elif folder := package_folder(record.value):
        yield from (replace(record, name=f"{file.group}/{file.name}") for file in preset_files(folder))
    else:
        yield _broken(record, f"`{record.value}` is no folder of an installed package")


# Judging


class _Judge(NamedTuple):
    """Gives each distribution and plugin its status."""

    policy: Policy
    environment: Environment

    def status(self, distribution: Distribution) -> tuple[Status, str]:
        """The status that a distribution as a whole has, and why."""
        refusal = self.policy.refusal(distribution.name)
        if refusal:
            return "disabled", refusal
        if distribution.fault:
            return "broken", distribution.fault
        return shortfall(distribution.requires, self.environment) or ("ok", "")

    def with_extras(self, record: PluginRecord, distribution: Distribution) -> PluginRecord:
        """The record, marked if only the requirements of its own extras are missing."""
        if record.status != "ok" or not record.extras:
            return record
        extras = tuple(extra.strip() for extra in record.extras.strip("[]").split(","))
        missing = shortfall(distribution.requires, self.environment, extras)
        return replace(record, status="needs-extra", problem=missing.problem) if missing else record


def _broken(record: PluginRecord, problem: str) -> PluginRecord:
    """Mark a record as broken, unless it has another problem already."""
    return replace(record, status="broken", problem=problem) if record.status == "ok" else record


def _declares_kind(record: PluginRecord) -> bool:
    return record.kind == "kind" and record.status != "disabled" and record.name not in KINDS_WITHOUT_CHOICE


def _with_cores_kinds(records: list[PluginRecord]) -> Iterator[PluginRecord]:
    """Mark the records by which another package declares a kind of core, or one that needs no declaration."""
    cores = {record.name for record in records if record.kind == "kind" and record.distribution == CORE}
    for record in records:
        if record.kind == "kind" and record.distribution != CORE and record.name in (*cores, *KINDS_WITHOUT_CHOICE):
            yield _broken(record, f"{record.name!r} is a kind of {CORE}, which no other package can declare")
        else:
            yield record


def _without_others_contracts(records: list[PluginRecord]) -> Iterator[PluginRecord]:
    """Mark the contracts of kinds that their distribution does not declare."""
    own = {(record.name, record.distribution) for record in records if record.kind == "kind"}
    for record in records:
        if record.kind == "contract" and (record.name, record.distribution) not in own:
            yield _broken(record, f"its distribution does not declare the kind {record.name!r}")
        else:
            yield record


def _of_known_kind(record: PluginRecord, known: tuple[str, ...]) -> PluginRecord:
    if record.kind in known:
        return record
    kinds = ", ".join(name for name in known if name not in KINDS_WITHOUT_CHOICE)
    return _broken(record, f"no package declares plugins of the kind {record.kind!r}; known: {kinds}")


def _with_conflicts(records: list[PluginRecord]) -> Iterator[PluginRecord]:
    """Mark the records whose bare name several enabled distributions provide, unless all are used at once."""
    providers: dict[tuple[str, str], set[str]] = {}
    for record in records:
        if record.status not in ("disabled", "broken"):
            providers.setdefault((record.kind, record.name), set()).add(record.distribution)
    for record in records:
        others = providers.get((record.kind, record.name), set()) - {record.distribution}
        if record.status == "ok" and others and record.kind not in USED_AT_ONCE:
            fix = f"disable all but one, such as WXML_PLUGINS=-{min(others)}"
            fix = fix if record.kind in ("kind", "template") else f"write {record.written}"
            problem = f"{record.name!r} is provided by {', '.join(sorted(others))} too: {fix}"
            yield replace(record, status="conflict", problem=problem)
        else:
            yield record
