"""Says what a release needs: what has changed, what must be bumped, and in which order to publish.

    python -m release.plan [--since COMMIT] [--interface]

It compares the working tree with the last release, or with the commit that is given, and writes nothing. The exit code
is 1 if something must be done first. With `--interface` it tells the changes of the public interface alone.
"""

__all__ = ["Plan", "plan", "text_of"]

import argparse
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from release import interface
from release.files import stale
from release.manifest import FILE, META, Manifest, ManifestError, parsed, project, read

SHIPPED = ("src", "README.md", "LICENSE", "pyproject.toml")
"""What of a package a wheel is made of: a change of its tests alone needs no release."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a release needs."""

    since: str
    changed: Mapping[str, tuple[str, str]]
    """Package → its version then, empty if there was none, and now; without the package `wxml`."""
    faults: tuple[str, ...]
    """What must be done first: a sentence for each."""
    order: tuple[str, ...]
    """What is published, in the order in which it can be; the package `wxml` comes last."""


@dataclass(frozen=True)
class Repository:
    """The working tree, beside a commit of it."""

    root: Path
    commit: str

    def __post_init__(self) -> None:
        """Raise a ManifestError if git does not know the commit."""
        self.git("rev-parse", "--verify", f"{self.commit}^{{commit}}")

    def git(self, *arguments: str) -> str:
        """What git prints.

        Raises:
            ManifestError: it fails.
        """
        done = subprocess.run(["git", *arguments], cwd=self.root, capture_output=True, text=True, check=False)
        if done.returncode:
            told = f"git {' '.join(arguments)}: {done.stderr.strip()}"
            raise ManifestError(f"{told}\n  a clone without the history: git fetch --unshallow --tags")
        return done.stdout

    @cached_property
    def changed(self) -> list[str]:
        """The files that differ from the commit, new ones too."""
        differing = self.git("diff", "--name-only", "--no-renames", self.commit)
        return [*differing.splitlines(), *self.git("ls-files", "--others", "--exclude-standard").splitlines()]

    def before(self, path: str) -> str:
        """The text of a file in the commit; empty if it was not there."""
        done = subprocess.run(
            ["git", "show", f"{self.commit}:{path}"], cwd=self.root, capture_output=True, text=True, check=False
        )
        return done.stdout if done.returncode == 0 else ""


def plan(root: Path, since: str = "") -> Plan:
    """What a release of the working tree needs.

    Args:
        root: the repository.
        since: a commit; empty: that of the last release.

    Raises:
        ManifestError: the manifest is none, or git does not know the commit.
    """
    manifest = read(root)
    repository = Repository(root, since or manifest.last.commit)
    changed = dict(_changed(manifest, repository))
    faults = [f"`{path}` is not what the manifest says: python -m release.files" for path in stale(root)]
    if changed:
        faults += _unbumped({**changed, META: _versions(manifest, repository, META)}, manifest, repository)
    faults += [*_ranges(manifest, root), *_interface_faults(changed, manifest, repository)]
    order = [name for name in _order(manifest, root) if name in changed] + ([META] if changed else [])
    return Plan(repository.commit, changed, tuple(faults), tuple(order))


# What has changed


def _changed(manifest: Manifest, repository: Repository) -> Iterator[tuple[str, tuple[str, str]]]:
    for name, package in manifest.packages.items():
        prefixes = tuple(f"{package.path}/{part}" for part in SHIPPED)
        if name != META and any(path.startswith(prefixes) for path in repository.changed):
            yield name, _versions(manifest, repository, name)


def _versions(manifest: Manifest, repository: Repository, name: str) -> tuple[str, str]:
    package = manifest.packages[name]
    found = re.search(r'^version = "([^"]+)"', repository.before(f"{package.path}/pyproject.toml"), re.MULTILINE)
    return found[1] if found else "", package.version


def _unbumped(versions: Mapping[str, tuple[str, str]], manifest: Manifest, repository: Repository) -> Iterator[str]:
    for name, (before, now) in versions.items():
        if before and Version(now) <= Version(before):
            yield f"{name} has changed and is still {now}: python -m release.bump {name} patch, or minor"
        news = Path(manifest.packages[name].path, "CHANGELOG.md")
        if not _news(repository.root / news, now):
            yield f"`{news}` has no line below `## {now}`: say what has changed for users"


def _news(path: Path, version: str) -> str:
    """What a changelog says of a version."""
    section = rf"^## {re.escape(version)}\b[^\n]*$(.*?)(?=^## |\Z)"
    found = re.search(section, path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def _ranges(manifest: Manifest, root: Path) -> Iterator[str]:
    """Packages of the set that do not accept one another."""
    for name, package in manifest.packages.items():
        for asked in _of_ours(manifest, root / package.path):
            version = manifest.packages[str(canonicalize_name(asked.name))].version
            if not asked.specifier.contains(version):
                yield f"{name} asks for {asked}, and the set has {version}: change `{package.path}/pyproject.toml`"


def _of_ours(manifest: Manifest, folder: Path) -> list[Requirement]:
    found = project(folder)
    lines = [*found.get("dependencies", ()), *found.get("optional-dependencies", {}).get("torch", ())]
    return [asked for asked in map(Requirement, lines) if canonicalize_name(asked.name) in manifest.packages]


def _order(manifest: Manifest, root: Path) -> list[str]:
    """The packages, each after those that it asks for."""
    graph = {
        name: {str(canonicalize_name(asked.name)) for asked in _of_ours(manifest, root / package.path)}
        for name, package in sorted(manifest.packages.items())
        if name != META
    }
    return [*TopologicalSorter(graph).static_order()]


# The interface


def _interface_faults(changed: Iterable[str], manifest: Manifest, repository: Repository) -> Iterator[str]:
    for library in (name for name in interface.LIBRARIES if name in changed):
        broken = interface.breaks(library, repository.commit, repository.root)
        refused = [*_who_accept(library, manifest, repository)]
        if broken and refused:
            yield _told(library, manifest, broken, refused, repository.root)


def _who_accept(library: str, manifest: Manifest, repository: Repository) -> Iterator[str]:
    """The packages of the commit that accept the library as it is now: what they have must not break."""
    version = manifest.packages[library].version
    text = repository.before(FILE)
    for path in sorted(_paths(text, manifest)):
        before = repository.before(f"{path}/pyproject.toml")
        name = re.search(r'^name = "([^"]+)"', before, re.MULTILINE)
        accepted = re.search(rf'"{re.escape(library)}(?:\[[\w,]+\])?([<>=!~][^";]*)', before)
        if name and name[1] != META and accepted and SpecifierSet(accepted[1]).contains(version):
            yield name[1]


def _paths(text: str, manifest: Manifest) -> set[str]:
    """The folders of packages then and now."""
    try:
        before = {package.path for package in parsed(text).packages.values()}
    except ManifestError:  # the manifests of 0.1 hold versions alone
        before = set()
    return before | {package.path for package in manifest.packages.values()}


def _told(library: str, manifest: Manifest, broken: list[interface.Break], accept: list[str], root: Path) -> str:
    folders = {name: root / manifest.packages[name].path for name in accept if name in manifest.packages}
    lines = [f"{library} {manifest.packages[library].version} breaks what these accept: {', '.join(accept)}"]
    for one in broken:
        using = interface.users(one, folders)
        told = f"it breaks {', '.join(using)}" if using else "none of them uses it"
        lines.append(f"  {one}: {told}")
    lines.append(
        "  keep the old form beside the new one (`wxml.Deprecated`), or raise the version to one that none accepts"
    )
    return "\n".join(lines)


# The page


def text_of(found: Plan, manifest: Manifest) -> str:
    """The plan as people read it."""
    lines = [f"since {found.since}:"]
    lines += [f"  {name}: {before or 'new'} -> {now}" for name, (before, now) in found.changed.items()]
    lines += [f"  {META}: {manifest.version} pins them", f"  {FILE}"] if found.changed else ["  nothing has changed"]
    if found.faults:
        return "\n".join([*lines, "", "to do first:", *(f"  {fault}" for fault in found.faults)])
    if found.changed:
        lines += ["", "publish in this order:", *(f"  {number}. {name}" for number, name in enumerate(found.order, 1))]
    return "\n".join(lines)


def main() -> None:
    """Print the plan."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--since", default="", metavar="COMMIT", help="compare with this, not with the last release")
    parser.add_argument("--interface", action="store_true", help="tell the changes of the public interface alone")
    asked = parser.parse_args()
    root = Path.cwd()
    try:
        sys.exit(_interface(root, asked.since) if asked.interface else _plan(root, asked.since))
    except ManifestError as error:
        sys.exit(f"error: {error}")


def _plan(root: Path, since: str) -> int:
    found = plan(root, since)
    print(text_of(found, read(root)))
    return 1 if found.faults else 0


def _interface(root: Path, since: str) -> int:
    manifest = read(root)
    repository = Repository(root, since or manifest.last.commit)
    broken = [one for name in interface.LIBRARIES for one in interface.breaks(name, repository.commit, root)]
    lines = [f"  {one}" for one in broken] or ["  nothing is broken"]
    print("\n".join([f"since {repository.commit}:", *lines]))
    faults = [*_interface_faults(interface.LIBRARIES, manifest, repository)]
    print("\n".join(["", *faults]) if faults else "\nthe versions allow it")
    return 1 if faults else 0


if __name__ == "__main__":
    main()
