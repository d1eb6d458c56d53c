"""Write `src/wxml/environment/release_index.json`: every plugin that the released packages in `plugins/` declare.

    python core/write_release_index.py [--check]

With `--check` nothing is written, and the exit code is 1 where the file is not what it would be.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

from wxml.environment.names import canonical_name, kind_name
from wxml.environment.release_index import ReleasedPlugin

ROOT = Path(__file__).parent.parent
FILE = ROOT / "core" / "src" / "wxml" / "environment" / "release_index.json"
UNNAMED = ("wxml.kinds", "wxml.presets", "wxml.hooks", "wxml.templates")


def release_index(root: Path = ROOT) -> str:
    """The content of the file."""
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    projects = [tomllib.loads(path.read_text())["project"] for path in root.glob("plugins/*/pyproject.toml")]
    ours = [project for project in projects if project["name"] in released]
    rows = [row._asdict() for row in sorted(row for project in ours for row in plugins(project, released))]
    return json.dumps({"plugins": rows}, indent=1) + "\n"


def plugins(project: dict[str, Any], released: dict[str, str]) -> list[ReleasedPlugin]:
    """The plugins that a config or a command line can name."""
    about = (project["name"], released[project["name"]], project["description"])
    return [
        ReleasedPlugin(kind_name(group.removeprefix("wxml.")), canonical_name(name), *about)
        for group, names in project.get("entry-points", {}).items()
        if group.startswith("wxml.") and group not in UNNAMED
        for name in names
    ]


if __name__ == "__main__":
    if "--check" in sys.argv[1:]:
        sys.exit(0 if FILE.read_text() == release_index() else f"{FILE} is out of date: nox -s release-index")
    FILE.write_text(release_index())
