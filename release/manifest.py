"""Reads `release-manifest.toml`: the versions that belong together, and what each package brings.

The manifest is the one source of versions, of the core that a plugin accepts, and of the Pythons of the release;
`release.files` writes them into each `pyproject.toml`.
"""

__all__ = [
    "CORE",
    "KERNELS",
    "META",
    "Last",
    "Manifest",
    "ManifestError",
    "Package",
    "parsed",
    "project",
    "read",
    "written",
]

import json
import textwrap
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = "release-manifest.toml"
SCHEMA = 1
LONGEST = 110
HEAD = """\
# What belongs together: the one source of versions, of the core that a plugin accepts, and of the Pythons of a release.
# `python -m release.files` writes what follows from it into the packages, and `changed` and `provides` into this file.
# docs/releasing.md says what the keys mean, and when to change what.
"""
CORE, KERNELS, META = "wxml-core", "wxml-kernels", "wxml"


class ManifestError(Exception):
    """The manifest is not what it must be: each line says what, and what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One distribution of the release."""

    name: str
    path: str
    """Its folder, from the root of the repository."""
    version: str
    released: str
    """Its version in the last release; empty if it was not in it."""
    core: str
    """The versions of wxml-core that it accepts, such as `>=0.2,<0.4`; empty if it needs none."""
    extras: tuple[str, ...]
    """The extras of it that the package `wxml` asks for."""
    provides: Mapping[str, tuple[str, ...]]
    """Kind → the names of its plugins."""

    @property
    def changed(self) -> bool:
        """Whether it has another version than in the last release."""
        return self.version != self.released


@dataclass(frozen=True, slots=True)
class Last:
    """The last release."""

    version: str
    commit: str
    """What it was built from."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What belongs together."""

    pythons: tuple[str, ...]
    constraints: Mapping[str, str]
    """Third-party package → the version that the tests of the release ran with."""
    last: Last
    packages: Mapping[str, Package]

    @property
    def version(self) -> str:
        """The version of the release: that of the package `wxml`, which pins all others."""
        return self.packages[META].version


def read(root: Path) -> Manifest:
    """The manifest of a repository.

    Raises:
        ManifestError: it is not there, or lacks something.
    """
    try:
        return parsed((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ManifestError(f"there is no `{root / FILE}`: run this from the root of the repository") from error


def parsed(text: str) -> Manifest:
    """The manifest that a text is.

    Raises:
        ManifestError: it is none.
    """
    content = tomllib.loads(text)
    if content.get("schema") != SCHEMA:
        raise ManifestError(f"`schema` of `{FILE}` must be {SCHEMA}, got {content.get('schema')!r}")
    try:
        release = content["release"]
        return Manifest(
            tuple(release["python"]),
            content["constraints"],
            Last(**content["last"]),
            {name: _package(name, table) for name, table in content["packages"].items()},
        )
    except (KeyError, TypeError) as error:
        raise ManifestError(f"`{FILE}` lacks {error}: see docs/releasing.md for what it holds") from error


def _package(name: str, table: Mapping[str, Any]) -> Package:
    provides = {kind: tuple(names) for kind, names in table.get("provides", {}).items()}
    more = (table.get("core", ""), tuple(table.get("extras", ())), provides)
    return Package(name, table["path"], table["version"], table["released"], *more)


def project(folder: Path) -> dict[str, Any]:
    """The table `[project]` of a package."""
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    found: dict[str, Any] = tomllib.loads(text)["project"]
    return found


# The file


def written(manifest: Manifest) -> str:
    """The text of a manifest."""
    last = {"version": manifest.last.version, "commit": manifest.last.commit}
    blocks = [
        HEAD + f"schema = {SCHEMA}",
        _block("release", {"version": manifest.version, "python": list(manifest.pythons)}),
        _block("constraints", manifest.constraints),
        _block("last", last),
        *map(_package_text, manifest.packages.values()),
    ]
    return "\n\n".join(blocks) + "\n"


def _package_text(package: Package) -> str:
    rows: dict[str, Any] = {"path": package.path, "version": package.version, "released": package.released}
    rows["changed"] = package.changed
    rows |= {"core": package.core} if package.core else {}
    rows |= {"extras": list(package.extras)} if package.extras else {}
    rows |= {f"provides.{kind}": list(names) for kind, names in package.provides.items()}
    return _block(f"packages.{package.name}", rows)


def _block(name: str, rows: Mapping[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {_value(value)}" for key, value in rows.items())])


def _value(value: Any) -> str:
    """Text, truth or list as TOML, which is JSON here; long lists have several lines."""
    text = json.dumps(value)
    if len(text) < LONGEST:
        return text
    wrapped = textwrap.wrap(text[1:-1], LONGEST, break_on_hyphens=False, break_long_words=False)
    return "\n".join(["[", *(f"    {line}" for line in wrapped)]) + ",\n]"
