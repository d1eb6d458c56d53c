"""A plugin that was built for this wxml-core works, unchanged, with the next two minor versions, and with no later one.

The later cores are this one with another version: what they must keep of it, `test_release_plan.py` shows.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BUILD = "import os, sys; from hatchling.build import build_wheel as build; os.chdir(sys.argv[1]); build(sys.argv[2])"


def core_of(root: Path, folder: Path, version: str) -> Path:
    """A wheel of this core under another version."""
    source = folder / f"core-{version}"
    shutil.copytree(root / "core", source, ignore=shutil.ignore_patterns("tests", "__pycache__"))
    for path, key in (("pyproject.toml", "version"), ("src/wxml/__init__.py", "__version__")):
        text = (source / path).read_text()
        changed = re.sub(rf'^{key} = "[^"]*"', f'{key} = "{version}"', text, count=1, flags=re.MULTILINE)
        assert changed != text
        (source / path).write_text(changed)
    subprocess.run([sys.executable, "-c", BUILD, source, folder], check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob(f"wxml_core-{version}-*.whl")
    return wheel


@pytest.mark.slow
def test_a_plugin_works_with_the_next_two_minor_versions_of_the_core(
    root: Path, wheels: dict[str, Path], environment_without_wxml: Any, tmp_path: Path
) -> None:
    import wxml

    major, minor = map(int, wxml.__version__.split(".")[:2])
    plugin = wheels["plugins/processor-gnn"]
    core = core_of(root, tmp_path, f"{major}.{minor + 2}.0")
    done = environment_without_wxml.install(f"{core} {wheels['kernels']} {plugin}")
    assert done.returncode == 0, done.stdout
    listed = environment_without_wxml.run("wxml list-plugins --strict --kind processor", tmp_path)
    assert re.search(r"processor +gnn +wxml-processor-gnn .* ok ", listed.stdout), listed.stdout
    shown = environment_without_wxml.run("wxml check-plugin processor no-op", tmp_path)
    assert shown.returncode == 0, shown.stdout
    after = core_of(root, tmp_path, f"{major}.{minor + 3}.0")
    refused = environment_without_wxml.install(f"--upgrade {after} {wheels['kernels']} {plugin}")
    assert refused.returncode != 0
    assert "wxml-core" in refused.stdout
