"""A machine with wxml-core and one made-up distribution, acme-wxml, and with no config of its own."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from wxml.plugins import catalog

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 0.3.1\nSummary: a made-up institute\n"

ENTRY_POINTS = """
[wxml.data_sources]
toy = acme_wxml.source:Toy
[wxml.extensions]
acme = acme_wxml.settings:Settings
[wxml.graph_builders]
toy = acme_wxml.builder:Toy
[wxml.trainers]
toy = acme_wxml.trainer:Toy
[wxml.verifiers]
scorecard = acme_wxml.verifier:Toy
[wxml.transforms]
broken = acme_wxml.broken:Broken
[wxml.processors]
toy = acme_wxml.network:ToyProcessor
[wxml.mappers]
toy = acme_wxml.network:ToyMapper
[wxml.presets]
acme = acme_wxml.presets
"""

MODULES = {
    "__init__.py": "raise RuntimeError('finding presets must not import the package')\n",
    "presets/model/toy.yaml": (
        "# header\nchannels: 16\nencoder: {plugin: toy}\ndecoder: {plugin: toy}\n"
        "processor:\n  plugin: toy\n  num_layers: 3\n"
    ),
    "presets/model/wide.yaml": "defaults: [toy, _self_]\nchannels: 256\n",
}

PLUGINS = {
    "__init__.py": "",
    "source.py": """
        from typing import Annotated
        from pydantic import Field
        from wxml.data.source import DataSource
        class Toy(DataSource):
            def __init__(self, *, members: Annotated[int, Field(gt=0, description="How many members.")] = 1): ...
            def _read(self, time_indices, variable_indices, out): ...
            @property
            def header(self): ...
            def provenance(self): ...
    """,
    "builder.py": """
        from wxml import Options
        from wxml.graphs.builder import GraphBuilder
        class Reach(Options):
            radius: float = 0.6
        class Toy(GraphBuilder):
            def __init__(self, *, refinement: int = 2, encoder: Reach = Reach()): ...
            def _build(self, grid): ...
    """,
    "trainer.py": """
        from wxml.training.trainer import Trainer
        class Toy(Trainer):
            def __init__(self, *, max_steps: int = 100): ...
            def fit(self, experiment, run_dir): ...
    """,
    "verifier.py": """
        from wxml.verification.verifier import Verifier
        class Toy(Verifier):
            def __init__(self, *, regions: list[str] = []): ...
            def verify(self, task): ...
    """,
    "settings.py": """
        from typing import Annotated
        from pydantic import Field
        from wxml import Extension, Kind, PluginChoice
        class Settings(Extension):
            def __init__(
                self,
                *,
                project: str,
                alarm: Annotated[float, Field(gt=0)] = 3.0,
                watcher: Annotated[PluginChoice | None, Kind("verifier")] = None,
            ):
                self.project, self.alarm = project, alarm
    """,
    "broken.py": "import a_library_that_is_not_there\n",
    "network.py": """
        from typing import Annotated
        from pydantic import Field
        from wxml.model.mapper import Mapper
        from wxml.model.processor import Processor
        class ToyProcessor(Processor):
            def __init__(self, mesh, channels, *, num_layers: Annotated[int, Field(gt=0)] = 2): ...
            def forward(self, state): ...
        class ToyMapper(Mapper):
            def __init__(self, route, channels): ...
            def forward(self, source, target): ...
    """,
}


@dataclass(frozen=True)
class Machine:
    """The folders that config is read from."""

    site: Path
    user: Path
    here: Path
    packages: Path

    def write(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def experiment(self, text: str, name: str = "experiment.yaml") -> Path:
        """A file in the working folder, named without a folder."""
        self.write(self.here / name, text)
        return Path(name)

    def install(self, name: str, entry_points: str, files: dict[str, str]) -> None:
        """A distribution that `importlib.metadata` finds."""
        info = self.packages / f"{name.replace('-', '_')}-0.3.1.dist-info"
        self.write(info / "METADATA", METADATA.format(name=name))
        self.write(info / "entry_points.txt", entry_points)
        for path, text in files.items():
            self.write(self.packages / name.replace("-", "_") / path, text)
        catalog.installed.cache_clear()
        importlib.invalidate_caches()


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Presets of acme-wxml can be found; its code cannot be imported (its `__init__` raises)."""
    machine = Machine(tmp_path / "site", tmp_path / "home" / "wxml", tmp_path / "work", tmp_path / "packages")
    for folder in (machine.site, machine.user, machine.here, machine.packages):
        folder.mkdir(parents=True)
    monkeypatch.setenv("WXML_SITE_CONFIG", str(machine.site))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(machine.user.parent))
    monkeypatch.setenv("WXML_PLUGINS", "acme-wxml, other-wxml")
    monkeypatch.chdir(machine.here)
    monkeypatch.syspath_prepend(str(machine.packages))
    machine.install("acme-wxml", ENTRY_POINTS, MODULES)
    yield machine
    forget_acme()
    catalog.installed.cache_clear()


@pytest.fixture
def plugins(machine):
    """The same machine, on which the code of acme-wxml can be imported."""
    import textwrap

    pytest.importorskip("torch", reason="processors and mappers need torch")
    for path, text in PLUGINS.items():
        machine.write(machine.packages / "acme_wxml" / path, textwrap.dedent(text))
    importlib.invalidate_caches()
    return machine


def forget_acme() -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] in ("acme_wxml", "other_wxml")]:
        del sys.modules[name]
