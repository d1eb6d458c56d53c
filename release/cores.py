"""The versions of wxml-core beside which the matrix sees the plugins: today's, released ones, and those to come."""

__all__ = ["CORES", "Core", "NotMadeError", "core_of", "numbered", "released", "wheel"]

import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from release.manifest import CORE, FILE, Manifest

CORES = ("lowest", "released", "current", "later")
"""The lowest that every plugin accepts; that of the last release; today's; today's under the last number accepted."""
PROMISED = 2
"""Minor versions of wxml-core that keep what plugins use."""
BUILD = "import os, sys; from hatchling.build import build_wheel as build; os.chdir(sys.argv[1]); build(sys.argv[2])"


class NotMadeError(Exception):
    """An environment cannot be made, and why."""


@dataclass(frozen=True, slots=True)
class Core:
    """One version of wxml-core."""

    version: str
    origin: str
    """Where it comes from, as the page says it; empty: it is that of the working tree."""
    commit: str = ""
    """What it is built from; empty: the working tree."""


def core_of(word: str, manifest: Manifest, found: Mapping[str, str]) -> Core:
    """The core that a word of `CORES` means.

    Args:
        word: which.
        manifest: of today.
        found: the released cores, version → commit.

    Raises:
        NotMadeError: no plugin accepts that of the last release.
    """
    today, accepted = manifest.packages[CORE].version, SpecifierSet(",".join(_ranges(manifest)))
    if word == "current":
        return Core(today, "")
    if word == "later":
        number = max((one for one in _next(today) if one in accepted), key=Version, default=today)
        return Core(number, "" if number == today else f"that of {today} under this number")
    if word == "lowest":
        version = min((one for one in [today, *found] if one in accepted), key=Version)
        return Core(version, "the lowest", found[version]) if version in found else Core(today, "")
    (version,) = (one for one, commit in found.items() if commit == manifest.last.commit)
    if version not in accepted:
        raise NotMadeError(
            f"released is only wxml-core {version}, and the plugins accept {' and '.join(_ranges(manifest))}"
        )
    return Core(version, "of the last release", manifest.last.commit)


def _ranges(manifest: Manifest) -> list[str]:
    """What plugins say of the core."""
    return sorted({package.core for package in manifest.packages.values() if package.core})


def _next(version: str) -> list[str]:
    major, minor = Version(version).release[:2]
    return [f"{major}.{minor + more}.0" for more in range(1, PROMISED + 1)]


def released(manifest: Manifest, root: Path) -> dict[str, str]:
    """The version of wxml-core in each release, and the commit of that: what the manifests named as the last one."""
    changes = _git(root, "log", "--format=", "-p", "-G^commit = ", "--", FILE).decode()
    commits = [*re.findall(r'^\+commit = "(\w+)"', changes, re.MULTILINE), manifest.last.commit]
    return {_version_at(commit, root): commit for commit in commits}


def _version_at(commit: str, root: Path) -> str:
    text = _git(root, "show", f"{commit}:core/pyproject.toml").decode()
    (version,) = re.findall(r'^version = "([^"]+)"', text, re.MULTILINE)
    return str(version)


def _git(root: Path, *arguments: str) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=False)
    if done.returncode:
        raise NotMadeError(f"git {arguments[0]}: {done.stderr.decode().strip()}")
    return done.stdout


# Wheels


def wheel(core: Core, root: Path, folder: Path) -> Path:
    """A wheel of that core, made in `folder`, which is there."""
    if core.commit:
        with tarfile.open(fileobj=BytesIO(_git(root, "archive", core.commit, "core"))) as archive:
            archive.extractall(folder, filter="data")
        return _built(folder / "core", folder, core.version)
    return numbered(core.version, root, folder)


def numbered(version: str, root: Path, folder: Path) -> Path:
    """A wheel of the core of the working tree under another version."""
    source = folder / f"core-{version}"
    shutil.copytree(root / "core", source, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    for path, key in (("pyproject.toml", "version"), ("src/wxml/__init__.py", "__version__")):
        text = (source / path).read_text(encoding="utf-8")
        changed, times = re.subn(rf'^{key} = "[^"]*"', f'{key} = "{version}"', text, count=1, flags=re.MULTILINE)
        if not times:
            raise NotMadeError(f"`core/{path}` has no `{key}`")
        (source / path).write_text(changed, encoding="utf-8")
    return _built(source, folder, version)


def _built(source: Path, folder: Path, version: str) -> Path:
    subprocess.run([sys.executable, "-c", BUILD, source, folder], check=True, stdout=subprocess.DEVNULL)
    (made,) = folder.glob(f"wxml_core-{version}-*.whl")
    return made
