"""A plugin that was built for this wxml-core works, unchanged, with the next two minor versions, and with no later one.

The later cores are this one with another version: what they must keep of it, `test_release_plan.py` shows.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_a_plugin_works_with_the_next_two_minor_versions_of_the_core(
    root: Path, wheels: dict[str, Path], environment_without_wxml: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import wxml

    monkeypatch.syspath_prepend(str(root))
    numbered = import_module("release.cores").numbered
    major, minor = map(int, wxml.__version__.split(".")[:2])
    plugin = wheels["plugins/processor-gnn"]
    core = numbered(f"{major}.{minor + 2}.0", root, tmp_path)
    done = environment_without_wxml.install(f"{core} {wheels['kernels']} {plugin}")
    assert done.returncode == 0, done.stdout
    listed = environment_without_wxml.run("wxml list-plugins --strict --kind processor", tmp_path)
    assert re.search(r"processor +gnn +wxml-processor-gnn .* ok ", listed.stdout), listed.stdout
    shown = environment_without_wxml.run("wxml check-plugin processor no-op", tmp_path)
    assert shown.returncode == 0, shown.stdout
    after = numbered(f"{major}.{minor + 3}.0", root, tmp_path)
    refused = environment_without_wxml.install(f"--upgrade {after} {wheels['kernels']} {plugin}")
    assert refused.returncode != 0
    assert "wxml-core" in refused.stdout
