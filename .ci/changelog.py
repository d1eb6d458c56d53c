"""Gather the fragments `PACKAGE/changes/NAME.KIND.md` into the changelogs, under the version of each package.

So that branches do not meet in one line of a file. towncrier begins a section for each release and cannot add to one
that is there, and most of ours are, since a version is named when its first change lands; hence these lines.

python3 .ci/changelog.py          write the changelogs, and remove the fragments
python3 .ci/changelog.py --check  only say what is wrong with the names of fragments
"""

import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KINDS = ("breaking", "new", "mended")
"""In this order they stand in a changelog."""


def fragments(package: Path) -> list[Path]:
    """The fragments of a package: what breaks, then what is new, then what is mended; of each kind by name."""
    found = [path for path in (package / "changes").glob("*") if path.name != "README.md"]
    return sorted(found, key=lambda path: (KINDS.index(kind(path)), path.name))


def kind(path: Path) -> str:
    """The kind in the name of a fragment.

    Raises:
        ValueError: it is none of `KINDS`, or the file is no Markdown, or empty.
    """
    parts = path.name.split(".")
    if len(parts) != 3 or parts[1] not in KINDS or parts[2] != "md":
        raise ValueError(f"{path} is no NAME.KIND.md with a kind of {', '.join(KINDS)}: rename it")
    if not path.read_text(encoding="utf-8").strip():
        raise ValueError(f"{path} is empty: write a sentence that is true after the change")
    return parts[1]


def item(text: str) -> str:
    """A text as an item of a list; further lines are set in."""
    return "- " + "\n  ".join(line.strip() for line in text.strip().removeprefix("- ").splitlines()) + "\n"


def gathered(changelog: str, version: str, items: list[str]) -> str:
    """A changelog with these items at the top of the section of a version, which is made if it is not there."""
    title, _, rest = changelog.partition("\n\n")
    heading = f"## {version}\n\n"
    older = rest.removeprefix(heading) if rest.startswith(heading) else f"\n{rest}"
    return f"{title}\n\n{heading}{''.join(items)}{older}"


def gather(package: Path) -> int:
    """Move the fragments of a package into its changelog; how many there were."""
    if not (found := fragments(package)):
        return 0
    version = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    path = package / "CHANGELOG.md"
    items = [item(one.read_text(encoding="utf-8")) for one in found]
    path.write_text(gathered(path.read_text(encoding="utf-8"), version, items), encoding="utf-8")
    for one in found:
        one.unlink()
    return len(found)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Do what the arguments ask for, for every package; the exit code."""
    packages = sorted(path.parent for path in [*root.glob("*/CHANGELOG.md"), *root.glob("plugins/*/CHANGELOG.md")])
    try:
        found = {package: fragments(package) for package in packages}
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments != ["--check"]:
        for package in filter(found.get, packages):
            print(f"{package.relative_to(root)}/CHANGELOG.md: {gather(package)} more")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
