"""Migrations: how a distribution brings what its earlier versions left in checkpoints to its installed version.

A distribution declares a tuple of `Migration` in the entry-point group `wxml.migrations`. They are code of an installed
package, found and guarded like any plugin, and apply to the plugins of their own distribution alone.
"""

__all__ = ["Chain", "Migration", "chain_of", "declared", "migrations_of", "steps_of"]

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from packaging.version import InvalidVersion, Version

from wxml.environment.distributions import version_of
from wxml.environment.installer import install_command
from wxml.environment.names import canonical_name, kind_name
from wxml.errors import BrokenPluginError, ContractError
from wxml.plugins.catalog import Catalog, PluginRecord, installed
from wxml.plugins.load import import_object
from wxml.plugins.resolve import require_usable

Options = dict[str, Any]
Weights = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What one version of a distribution changed about one of its plugins.

    It applies to what earlier versions have made: first `options` and `new_options`, then `new_weights`. Several follow
    each other in the order of their versions. The functions get copies and may change them.
    """

    version: str
    """The first version that has the change; pre-releases of it count as earlier."""
    kind: str
    """Such as `processor`."""
    plugin: str
    """The bare name that the plugin had until then."""
    renamed: str = ""
    """Its bare name from `version` on; empty: the same."""
    options: Mapping[str, str] = field(default_factory=dict)
    """The name of an option until then → its name from `version` on."""
    new_options: Callable[[Options], Options] | None = None
    """Makes the options as `version` has them from those before, already renamed. Options that a config leaves out are
    not among them: this is the place to write down a default that has changed."""
    new_weights: Callable[[Weights, Options], Weights] | None = None
    """Makes the weights as `version` has them from those before and from the new options: name in the `state_dict` of
    the plugin → tensor. It is called for a mapper and a processor alone, as no other plugin has weights."""

    def __post_init__(self) -> None:
        try:
            Version(self.version)
        except InvalidVersion as error:
            fix = "write it like '2.0'"
            raise ContractError(f"`version` of a migration must be a version, got {self.version!r}", fix=fix) from error

    @property
    def before(self) -> tuple[str, str]:
        """The kind and the bare name before the change, both canonical."""
        return kind_name(self.kind), canonical_name(self.plugin)

    @property
    def after(self) -> tuple[str, str]:
        """The kind and the bare name from `version` on, both canonical."""
        return kind_name(self.kind), canonical_name(self.renamed or self.plugin)


@dataclass(frozen=True, slots=True)
class Chain:
    """The migrations that one plugin needs, in order; none if it is as the installed version has it."""

    kind: str
    distribution: str
    name: str
    """The bare name that the plugin has today."""
    version: str
    """The version that made what is to be migrated."""
    steps: tuple[Migration, ...] = ()

    @property
    def full_name(self) -> str:
        """The full name that the plugin has today."""
        return f"{self.distribution}:{self.name}"

    def apply(self, options: Mapping[str, Any], weights: Mapping[str, Any] | None = None) -> tuple[Options, Weights]:
        """Return the options and the weights as the installed version has them.

        Args:
            options: as `version` had them; not changed.
            weights: those of the plugin, not changed; None: only the options are wanted.

        Raises:
            BrokenPluginError: a function of a migration fails, or returns no options or no tensors.
        """
        new, tensors = dict(options), dict(weights or {})
        for step in self.steps:
            names = [step.options.get(key, key) for key in new]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise self._broken(step, f"two options are called the same afterwards: {', '.join(twice)}")
            new = dict(zip(names, new.values(), strict=True))
            if step.new_options:
                new = self._made(step, step.new_options, copy.deepcopy(new))
            if step.new_weights and weights is not None:
                types = tuple({type(tensor) for tensor in tensors.values()})
                tensors = self._made(step, step.new_weights, dict(tensors), copy.deepcopy(new))
                if types and not all(isinstance(tensor, types) for tensor in tensors.values()):
                    raise self._broken(step, "`new_weights` returned values that are no tensors")
        return new, tensors

    def _made(self, step: Migration, function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
        try:
            found = function(*arguments)
        except Exception as error:
            raise self._broken(step, f"{type(error).__name__}: {error}") from error
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise self._broken(step, f"it must return a dict with text as keys, got {type(found).__name__}")
        return found

    def _broken(self, step: Migration, problem: str) -> BrokenPluginError:
        what = f"the migration of {self.kind} {step.plugin!r} to {self.distribution} {step.version}"
        former = install_command(f"{self.distribution}=={self.version}")
        return BrokenPluginError(
            f"{what} failed: {problem}",
            fix=f"tell the authors of {self.distribution}\nor use the version that made it:  {former}",
        )


def chain_of(kind: str, full_name: str, version: str, catalog: Catalog | None = None) -> Chain:
    """Find the migrations that a plugin of another version needs; imports none if the installed one is not later.

    Args:
        kind: such as `processor`.
        full_name: such as `acme-wxml:window`.
        version: the version of its distribution that made what is to be migrated.
        catalog: the installed plugins; by default those of this process.

    Raises:
        BrokenPluginError: the migrations of the distribution cannot be used.
    """
    distribution, _, name = full_name.rpartition(":")
    chain = Chain(kind_name(kind), canonical_name(distribution), canonical_name(name), version)
    if not _is_earlier(version, version_of(distribution)):
        return chain
    steps = steps_of(migrations_of(chain.distribution, catalog), (chain.kind, chain.name), Version(version))
    name = steps[-1].after[1] if steps else chain.name
    return Chain(chain.kind, chain.distribution, name, version, tuple(steps))


def steps_of(migrations: Sequence[Migration], plugin: tuple[str, str], version: Version | None) -> list[Migration]:
    """The migrations that lead from a plugin to what it is today, in order.

    Args:
        migrations: those of its distribution.
        plugin: its kind and its bare name in `version`, canonical.
        version: only later changes count; None: all do.
    """
    steps: list[Migration] = []
    for number in sorted({Version(one.version) for one in migrations}):
        changes = {one.before: one for one in migrations if Version(one.version) == number}  # names may be exchanged
        if plugin in changes and (version is None or number > version):
            steps.append(changes[plugin])
            plugin = changes[plugin].after
    return steps


def migrations_of(distribution: str, catalog: Catalog | None = None) -> tuple[Migration, ...]:
    """Import the migrations that a distribution declares, in the order of their versions.

    Raises:
        UnknownPluginError: the distribution is disabled.
        BrokenPluginError: they cannot be imported, or are not what they must be.
    """
    records = (installed() if catalog is None else catalog).select("migration")
    found = [one for record in records if record.distribution == distribution for one in declared(record)]
    return tuple(sorted(found, key=lambda one: Version(one.version)))


def declared(record: PluginRecord) -> tuple[Migration, ...]:
    """Import the migrations of one entry point.

    Raises:
        UnknownPluginError, BrokenPluginError: as `migrations_of`.
    """
    require_usable(record)
    found = import_object(record)
    fault = ""
    if not isinstance(found, tuple | list) or not all(isinstance(one, Migration) for one in found):
        fault = f"must be a tuple of wxml.Migration, got {found!r}"
    else:
        changes = [(Version(one.version), *one.before) for one in found]
        twice = next((change for change in changes if changes.count(change) > 1), None)
        fault = f"has two migrations of {twice[1]} {twice[2]!r} to {twice[0]}: make them one" if twice else ""
    if fault:
        told = f"plugin {record.provider} (migration {record.name!r}): `{record.value}` {fault}"
        raise BrokenPluginError(told, fix=f"tell the authors of {record.distribution}")
    return tuple(found)


def _is_earlier(version: str, other: str) -> bool:
    try:
        return Version(version) < Version(other)
    except InvalidVersion:
        return False
