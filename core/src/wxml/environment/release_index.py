"""The plugins of the packages of the wxml release: a name that is not installed is answered with an install command.

The data, `release_index.json`, are written by `nox -s release-index` from `release-manifest.toml` and the entry points
of the packages.
"""

__all__ = ["ReleasedPlugin", "released_names", "released_plugins", "requirement"]

import os
from functools import cache
from typing import NamedTuple


class ReleasedPlugin(NamedTuple):
    """A plugin of a package of the release."""

    kind: str
    name: str
    distribution: str
    version: str
    """The version of the distribution in the release."""
    summary: str

    @property
    def requirement(self) -> str:
        """The version of the release and later ones that are compatible with it."""
        return f"{self.distribution}{compatible_range(self.version)}"


@cache
def released_plugins() -> tuple[ReleasedPlugin, ...]:
    """Every plugin of the release, sorted by kind and name."""
    import json

    with open(os.path.join(os.path.dirname(__file__), "release_index.json"), encoding="utf-8") as file:
        return tuple(ReleasedPlugin(**row) for row in json.load(file)["plugins"])


def released_names(kind: str) -> dict[str, str]:
    """The plugins of one kind: name → the distribution of the release that provides it."""
    return {plugin.name: plugin.distribution for plugin in released_plugins() if plugin.kind == kind}


def requirement(distribution: str) -> str:
    """The requirement that installs a package of the release.

    >>> requirement("wxml-processor-gnn")
    'wxml-processor-gnn>=0.2,<0.3'
    """
    return next(plugin.requirement for plugin in released_plugins() if plugin.distribution == distribution)


def compatible_range(version: str) -> str:
    """The versions that are compatible with one: those of its major version, before 1.0 those of its minor version.

    >>> compatible_range("0.1.3"), compatible_range("2.4.0")
    ('>=0.1,<0.2', '>=2.4,<3')
    """
    major, minor = map(int, version.split(".")[:2])
    return f">={major}.{minor},<{f'0.{minor + 1}' if major == 0 else major + 1}"
