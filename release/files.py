"""Writes what follows from `release-manifest.toml`: versions in each package, the pins of `wxml`, the constraints.

    python -m release.files [--check]

The manifest gets from the packages what their code says, the plugins of their entry points. With `--check` nothing is
written, and the exit code is 1 where a file is not what it would be.
"""

__all__ = ["files", "stale", "write"]

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from release.compatibility import PAGE, RESULTS, page
from release.manifest import CORE, FILE, META, Manifest, ManifestError, Package, project, read, written

NO_PLUGINS = ("contracts", "kinds", "migrations", "templates")
"""Groups of entry points that hold no plugins of their own."""
MARK = "Programming Language :: Python :: 3."
CONSTRAINTS = """\
# The versions that one environment of this repository must agree on, from release-manifest.toml; release/files.py wrote
# this. Packages declare honest ranges; the files in `constraints/` hold whole environments that were tested.
"""


def files(root: Path) -> dict[Path, str]:
    """Every file that follows from the manifest, the manifest itself among them, by its path.

    Raises:
        ManifestError: the manifest and the packages that are there contradict each other.
    """
    manifest = _completed(root)
    made = {Path(FILE): written(manifest), Path("constraints.txt"): _constraints(manifest)}
    for package in manifest.packages.values():
        made[Path(package.path, "pyproject.toml")] = _pyproject(root, package, manifest)
    return {**made, PAGE: page(manifest, (root / RESULTS).read_text(encoding="utf-8"))}


def stale(root: Path) -> list[str]:
    """The files that are not what they would be."""
    return [
        path.as_posix()
        for path, text in files(root).items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> list[str]:
    """Write the files that are not what they would be; their paths."""
    made, wrong = files(root), stale(root)
    for name in wrong:
        (root / name).write_text(made[Path(name)], encoding="utf-8")
    return wrong


# The manifest


def _completed(root: Path) -> Manifest:
    """The manifest with the plugins that the packages have now."""
    manifest = read(root)
    _check_paths(root, manifest)
    packages = {
        name: replace(package, provides=provides(project(root / package.path)))
        for name, package in sorted(manifest.packages.items())
    }
    return replace(manifest, packages=packages)


def provides(found: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Kind → the plugins of a package, sorted."""
    groups = {group.removeprefix("wxml."): names for group, names in found.get("entry-points", {}).items()}
    plugins = {group: names for group, names in groups.items() if group not in NO_PLUGINS}
    return {_kind(group): tuple(sorted(names)) for group, names in sorted(plugins.items())}


def _kind(group: str) -> str:
    """The kind whose plugins are in a group of entry points."""
    return group.replace("_", "-").removesuffix("es" if group == "losses" else "s")


def _check_paths(root: Path, manifest: Manifest) -> None:
    there = {path.parent.relative_to(root).as_posix() for path in root.glob("plugins/*/pyproject.toml")}
    listed = {package.path for package in manifest.packages.values()}
    wrong = [f"`{path}` is not in `{FILE}`: add `[packages.NAME]`" for path in sorted(there - listed)]
    for name, package in manifest.packages.items():
        if not (root / package.path / "pyproject.toml").is_file():
            wrong.append(f"`{FILE}` has {name}, and there is no `{package.path}/pyproject.toml`: remove its table")
        elif (own := project(root / package.path)["name"]) != name:
            wrong.append(f"`{FILE}` calls `{package.path}` {name}, and its pyproject.toml {own}")
    if wrong:
        raise ManifestError("\n".join(wrong))


# What follows from it


def _constraints(manifest: Manifest) -> str:
    pins = [f"{name}=={version}" for name, version in sorted(manifest.constraints.items())]
    return "\n".join([CONSTRAINTS.rstrip(), *pins, ""])


def _pyproject(root: Path, package: Package, manifest: Manifest) -> str:
    """The `pyproject.toml` of a package with the version, the Pythons and the ranges of the manifest."""
    text = (root / package.path / "pyproject.toml").read_text(encoding="utf-8")
    text = re.sub(r'^version = "[^"]*"', f'version = "{package.version}"', text, count=1, flags=re.MULTILINE)
    text = re.sub(
        r'^requires-python = "[^"]*"', f'requires-python = ">={manifest.pythons[0]}"', text, count=1, flags=re.MULTILINE
    )
    text = re.sub(rf'(    "{re.escape(MARK)}\d+",\n)+', "".join(_classifiers(manifest)), text, count=1)
    if package.name == META:
        return re.sub(r"(?<=^dependencies = \[\n)(    .*\n)*", "".join(_pins(manifest)), text, count=1, flags=re.M)
    if package.core:
        text = re.sub(rf'(?<="{CORE})(\[[\w,]+\])?[<>=!~][^"]*(?=")', rf"\g<1>{package.core}", text)
    return text


def _classifiers(manifest: Manifest) -> Iterator[str]:
    return (f'    "{MARK}{python.partition(".")[2]}",\n' for python in manifest.pythons)


def _pins(manifest: Manifest) -> Iterator[str]:
    for name, package in sorted(manifest.packages.items()):
        if name != META:
            extras = f"[{','.join(package.extras)}]" if package.extras else ""
            yield f'    "{name}{extras}=={package.version}",\n'


def main() -> None:
    """Write the files, or compare them with what is there."""
    root = Path.cwd()
    try:
        if "--check" not in sys.argv[1:]:
            print("\n".join(f"wrote {name}" for name in write(root)) or "everything is up to date")
        elif wrong := stale(root):
            sys.exit("\n".join([*wrong, "are out of date: python -m release.files"]))
    except ManifestError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
