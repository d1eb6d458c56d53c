"""What core knows of packages that are not installed is what the release manifest and the packages say."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

INDEX = "core/src/wxml/environment/release_index.json"


def declared(root: Path) -> dict[tuple[str, str], str]:
    """(group, name) → distribution, for the packages of the manifest, read without the code under test."""
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    found = {}
    for path in root.glob("plugins/*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        if project["name"] in released:
            groups = project.get("entry-points", {})
            pairs = [(group, name) for group, names in groups.items() for name in names]
            found |= {
                pair: project["name"]
                for pair in pairs
                if pair[0] not in ("wxml.kinds", "wxml.presets", "wxml.hooks", "wxml.templates")
            }
    return found


def test_the_index_holds_the_plugins_of_the_release(root: Path) -> None:
    rows = json.loads((root / INDEX).read_text())["plugins"]
    indexed = {(f"wxml.{row['kind'].replace('-', '_')}s", row["name"]): row["distribution"] for row in rows}
    assert indexed == declared(root)
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    assert {row["distribution"]: row["version"] for row in rows}.items() <= released.items()


def test_the_file_is_what_its_script_writes(root: Path) -> None:
    command = [sys.executable, root / "core" / "write_release_index.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_released_package_with_plugins_is_in_the_index(root: Path) -> None:
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    rows = json.loads((root / INDEX).read_text())["plugins"]
    assert {row["distribution"] for row in rows} == set(released) - {"wxml", "wxml-core", "wxml-kernels"}
