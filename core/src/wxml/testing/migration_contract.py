"""The contract of migrations, as tests."""

__all__ = ["MigrationContract"]

import json
import unittest
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from packaging.version import Version

from wxml.environment.distributions import version_of
from wxml.environment.names import canonical_name
from wxml.errors import WxmlError
from wxml.plugins.catalog import PluginRecord, installed
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.migrations import Chain, Migration, steps_of
from wxml.plugins.options.model import options_model
from wxml.testing.contract import require


class MigrationContract:
    """Checks of the migrations of a distribution, which must be installed.

        class TestMigrations(MigrationContract):
            distribution = "acme-wxml"
            migrations = MIGRATIONS
            checkpoints = [Path(__file__).with_name("1.0.safetensors")]

    A check fails with an AssertionError, and is skipped with unittest.SkipTest.
    """

    distribution: ClassVar[str]
    """The distribution that declares the migrations."""
    migrations: ClassVar[Sequence[Migration]]
    """The migrations to check."""
    checkpoints: ClassVar[Sequence[str | Path]] = ()
    """Checkpoints that earlier versions have made, and that can be read on this machine."""
    required: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Former bare name of a plugin → the options that each config of it had to have."""

    def test_versions_are_there_already(self) -> None:
        """No migration is for a later version than the one that is installed."""
        found = version_of(self.distribution)
        require(found, f"{self.distribution} is not installed")
        for one in self.migrations:
            said = f"a migration of {one.plugin!r} is for version {one.version}, and {found} is installed"
            require(Version(one.version) <= Version(found), f"{said}: raise the version of the distribution")

    def test_each_change_is_one_migration(self) -> None:
        """One version has one migration for a plugin."""
        changes = [(Version(one.version), *one.before) for one in self.migrations]
        for one in changes:
            require(
                changes.count(one) == 1, f"there are two migrations of {one[1]} {one[2]!r} to {one[0]}: make them one"
            )

    def test_names_lead_to_installed_plugins(self) -> None:
        """Each former name leads, from version to version, to a plugin that the distribution has today."""
        for chain in self._chains():
            self._plugin(chain)

    def test_options_without_values_are_migrated(self) -> None:
        """A config that leaves out all options but the required ones gets options that the plugin of today accepts."""
        for chain in self._chains():
            former = chain.steps[0].plugin
            try:
                options, _ = chain.apply(self.required.get(former, {}))
                json.dumps(options)
                parse_options(load(self._plugin(chain)), options)
            except (WxmlError, TypeError) as error:
                hint = "options that a config leaves out are not there; name those that it must have in `required`"
                raise AssertionError(
                    f"{chain.kind} {former!r} of before {chain.steps[0].version}: {error}\n{hint}"
                ) from error

    def test_renamed_options_are_options_today(self) -> None:
        """The name that an option got is one of the plugin of today, unless a function takes it."""
        for chain in self._chains():
            if any(step.new_options for step in chain.steps):
                continue
            known = options_model(load(self._plugin(chain))).model_fields
            names = dict.fromkeys(chain.steps[0].options)
            renamed, _ = chain.apply(names)
            for name in renamed:
                require(
                    name in known, f"{chain.kind} {chain.name!r} has no option `{name}`, as one of before is called"
                )

    def test_checkpoints_of_earlier_versions_are_read(self) -> None:
        """The weights of each of `checkpoints` fit the model that the installed plugins make."""
        from wxml.experiment.restoring import restore

        if not self.checkpoints:
            raise unittest.SkipTest("no checkpoints of earlier versions are given: keep one of each and name it")
        for path in self.checkpoints:
            try:
                restore(Path(path))
            except WxmlError as error:
                raise AssertionError(f"{error}") from error

    def _chains(self) -> Iterator[Chain]:
        """What is done to a plugin of the version before each of the migrations."""
        for one in self.migrations:
            later = [each for each in self.migrations if Version(each.version) >= Version(one.version)]
            steps = steps_of(later, one.before, None)
            kind, name = steps[-1].after
            yield Chain(kind, canonical_name(self.distribution), name, "", tuple(steps))

    def _plugin(self, chain: Chain) -> PluginRecord:
        """The plugin to which a chain leads."""
        found = [one for one in installed().select(chain.kind) if one.full_name == chain.full_name]
        step = chain.steps[0]
        require(
            found, f"{step.kind} {step.plugin!r} of before {step.version} leads to {chain.full_name}: there is none"
        )
        return found[0]
