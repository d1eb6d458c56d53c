"""Distributions made on the spot: a `.dist-info` folder beside a small real package, both in a folder on sys.path."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from wxml.plugins import hooks, load
from wxml.plugins.catalog import installed
from wxml.plugins.options import options_model

TRAINER = """
from pathlib import Path
from wxml.interfaces.trainer import Trainer

class Plugin(Trainer):
    '''Trains nothing.'''
    def fit(self, experiment, run_dir, *, resume=False):
        return Path(run_dir)
"""


class Site:
    """A folder of packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def add(
        self,
        name: str,
        entry_points: str,
        code: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        metadata: str = "",
    ) -> Path:
        """Install a distribution: its entry points as text, its code as file name → content."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        header = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: about {name}\n"
        (info / "METADATA").write_text(header + metadata)
        (info / "entry_points.txt").write_text(entry_points)
        for file, content in (code or {}).items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return info

    def trainer(self, name: str, package: str, code: str = TRAINER, **rest: str) -> Path:
        """Install a distribution with one trainer, called `it`."""
        return self.add(name, f"[wxml.trainers]\nit = {package}.part:Plugin\n", {f"{package}/part.py": code}, **rest)

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `wxml` in a process of its own that sees this folder before anything else."""
        command = [sys.executable, "-c", "from wxml.cli import main; main()", *arguments]
        variables = {**os.environ, "PYTHONPATH": str(self.folder), **environment}
        return subprocess.run(command, check=False, env=variables, capture_output=True, text=True, timeout=60)


def _forget() -> None:
    for cached in (installed, hooks.hooks, options_model):
        cached.cache_clear()
    load._outcomes.clear()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of packages that this process sees; modules imported from it are forgotten afterwards."""
    monkeypatch.delenv("WXML_PLUGINS", raising=False)
    monkeypatch.syspath_prepend(tmp_path / "site")
    _forget()
    yield Site(tmp_path / "site")
    _forget()
    for name, module in list(sys.modules.items()):
        # torch.classes answers every attribute but those in its own dictionary with an error
        if any(str(tmp_path) in str(vars(module).get(name)) for name in ("__file__", "__path__")):
            del sys.modules[name]
