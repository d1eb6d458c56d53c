"""Raises the version of one package: in the manifest, the package and its changelog, and where `wxml` pins it.

    python -m release.bump wxml-processor-gnn patch|minor|major
    python -m release.bump --made COMMIT

`--made` is for after a release: the manifest then takes its own versions for the released ones, and COMMIT for what
they were built from.
"""

__all__ = ["bump", "made", "raised"]

import argparse
import re
import sys
from dataclasses import replace
from pathlib import Path

from release.files import write
from release.manifest import FILE, Last, ManifestError, read, written

PARTS = ("major", "minor", "patch")


def raised(version: str, part: str) -> str:
    """The next version.

    >>> raised("0.2.3", "minor"), raised("0.2.3", "patch")
    ('0.3.0', '0.2.4')
    """
    numbers = [int(number) for number in version.split(".")]
    place = PARTS.index(part)
    return ".".join(map(str, [*numbers[:place], numbers[place] + 1, *([0] * (len(PARTS) - 1 - place))]))


def bump(root: Path, name: str, part: str) -> list[str]:
    """Raise the version of a package; the files that were written.

    Raises:
        ManifestError: the manifest has no such package.
    """
    manifest = read(root)
    if name not in manifest.packages:
        raise ManifestError(f"`{FILE}` has no package {name!r}, it has {', '.join(manifest.packages)}")
    package = manifest.packages[name]
    version = raised(package.version, part)
    packages = {**manifest.packages, name: replace(package, version=version)}
    (root / FILE).write_text(written(replace(manifest, packages=packages)), encoding="utf-8")
    return sorted({FILE, *_changelog(root, package.path, version), *_module(root, package.path, version), *write(root)})


def _changelog(root: Path, folder: str, version: str) -> list[str]:
    path = root / folder / "CHANGELOG.md"
    text = path.read_text(encoding="utf-8")
    path.write_text(re.sub(r"^## ", f"## {version}\n\n## ", text, count=1, flags=re.MULTILINE), encoding="utf-8")
    return [f"{folder}/CHANGELOG.md"]


def _module(root: Path, folder: str, version: str) -> list[str]:
    """Write the version where a module tells it, too."""
    found = []
    for path in (root / folder).glob("src/*/__init__.py"):
        text = path.read_text(encoding="utf-8")
        changed = re.sub(r'^__version__ = "[^"]*"', f'__version__ = "{version}"', text, flags=re.MULTILINE)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            found.append(path.relative_to(root).as_posix())
    return found


def made(root: Path, commit: str) -> list[str]:
    """Take the versions of the manifest for the released ones; the files that were written."""
    manifest = read(root)
    packages = {name: replace(package, released=package.version) for name, package in manifest.packages.items()}
    last = Last(manifest.version, commit)
    (root / FILE).write_text(written(replace(manifest, packages=packages, last=last)), encoding="utf-8")
    return [FILE, *write(root)]


def main() -> None:
    """Change the files and print their names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?")
    parser.add_argument("part", nargs="?", choices=PARTS)
    parser.add_argument("--made", metavar="COMMIT", help="the release was made of this commit")
    asked = parser.parse_args()
    if bool(asked.made) == bool(asked.part):
        parser.error("give a package and what to raise, or --made COMMIT")
    try:
        changed = made(Path.cwd(), asked.made) if asked.made else bump(Path.cwd(), asked.package, asked.part)
    except ManifestError as error:
        sys.exit(f"error: {error}")
    print("\n".join(changed))


if __name__ == "__main__":
    main()
