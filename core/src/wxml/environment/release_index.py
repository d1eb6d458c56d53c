"""The plugins of the catalogue: a name that is not installed is answered with an install command.

The data, `release_index.json`, are written by `docs/make_catalogue.py` from the recipes in `catalogue/`, one for each
distribution, and from `release-manifest.toml`.
"""

__all__ = ["ReleasedPlugin", "released_names", "released_plugins", "requirement"]

import os
from functools import cache
from typing import NamedTuple


class ReleasedPlugin(NamedTuple):
    """A plugin of a package of the wxml release, or of another one that has sent its recipe."""

    kind: str
    name: str
    distribution: str
    version: str
    """The version of the distribution in the release; empty if it is not part of it."""
    summary: str
    where: str = "index"
    """`index`: pip finds the distribution by its name; else the address of its Git repository."""

    @property
    def requirement(self) -> str:
        """The version of the release and later ones that are compatible with it; without one, any version."""
        if self.where != "index":
            return f"{self.distribution} @ git+{self.where}"
        return f"{self.distribution}{compatible_range(self.version) if self.version else ''}"


@cache
def released_plugins() -> tuple[ReleasedPlugin, ...]:
    """Every plugin of the catalogue, sorted by kind and name."""
    import json

    with open(os.path.join(os.path.dirname(__file__), "release_index.json"), encoding="utf-8") as file:
        return tuple(ReleasedPlugin(**row) for row in json.load(file)["plugins"])


def released_names(kind: str) -> dict[str, str]:
    """The plugins of one kind: name → the distribution that provides it; that of the release goes before others."""
    found = [plugin for plugin in released_plugins() if plugin.kind == kind]
    return {plugin.name: plugin.distribution for plugin in sorted(found, key=lambda one: bool(one.version))}


def requirement(distribution: str) -> str:
    """The requirement that installs a package of the catalogue.

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
