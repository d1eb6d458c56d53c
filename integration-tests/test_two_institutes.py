"""Two institutes whose packages clash in everything that can clash, installed together.

Each experiment of each still runs, or the error says what to write, and what it says works.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import xarray as xr
from wxml.artefacts.checkpoint import load_checkpoint, read_header

CHECKPOINT = "run/checkpoint.safetensors"
INSTITUTES = ("acme", "borealis")
EACH = ("acme", pytest.param("borealis", marks=pytest.mark.long()))
FACTORS = {"acme": 1.0, "borealis": -0.5}
ORDERS = (INSTITUTES, INSTITUTES[::-1])
EXPERIMENTS = {
    "mixing": "mixing.yaml",
    "bent": "bent.yaml",
    "nested": "nested.yaml",
    "preset": "experiment=first-steps",
}
FILES = ("world.nc", "mixing.yaml", "bent.yaml", "nested.yaml")

Command = Callable[..., "subprocess.CompletedProcess[str]"]

ENTRY_POINTS = """
[wxml.kinds]
activations = {0}_wxml.activations:Activation
[wxml.activations]
gentle = {0}_wxml.activations:Gentle
[wxml.processors]
mixing = {0}_wxml.processors:Mixing
bent-mixing = {0}_wxml.processors:BentMixing
twice = {0}_wxml.processors:Twice
[wxml.forecast_writers]
numbers = {0}_wxml.writer:Numbers
[wxml.commands]
greet = {0}_wxml.commands:greet
[wxml.presets]
ours = {0}_wxml.presets
"""

ACTIVATIONS = '''
from abc import abstractmethod
from torch import Tensor, nn

class Activation(nn.Module):
    """What bends a mixture, as {0} sees it."""
    def __init__(self) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, state: Tensor) -> Tensor: ...

class Gentle(Activation):
    """The activation of {0}."""
    def forward(self, state: Tensor) -> Tensor:
        return {1} * state.tanh()
'''

PROCESSORS = '''
from typing import Annotated
from torch import Tensor, nn
from wxml import Kind, Mesh, PluginChoice, Processor, ProcessorChannels, create

class Mixing(Processor):
    """The mixing of {0}: {1} times a linear layer."""
    def __init__(self, mesh: Mesh, channels: ProcessorChannels) -> None:
        super().__init__(mesh, channels)
        self.mix = nn.Linear(channels.hidden, channels.hidden)

    def forward(self, state: Tensor) -> Tensor:
        return {1} * self.mix(state)

class BentMixing(Mixing):
    """The mixing of {0}, bent by a plugin of its own kind."""
    def __init__(
        self, mesh: Mesh, channels: ProcessorChannels, *, activation: Annotated[PluginChoice, Kind("activation")]
    ) -> None:
        super().__init__(mesh, channels)
        self.activation = create("activation", activation.plugin, activation.options)

    def forward(self, state: Tensor) -> Tensor:
        return self.activation(super().forward(state))

class Twice(Processor):
    """Another processor, and that of {0} again."""
    def __init__(
        self, mesh: Mesh, channels: ProcessorChannels, *, inner: Annotated[PluginChoice, Kind("processor")]
    ) -> None:
        super().__init__(mesh, channels)
        self.inner = create("processor", inner.plugin, inner.options, mesh, channels)

    def forward(self, state: Tensor) -> Tensor:
        return self.inner(state + self.inner(state))
'''

WRITER = '''
import json
from pathlib import Path
from wxml import ForecastWriter

class Numbers(ForecastWriter):
    """Means of fields, as {0} writes them."""
    suffixes = (".numbers",)

    def open(self, header):
        self.written = {{"institute": "{0}", "provenance": header.provenance, "means": []}}

    def write(self, fields, lead_time):
        self.written["means"].append(float(fields.values.mean()))

    def close(self):
        Path(self.target).write_text(json.dumps(self.written))

    @classmethod
    def read_provenance(cls, target):
        return json.loads(Path(target).read_text())["provenance"]
'''

COMMANDS = '''
import click

@click.command()
def greet() -> None:
    """Greet from {0}."""
    click.echo("{0} greets")
'''

MODEL = """
channels: 8
encoder: {plugin: gnn, hidden_layers: 1}
processor: {plugin: mixing}
decoder: {plugin: gnn, hidden_layers: 1}
"""
WIDE = "defaults: [small, _self_]\nchannels: 12\n"
"""A preset of the group `model` that starts from another one of its package."""


def install(site: Path, institute: str, experiment: str) -> Path:
    """Put the package of an institute into a folder as an installer would."""
    info = site / f"{institute}_wxml-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {institute}-wxml\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS.format(institute))
    code = {"activations": ACTIVATIONS, "processors": PROCESSORS, "writer": WRITER, "commands": COMMANDS}
    files = {f"{name}.py": text.format(institute, FACTORS[institute]) for name, text in code.items()}
    files |= {
        "__init__.py": "",
        "presets/model/small.yaml": MODEL,
        "presets/model/wide.yaml": WIDE,
        "presets/experiment/first-steps.yaml": f"defaults: [{{model: wide}}]\n{experiment}",
    }
    for name, text in files.items():
        path = site / f"{institute}_wxml" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site


@pytest.fixture(scope="module")
def world(make_world, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with weather, and for each institute a folder with its package and an experiment with its processor."""
    folder = make_world(tmp_path_factory.mktemp("institutes") / "world")
    text = (folder / "experiment.yaml").read_text()
    head = text.partition("\nmodel:")[0]
    for institute in INSTITUTES:
        install(folder / institute, institute, head.replace("path: world.nc", f"path: {folder}/world.nc"))
    ours = re.sub("processor: .*", "processor: {plugin: mixing}", text)
    (folder / "mixing.yaml").write_text(ours)
    chosen = {
        "bent": "{plugin: bent-mixing, activation: {plugin: gentle}}",
        "nested": "{plugin: twice, inner: {plugin: mixing}}",
    }
    for name, processor in chosen.items():
        (folder / f"{name}.yaml").write_text(ours.replace("{plugin: mixing}", processor))
    return folder


@pytest.fixture(params=ORDERS, ids="-then-".join)
def either(request: pytest.FixtureRequest, world: Path) -> str:
    """The folders of both packages, in one order or in the other."""
    return ":".join(str(world / institute) for institute in request.param)


@pytest.fixture(params=[ORDERS[0], pytest.param(ORDERS[1], marks=pytest.mark.long())], ids="-then-".join)
def both(request: pytest.FixtureRequest, world: Path) -> str:
    """The same; the other order is left to `nox -s long`."""
    return ":".join(str(world / institute) for institute in request.param)


@pytest.fixture
def folder(world: Path, tmp_path: Path) -> Path:
    """A folder to work in, with the weather and the experiments."""
    for name in FILES:
        shutil.copy(world / name, tmp_path)
    return tmp_path


def told(done: "subprocess.CompletedProcess[str]", pattern: str) -> dict[str, str]:
    """What an error tells to write, by the institute whose name begins it; the pattern has one group."""
    assert done.returncode == 2, done.stderr
    found = {one.partition("-")[0]: one for one in re.findall(pattern, done.stderr)}
    assert set(found) == set(INSTITUTES), done.stderr
    return found


def require_same_weights(found: Path, expected: Path) -> None:
    ours, theirs = (load_checkpoint(folder / "checkpoint.safetensors").weights for folder in (found, expected))
    assert ours.keys() == theirs.keys()
    assert all(ours[name].equal(theirs[name]) for name in theirs)


# Alone, as before the other came


@pytest.fixture(scope="module")
def alone(world: Path, quick_wxml: Command, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each institute has made before: a folder for each, with a run and a forecast of each experiment."""
    made = {}
    for institute in INSTITUTES:
        folder = made[institute] = tmp_path_factory.mktemp(institute)
        site = str(world / institute)
        for name in FILES:
            shutil.copy(world / name, folder)
        for run, experiment in EXPERIMENTS.items():
            checkpoint = f"{run}/checkpoint.safetensors"
            quick_wxml("train", experiment, "--run-dir", run, folder=folder, PYTHONPATH=site)
            quick_wxml("forecast", checkpoint, "-o", f"{run}.nc", folder=folder, PYTHONPATH=site)
    return made


def test_the_two_are_not_the_same(alone: dict[str, Path]) -> None:
    """Else a mistake of one for the other would not be seen."""
    for run in EXPERIMENTS:
        acme, borealis = (xr.load_dataset(alone[institute] / f"{run}.nc") for institute in INSTITUTES)
        assert float(abs(acme["t"] - borealis["t"]).max()) > 1e-3


@pytest.mark.parametrize("institute", EACH)
@pytest.mark.parametrize("run", ["mixing", "nested", "preset"])
def test_a_checkpoint_from_before_forecasts_the_same(
    institute: str, run: str, alone: dict[str, Path], both: str, quick_wxml: Command, tmp_path: Path
) -> None:
    arguments = ("forecast", f"{run}/checkpoint.safetensors", "-o", tmp_path / "new.nc")
    quick_wxml(*arguments, folder=alone[institute], PYTHONPATH=both)
    found, before = xr.load_dataset(tmp_path / "new.nc"), xr.load_dataset(alone[institute] / f"{run}.nc")
    xr.testing.assert_identical(found.drop_attrs(), before.drop_attrs())


# Together


def test_every_clash_is_listed_with_what_to_write(either: str, run: Command, quickly: Command, tmp_path: Path) -> None:
    done = run("list-plugins", "--problems", folder=tmp_path, PYTHONPATH=either)
    assert done.returncode == 0, done.stderr
    clashes = {
        "command": ("greet",),
        "forecast-writer": ("numbers",),
        "kind": ("activation",),
        "preset": ("experiment/first-steps", "model/small", "model/wide"),
        "processor": ("bent-mixing", "mixing", "twice"),
        "activation": ("gentle",),
    }
    for kind, names in clashes.items():
        for name in names:
            for institute in INSTITUTES:
                (line,) = re.findall(rf"^.*\b{institute}-wxml:{name} .*$", done.stdout, re.MULTILINE)
                assert "conflict" in line
                assert kind in line
    assert len(done.stdout.splitlines()) == 2 * sum(map(len, clashes.values()))
    same = quickly("list-plugins", "--problems", folder=tmp_path, PYTHONPATH=either)
    assert same.stdout == done.stdout, "the order of installation changes nothing, and neither does the way of the test"


@pytest.mark.parametrize("institute", EACH)
def test_a_config_is_told_the_full_names(
    institute: str, both: str, alone: dict[str, Path], folder: Path, quickly: Command, quick_wxml: Command
) -> None:
    """And with its own name it trains the weights that it trained before."""
    done = quickly("train", "mixing.yaml", "--run-dir", "run", folder=folder, PYTHONPATH=both)
    assert "processor 'mixing' is provided by two packages: acme-wxml 1.0, borealis-wxml 1.0" in done.stderr
    name = told(done, r"`plugin: (\S+)`")[institute]
    text = (folder / "mixing.yaml").read_text()
    (folder / "mixing.yaml").write_text(text.replace("plugin: mixing", f"plugin: {name}"))
    quick_wxml("train", "mixing.yaml", "--run-dir", "run", folder=folder, PYTHONPATH=both)
    require_same_weights(folder / "run", alone[institute] / "mixing")


@pytest.mark.parametrize("institute", EACH)
def test_a_preset_is_told_the_full_names(
    institute: str, both: str, alone: dict[str, Path], folder: Path, quickly: Command, quick_wxml: Command
) -> None:
    """Inside of it the bare names of a preset and of a processor are those of its own package, as before."""
    arguments = ("--run-dir", "run")
    done = quickly("train", "experiment=first-steps", *arguments, folder=folder, PYTHONPATH=both)
    name = told(done, r"`(\w+-wxml:first-steps)`")[institute]
    quick_wxml("train", f"experiment={name}", *arguments, folder=folder, PYTHONPATH=both)
    require_same_weights(folder / "run", alone[institute] / "preset")


@pytest.mark.parametrize("institute", EACH)
def test_a_preset_of_one_and_a_processor_of_the_other_make_a_model(
    institute: str, both: str, folder: Path, quick_wxml: Command
) -> None:
    (other,) = set(INSTITUTES) - {institute}
    text = (folder / "mixing.yaml").read_text().partition("\nmodel:")[0]
    (folder / "mixing.yaml").write_text(f"defaults: [{{model: {institute}-wxml:wide}}]\n{text}")
    mixed = f"model.processor.plugin={other}-wxml:mixing"
    quick_wxml("train", "mixing.yaml", mixed, "--run-dir", "run", folder=folder, PYTHONPATH=both)
    quick_wxml("forecast", CHECKPOINT, "-o", "forecast.nc", folder=folder, PYTHONPATH=both)
    header = read_header(folder / CHECKPOINT)
    assert header["config"]["model"]["channels"] == 12
    assert [one["plugin"] for one in header["provenance"]["plugins"] if one["kind"] == "processor"] == [
        f"{other}-wxml:mixing"
    ]


@pytest.mark.parametrize("institute", EACH)
def test_a_command_is_told_the_full_names(institute: str, both: str, quickly: Command, tmp_path: Path) -> None:
    name = told(quickly("greet", folder=tmp_path, PYTHONPATH=both), r"`wxml (\S+)`")[institute]
    assert quickly(name, folder=tmp_path, PYTHONPATH=both).stdout == f"{institute} greets\n"
    assert f"Greet from {institute}." in quickly("--help", folder=tmp_path, PYTHONPATH=both).stdout


@pytest.mark.parametrize("institute", EACH)
def test_a_suffix_is_told_the_full_names(
    institute: str, both: str, alone: dict[str, Path], quickly: Command, quick_wxml: Command, tmp_path: Path
) -> None:
    arguments = ("forecast", "mixing/checkpoint.safetensors", "-o", tmp_path / "new.numbers")
    done = quickly(*arguments, folder=alone[institute], PYTHONPATH=both)
    assert "files .numbers are written by several forecast writers" in done.stderr
    choice = told(done, r"(\w+-wxml:numbers)")[institute]
    quick_wxml(*arguments, f"forecast.writer.plugin={choice}", folder=alone[institute], PYTHONPATH=both)
    assert json.loads((tmp_path / "new.numbers").read_text())["institute"] == institute
    assert (
        f"{institute}-wxml:mixing 1.0" in quick_wxml("inspect", "new.numbers", folder=tmp_path, PYTHONPATH=both).stdout
    )


@pytest.mark.parametrize("institute", EACH)
def test_a_kind_is_told_what_to_disable(
    institute: str, both: str, alone: dict[str, Path], folder: Path, quickly: Command, quick_wxml: Command
) -> None:
    """A kind has no full name, since nobody knows which of two interfaces its plugins fit."""
    text = (folder / "bent.yaml").read_text()
    (folder / "bent.yaml").write_text(text.replace("plugin: bent-mixing", f"plugin: {institute}-wxml:bent-mixing"))
    train = ("train", "bent.yaml", "--run-dir", "run")
    done = quickly(*train, folder=folder, PYTHONPATH=both)
    assert "the kind 'activation' is declared by two packages: acme-wxml 1.0, borealis-wxml 1.0" in done.stderr
    rules = re.findall(r"WXML_PLUGINS=(\S+) keeps that of (\w+)-wxml", done.stderr)
    rule = {kept: rule for rule, kept in rules}[institute]
    quick_wxml(*train, folder=folder, PYTHONPATH=both, WXML_PLUGINS=rule)
    require_same_weights(folder / "run", alone[institute] / "bent")


@pytest.mark.parametrize("institute", EACH)
def test_a_checkpoint_of_a_kind_of_both_is_told_what_to_disable(
    institute: str, both: str, alone: dict[str, Path], quickly: Command, quick_wxml: Command, tmp_path: Path
) -> None:
    arguments = ("forecast", "bent/checkpoint.safetensors", "-o", tmp_path / "new.nc")
    done = quickly(*arguments, folder=alone[institute], PYTHONPATH=both)
    assert done.returncode == 2
    rules = re.findall(r"WXML_PLUGINS=(\S+) keeps that of (\w+)-wxml", done.stderr)
    rule = {kept: rule for rule, kept in rules}[institute]
    quick_wxml(*arguments, folder=alone[institute], PYTHONPATH=both, WXML_PLUGINS=rule)
    found, before = xr.load_dataset(tmp_path / "new.nc"), xr.load_dataset(alone[institute] / "bent.nc")
    xr.testing.assert_identical(found.drop_attrs(), before.drop_attrs())
