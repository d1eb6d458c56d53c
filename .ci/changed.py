"""Which packages a branch may have changed, as JSON: those with other files, and all that need one of them.

python3 .ci/changed.py BASE               the packages whose tests must run
python3 .ci/changed.py --changelogs BASE  fails if a package has changed, and says so in no changelog
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOR_ALL = {"bootstrap.py", "conftest.py", "constraints.txt", "noxfile.py", "pyproject.toml"}
"""Files of which any may change the tests of every package."""


@cache
def packages() -> dict[str, str]:
    """Folder of each package with code → its name."""
    paths = sorted([*ROOT.glob("plugins/*/pyproject.toml"), *ROOT.glob("kernels/*.toml"), *ROOT.glob("core/*.toml")])
    return {path.parent.relative_to(ROOT).as_posix(): project(path)["name"] for path in paths}


@cache
def project(path: Path) -> dict[str, Any]:
    """The table `project` of a `pyproject.toml`."""
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    return table


def needed(folder: str, *, with_extras: bool = True) -> set[str]:
    """The names of the packages of this repository that one needs; its tests need those of its extras, too."""
    table = project(ROOT / folder / "pyproject.toml")
    extras = table.get("optional-dependencies", {}) if with_extras else {}
    lines = [*table["dependencies"], *(line for lines in extras.values() for line in lines)]
    names = {re.split(r"[^\w-]", line, maxsplit=1)[0] for line in lines}
    return names & set(packages().values())


def to_be_tested(files: Iterable[str]) -> list[str]:
    """The folders of the packages with one of these files, and of those that need them, directly or not."""
    files = set(files)
    if files & FOR_ALL:
        return list(packages())
    found = {folder for folder in packages() if any(file.startswith(f"{folder}/") for file in files)}
    while more := {one for one in packages() if needed(one) & {packages()[folder] for folder in found}} - found:
        found |= more
    return sorted(found)


def without_a_line(files: Iterable[str]) -> list[str]:
    """The folders of the packages whose source is among these files, and neither a changelog nor a fragment is."""
    files = set(files)
    return [
        folder
        for folder in packages()
        if any(file.startswith(f"{folder}/src/") for file in files)
        and not any(file.startswith((f"{folder}/CHANGELOG.md", f"{folder}/changes/")) for file in files)
    ]


def main(arguments: list[str]) -> int:
    """Print what `arguments` ask for; the exit code."""
    *options, base = arguments
    command = ["git", "diff", "--name-only", f"{base}...HEAD"]
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    if options != ["--changelogs"]:
        print(json.dumps(to_be_tested(files)))
        return 0
    for folder in (silent := without_a_line(files)):
        print(f"error: {folder}/src has changed: add {folder}/changes/NAME.KIND.md, as CONTRIBUTING.md says")
    return 1 if silent else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
