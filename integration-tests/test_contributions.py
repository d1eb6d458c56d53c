"""What an institute's package may bring beside plugins that a config chooses: hooks, commands, kinds, presets."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import xarray as xr

CHECKPOINT = "run/checkpoint.safetensors"

METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\nSummary: What the Acme weather institute adds\n"

HOOKS = '''
"""Adds the institute's name to every checkpoint, and writes down what happens."""
import json
import os
from wxml import hookimpl

def note(**what):
    with open(os.environ["ACME_LOG"], "a") as file:
        file.write(json.dumps(what) + "\\n")

@hookimpl
def wxml_provenance():
    return {"institute": "Acme Weather Institute"}

@hookimpl
def wxml_config_resolved(config):
    note(hook="config resolved", seed=config["seed"])
    config["model"]["channels"] = 1

@hookimpl
def wxml_run_started(run_dir):
    note(hook="run started", files=sorted(path.name for path in run_dir.iterdir()))

@hookimpl
def wxml_checkpoint_saved(path):
    note(hook="checkpoint saved", complete=path.is_file(), name=path.name)

@hookimpl
def wxml_run_finished(run_dir, checkpoint):
    note(hook="run finished", checkpoint=str(checkpoint.relative_to(run_dir)))

@hookimpl
def wxml_forecast_step(fields, lead_time):
    mean = {name: float(fields[name].mean()) for name in fields.variables}
    note(hook="forecast step", valid=str(fields.valid_time), lead=str(lead_time), mean=mean)
'''

RAISING = '''
"""Fails wherever it can."""
from wxml import hookimpl

@hookimpl
def wxml_config_resolved(config):
    raise RuntimeError("no config for you")

@hookimpl
def wxml_run_started():
    raise SystemExit(3)

@hookimpl
def wxml_checkpoint_saved(path):
    path.missing

@hookimpl
def wxml_run_finished():
    1 / 0

@hookimpl
def wxml_forecast_step(fields):
    fields.values[:] = 0

@hookimpl
def wxml_provenance():
    return {"when": object()}
'''

SENTINEL = """
import os
open(os.environ["ACME_SENTINEL"], "w").close()
"""

TOOL = (
    SENTINEL
    + """
import click

@click.command()
@click.argument("station")
def tool(station):
    \"\"\"Compare with a station.\"\"\"
    click.echo(f"comparing with {station}")
"""
)

NORMS = '''
from abc import ABC, abstractmethod
from typing import Annotated
from pydantic import Field

class Norm(ABC):
    """What a training minimises."""
    @abstractmethod
    def value(self, error): ...

class Huber(Norm):
    """Quadratic near zero, linear far away."""
    def __init__(self, *, delta: Annotated[float, Field(gt=0, description="where it becomes linear")] = 1.0):
        self.delta = delta
    def value(self, error):
        return error**2 / 2 if abs(error) < self.delta else self.delta * (abs(error) - self.delta / 2)
'''

PRESET = """
channels: 4
encoder: {plugin: gnn, hidden_layers: 1}
processor: {plugin: gnn, num_layers: 1, hidden_layers: 1}
decoder: {plugin: gnn, hidden_layers: 1}
"""


def install(site: Path, name: str, entry_points: str, files: Mapping[str, str]) -> Path:
    """Put a distribution into a folder as an installer would: its entry points, and file → content."""
    info = site / f"{name.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(METADATA.format(name=name))
    (info / "entry_points.txt").write_text(entry_points)
    for file, content in files.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return tmp_path / "site"


def said(done: "subprocess.CompletedProcess[str]") -> str:
    """The stdout of a command that succeeded."""
    assert done.returncode == 0, done.stderr
    return done.stdout


# Hooks


@pytest.fixture(scope="module")
def hooked(tmp_path_factory, make_world, quickly) -> Path:
    """A training and a forecast on a machine with hooks that work and hooks that fail."""
    folder = tmp_path_factory.mktemp("hooked")
    site = install(folder / "site", "acme-hooks", "[wxml.hooks]\nacme = acme_hooks\n", {"acme_hooks.py": HOOKS})
    install(site, "aardvark", "[wxml.hooks]\naardvark = aardvark_hooks\n", {"aardvark_hooks.py": RAISING})
    world = make_world(folder / "world")
    variables = {"PYTHONPATH": str(site), "ACME_LOG": str(folder / "log.jsonl")}
    for name, arguments in {
        "train": ("train", "experiment.yaml", "--run-dir", "run"),
        "forecast": ("forecast", CHECKPOINT, "-o", "forecast.nc"),
    }.items():
        done = quickly(*arguments, folder=world, **variables)
        assert done.returncode == 0, done.stderr
        (folder / f"{name}.stderr").write_text(done.stderr)
    return folder


def told(hooked: Path) -> list[dict]:
    """What the working hooks wrote down."""
    return [json.loads(line) for line in (hooked / "log.jsonl").read_text().splitlines()]


def test_each_hook_is_called_where_it_says(hooked: Path) -> None:
    events = told(hooked)
    assert events[:4] == [
        {"hook": "config resolved", "seed": 3},
        {"hook": "run started", "files": [".lock", "config.yaml"]},
        {"hook": "checkpoint saved", "complete": True, "name": "checkpoint.safetensors"},
        {"hook": "run finished", "checkpoint": "checkpoint.safetensors"},
    ]
    assert {event["hook"] for event in events[4:]} == {"forecast step"}


def test_each_forecast_step_can_be_sent_somewhere(hooked: Path) -> None:
    """Every field of the file, with its values, was told; also the hook that tried to change them changed nothing."""
    with xr.open_dataset(hooked / "world" / "forecast.nc", decode_timedelta=True) as opened:
        data = opened.load()
    steps = {(event["valid"], event["lead"]): event["mean"] for event in told(hooked)[4:]}
    assert len(steps) == data.sizes["time"] * data.sizes["prediction_timedelta"]
    for time in data["time"].values:
        for lead in data["prediction_timedelta"].values:
            valid = (time + lead).astype("datetime64[s]")
            mean = steps[str(valid), str(lead.astype("timedelta64[s]"))]
            written = data.sel(time=time, prediction_timedelta=lead)
            for name in ("t", "z"):
                assert mean[name] == pytest.approx(float(written[name].astype("f8").mean()), rel=1e-5)
                assert float(written[name].std()) > 1


def test_the_institute_is_in_the_provenance_of_everything_made_after(hooked: Path, quick_wxml) -> None:
    for artefact in (CHECKPOINT, "forecast.nc"):
        shown = quick_wxml("inspect", artefact, folder=hooked / "world").stdout
        assert "note      institute: Acme Weather Institute" in shown


def test_hooks_that_fail_are_told_once_by_name_and_stop_nothing(hooked: Path) -> None:
    train, forecast = ((hooked / f"{name}.stderr").read_text() for name in ("train", "forecast"))
    for hook, failure in {
        "wxml_config_resolved": "RuntimeError: no config for you",
        "wxml_run_started": "SystemExit: 3",
        "wxml_checkpoint_saved": "AttributeError: ",
        "wxml_run_finished": "ZeroDivisionError: division by zero",
    }.items():
        assert f"hook {hook} of aardvark 1.2 failed: {failure}" in train
    assert "what hook wxml_provenance of aardvark 1.2 returned is left out" in train
    assert forecast.count("hook wxml_forecast_step of aardvark 1.2 failed: ValueError: ") == 1
    assert "acme" not in train + forecast


def test_without_the_packages_the_same_checkpoint_but_for_the_note(hooked: Path, trained: Path) -> None:
    from wxml.artefacts.checkpoint import load_checkpoint

    one, other = (load_checkpoint(path / CHECKPOINT) for path in (hooked / "world", trained))
    assert all(one.weights[name].equal(other.weights[name]) for name in other.weights)
    assert one.header["config"] == other.header["config"]
    assert other.header["provenance"]["notes"] == {}


# Commands


@pytest.mark.parametrize("arguments", [["--help"], ["list-plugins"]])
def test_a_command_is_listed_without_importing_it(arguments, site: Path, run, tmp_path: Path) -> None:
    install(site, "acme-tools", "[wxml.commands]\nacme-compare = acme_tools:tool\n", {"acme_tools.py": TOOL})
    sentinel = tmp_path / "imported"
    done = run(*arguments, folder=tmp_path, PYTHONPATH=str(site), ACME_SENTINEL=str(sentinel))
    lines = [line for line in said(done).splitlines() if "acme-compare" in line]
    assert len(lines) == 1
    assert "Compare with a station." in lines[0]
    assert not sentinel.exists()


def test_a_command_runs_and_has_help_of_its_own(site: Path, run, tmp_path: Path) -> None:
    install(site, "acme-tools", "[wxml.commands]\nacme-compare = acme_tools:tool\n", {"acme_tools.py": TOOL})
    variables = {"PYTHONPATH": str(site), "ACME_SENTINEL": str(tmp_path / "imported")}
    assert said(run("acme-compare", "Hamburg", folder=tmp_path, **variables)) == "comparing with Hamburg\n"
    assert (tmp_path / "imported").exists()
    assert "Compare with a station." in said(run("acme-compare", "--help", folder=tmp_path, **variables))


@pytest.mark.parametrize("code", ["import nowhere", "import sys; sys.exit(0)", "tool = 3"])
def test_a_broken_command_is_an_error_only_when_it_is_used(code: str, site: Path, run, tmp_path: Path) -> None:
    install(site, "acme-tools", "[wxml.commands]\nacme-compare = acme_tools:tool\n", {"acme_tools.py": code})
    assert "acme-compare" in said(run("--help", folder=tmp_path, PYTHONPATH=str(site)))
    done = run("acme-compare", folder=tmp_path, PYTHONPATH=str(site))
    assert done.returncode == 3
    assert "plugin acme-tools 1.2 (command 'acme-compare')" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_commands_of_one_name_are_told_apart(site: Path, run, tmp_path: Path) -> None:
    for name in ("acme", "other"):
        code = f"import click\n@click.command()\ndef tool():\n    click.echo('{name} at work')\n"
        install(site, name, f"[wxml.commands]\ncontrast = {name}_tools:tool\n", {f"{name}_tools.py": code})
    done = run("contrast", folder=tmp_path, PYTHONPATH=str(site))
    assert done.returncode == 2
    assert "command 'contrast' is provided by two packages: acme 1.2, other 1.2" in done.stderr
    assert "write `wxml acme:contrast` or `wxml other:contrast`" in done.stderr
    assert said(run("other:contrast", folder=tmp_path, PYTHONPATH=str(site))) == "other at work\n"
    assert "acme:contrast" in said(run("--help", folder=tmp_path, PYTHONPATH=str(site)))


def test_a_command_that_does_not_fit_this_core_says_so(site: Path, run, tmp_path: Path) -> None:
    install(site, "acme-tools", "[wxml.commands]\nacme-compare = acme_tools:tool\n", {"acme_tools.py": TOOL})
    with (site / "acme_tools-1.2.dist-info" / "METADATA").open("a") as metadata:
        metadata.write("Requires-Dist: wxml-core>=9\n")
    done = run("acme-compare", folder=tmp_path, PYTHONPATH=str(site))
    assert done.returncode == 3
    assert "needs wxml-core>=9 (0.2.0 is installed)" in done.stderr


# Kinds


def test_a_package_can_declare_a_kind_that_others_fill(site: Path, quickly, tmp_path: Path) -> None:
    install(site, "acme-norms", "[wxml.kinds]\nnorms = acme_norms:Norm\n", {"acme_norms.py": NORMS})
    install(site, "other-norms", "[wxml.norms]\nhuber = acme_norms:Huber\nwrong = json:JSONDecoder\n", {})
    listed = said(quickly("list-plugins", "--kind", "norms", "--json", folder=tmp_path, PYTHONPATH=str(site)))
    plugins = json.loads(listed)["plugins"]
    assert [(one["kind"], one["full_name"], one["status"]) for one in plugins] == [
        ("norm", "other-norms:huber", "ok"),
        ("norm", "other-norms:wrong", "ok"),
    ]
    shown = said(quickly("show-plugin", "norm", "huber", folder=tmp_path, PYTHONPATH=str(site)))
    assert shown.startswith("norm huber: Quadratic near zero, linear far away.\n")
    assert ["delta", "float", "1.0", ">", "0", "where", "it", "becomes", "linear"] in map(str.split, shown.splitlines())
    wrong = quickly("show-plugin", "norm", "wrong", folder=tmp_path, PYTHONPATH=str(site))
    assert wrong.returncode == 3
    assert "is not a subclass of acme_norms.Norm" in wrong.stderr


def test_plugins_of_a_kind_that_nobody_declares_are_listed_as_broken(site: Path, quickly, tmp_path: Path) -> None:
    install(site, "other-norms", "[wxml.norms]\nhuber = acme_norms:Huber\n", {})
    listed = said(quickly("list-plugins", "--problems", folder=tmp_path, PYTHONPATH=str(site)))
    assert "no package declares plugins of the kind 'norm'" in listed


# Presets


@pytest.mark.parametrize("init", [SENTINEL, SENTINEL + "raise RuntimeError('broken')"])
def test_a_preset_is_selected_though_its_package_cannot_be_imported(
    init: str, site: Path, quickly, tmp_path: Path, make_world
) -> None:
    files = {"__init__.py": init, "settings/__init__.py": init, "settings/model/acme.yaml": PRESET}
    entry_points = "[wxml.presets]\nacme = acme_presets.settings\n"
    install(site, "acme-presets", entry_points, {f"acme_presets/{name}": content for name, content in files.items()})
    world = make_world(tmp_path / "world")
    text = (world / "experiment.yaml").read_text()
    (world / "experiment.yaml").write_text(text.partition("\nmodel:")[0] + "\n")
    variables = {"PYTHONPATH": str(site), "ACME_SENTINEL": str(tmp_path / "imported")}
    shown = said(quickly("config", "show", "experiment.yaml", "model=acme", "--origin", folder=world, **variables))
    (line,) = [line for line in shown.splitlines() if line.startswith("model.channels ")]
    assert line.split() == ["model.channels", "4", "preset", "model/acme", "(acme-presets)"]
    assert not (tmp_path / "imported").exists()
    wrong = quickly("config", "show", "experiment.yaml", "model=acne", folder=world, **variables)
    assert wrong.returncode == 2
    assert "did you mean 'acme'?" in wrong.stderr
    assert "known: acme, gnn" in wrong.stderr
