"""The packages beside a plugin's own that its class and the parents of its class are in."""

__all__ = ["Parent", "parents"]

import os
import sys
from functools import lru_cache
from typing import NamedTuple

from packaging.requirements import Requirement

from wxml.environment.distributions import Distribution, Environment
from wxml.environment.names import CORE, canonical_name
from wxml.plugins.catalog import PluginRecord
from wxml.plugins.source_files import module_root


class Parent(NamedTuple):
    """An import package, and the distribution that installed it; empty if none did."""

    package: str
    distribution: str


def parents(record: PluginRecord, found: type | None) -> list[Parent]:
    """The packages that a plugin is made of beside that of its own distribution, sorted. Imports nothing.

    They are those of its class and of every parent of it, and the one that its entry point names. Left out are Python,
    wxml-core, and what wxml-core itself requires, such as torch.

    Args:
        record: the plugin.
        found: its class; None if it was not loaded.
    """
    if record.kind == "core":
        return []
    classes = found.__mro__ if found else ()
    modules = {record.value.partition(":")[0], *(each.__module__ for each in classes)}
    packages = {module.partition(".")[0] for module in modules} - {"wxml", "", *sys.stdlib_module_names}
    environment = Environment.now()
    every = [Parent(package, _owner(package, record, environment)) for package in sorted(packages)]
    return [one for one in every if one.distribution not in (record.distribution, *_required_by_core(environment))]


@lru_cache(maxsize=1)  # for every plugin of a lock
def _required_by_core(environment: Environment) -> set[str]:
    core = environment.find(CORE)
    return {canonical_name(Requirement(text).name) for text in (core.requires if core else ())}


def _owner(package: str, record: PluginRecord, environment: Environment) -> str:
    """The distribution that installed an import package: the plugin's own, one of its name, or any other."""
    own = record.value.partition(":")[0].partition(".")[0] == package
    first = [environment.find(name) for name in (record.distribution, canonical_name(package))]
    for distribution in (*filter(None, first), *environment.all):
        if _installed(distribution, package):
            return distribution.name
    return record.distribution if own else ""


def _installed(distribution: Distribution, package: str) -> bool:
    if distribution.editable_folder:
        root = module_root(package)
        return root is not None and os.path.realpath(root).startswith(
            os.path.realpath(distribution.editable_folder) + os.sep
        )
    return distribution.installs(package)
