"""What core knows of packages that are not installed is what the release manifest and the packages say."""

import json
import tomllib
from pathlib import Path

from packaging.version import Version

INDEX = "core/src/wxml/environment/release_index.json"
OTHERS = ("wxml.contracts", "wxml.kinds", "wxml.migrations", "wxml.presets", "wxml.templates")
"""Groups whose entries are no plugins, or are called otherwise in the index."""


def declared(root: Path) -> dict[tuple[str, str], str]:
    """(group, name) → distribution, for the packages of the manifest, read without the code under test."""
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    found = {}
    for path in root.glob("plugins/*/pyproject.toml"):
        project = tomllib.loads(path.read_text())["project"]
        if project["name"] in released:
            groups = project.get("entry-points", {})
            pairs = [(group, name) for group, names in groups.items() for name in names]
            found |= {pair: project["name"] for pair in pairs if pair[0] not in OTHERS}
    return found


def test_the_index_holds_the_plugins_of_the_release(root: Path) -> None:
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    rows = [row for row in json.loads((root / INDEX).read_text())["plugins"] if row["distribution"] in released]
    groups = {row["kind"]: f"wxml.{row['kind'].replace('-', '_')}s" for row in rows} | {"loss": "wxml.losses"}
    indexed = {(groups[row["kind"]], row["name"]): row["distribution"] for row in rows}
    assert {pair: name for pair, name in indexed.items() if pair[0] not in OTHERS} == declared(root)
    versions = {row["distribution"]: row["version"] for row in rows}
    if released["wxml-core"]["changed"]:
        assert versions == {name: released[name]["version"] for name in versions}
    else:  # what a released core knows stays as it was
        assert all(Version(version) <= Version(released[name]["version"]) for name, version in versions.items())


def test_every_released_package_with_plugins_is_in_the_index(root: Path) -> None:
    released = tomllib.loads((root / "release-manifest.toml").read_text())["packages"]
    rows = json.loads((root / INDEX).read_text())["plugins"]
    assert {row["distribution"] for row in rows} >= set(released) - {"wxml", "wxml-core", "wxml-kernels"}
