"""Plugins that each do one thing wrong, installed beside the good ones: who hears of it, who pays, who does not.

One environment holds them all: the clean one, into which pip has installed a wheel of every package of this repository,
and of every bad plugin as well.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from wxml.artefacts.checkpoint import load_checkpoint

ROOT = Path(__file__).resolve().parents[1]
OURS = {"wxml-core", *(f"wxml-{path.parent.name}" for path in ROOT.glob("plugins/*/pyproject.toml"))}

spec = importlib.util.spec_from_file_location("bad_plugins_packages", Path(__file__).parent / "bad_plugins/packages.py")
packages = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = packages
spec.loader.exec_module(packages)

BAD = packages.BAD_PLUGINS
BY_NAME = {plugin.distribution: plugin for plugin in BAD}
IN_CONFIG = [plugin for plugin in BAD if plugin.exit_code in (2, 3) and plugin.distribution != "acme-other"]
DENIED = ",".join(f"-{plugin.distribution}" for plugin in BAD)
PROCESSOR = "processor: {plugin: gnn"
FULL_PROCESSOR = "processor: {plugin: wxml-processor-gnn:gnn"  # where the bare name is taken twice

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def installation(
    quick_in_clean: Command, environment_of_wheels, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The environment with everything in it, for as long as these tests last.

    The process that is forked began before, and has imported none of them.
    """
    folder, home = tmp_path_factory.mktemp("bad"), environment_of_wheels.folder
    wheels = [packages.write_wheel(plugin, folder) for plugin in BAD]
    pip(environment_of_wheels, f"install --no-deps --no-index {' '.join(map(str, wheels))}", folder)
    (site,) = home.glob("lib/python*/site-packages")
    for plugin in BAD:  # as an installer that checks less would have left it
        (site / f"{plugin.package}-1.2.3.dist-info/METADATA").write_bytes(plugin.metadata)
    yield home
    latin = BY_NAME["acme-latin"]  # pip stops at metadata that it cannot read, so they go by hand
    shutil.rmtree(site / f"{latin.package}-1.2.3.dist-info")
    shutil.rmtree(site / latin.package)
    pip(environment_of_wheels, f"uninstall --yes {' '.join(BY_NAME.keys() - {latin.distribution})}", folder)
    assert not list(site.glob("acme*"))


def pip(environment, arguments: str, folder: Path) -> None:
    done = environment.run(f"python -m pip --quiet {arguments}", folder)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """A folder in which every bad plugin that is imported leaves its name."""
    (tmp_path / "seen").mkdir()
    return tmp_path / "seen"


@pytest.fixture
def there(installation: Path, run, seen: Path, tmp_path: Path) -> Command:
    """Run `wxml` of that environment."""
    return partial(run, script=installation / "bin/wxml", folder=tmp_path, ACME_SEEN=str(seen))


@pytest.fixture
def quickly_there(installation: Path, quick_in_clean: Command, seen: Path, tmp_path: Path) -> Command:
    """Run it in a fork: where the question is not what happens to the process."""
    return partial(quick_in_clean, folder=tmp_path, ACME_SEEN=str(seen))


def imported(seen: Path) -> set[str]:
    return {path.name for path in seen.iterdir()}


def listed(done: "subprocess.CompletedProcess[str]") -> dict[str, dict]:
    """The answer of `wxml list-plugins --json`, which must have succeeded: full name and kind → record."""
    assert (done.returncode, done.stderr) == (0, "")
    plugins = json.loads(done.stdout)["plugins"]
    return {f"{plugin['kind']} {plugin['full_name']}": plugin for plugin in plugins}


def weights(folder: Path) -> dict:
    return load_checkpoint(folder / "checkpoint.safetensors").weights


def says(stderr: str, plugin) -> None:
    """A message about a plugin names whose it is, what is wrong and what to do."""
    assert f"{plugin.distribution} 1.2.3" in stderr
    assert plugin.cause in stderr
    assert plugin.fix in stderr
    assert "Traceback" not in stderr


def in_full(folder: Path) -> Path:
    """Writes the name of the processor in full in the experiment of a folder."""
    text = (folder / "experiment.yaml").read_text()
    assert PROCESSOR in text
    (folder / "experiment.yaml").write_text(text.replace(PROCESSOR, FULL_PROCESSOR))
    return folder


# Looking around


@pytest.fixture(scope="module")
def usual(run, tmp_path_factory) -> dict[str, dict]:
    """What is listed without bad plugins."""
    return listed(run("list-plugins", "--json", folder=tmp_path_factory.mktemp("usual")))


def test_all_is_listed_and_none_imported(there: Command, seen: Path, usual) -> None:
    rows = listed(there("list-plugins", "--json"))
    ours = {name for name in usual if usual[name]["distribution"] in OURS}
    assert len(ours) >= 14
    assert set(rows) >= ours
    troubled = {name for name in ours if rows[name]["status"] != "ok"}
    assert troubled == {"processor wxml-processor-gnn:gnn"}, "which somebody else provides too"
    for plugin in BAD:
        row = rows[f"{plugin.kind} {plugin.full_name}"]
        assert (row["status"], row["version"]) == (plugin.status, "1.2.3")
        assert plugin.problem in row["problem"]
    assert imported(seen) == set()


def test_the_table_has_a_line_for_each(there: Command, seen: Path) -> None:
    done = there("list-plugins")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {tuple(line.split()[:5]) for line in done.stdout.splitlines()}
    assert lines >= {(plugin.kind, plugin.name, plugin.distribution, "1.2.3", plugin.status) for plugin in BAD}
    assert imported(seen) == set()


def test_problems_name_who_is_to_blame(there: Command) -> None:
    done = there("list-plugins", "--problems")
    assert (done.returncode, done.stderr) == (0, "")
    for plugin in BAD:
        lines = [line for line in done.stdout.splitlines() if plugin.full_name in line.split()]
        assert bool(lines) == (plugin.status != "ok")
        assert all(plugin.status in line and plugin.problem in line for line in lines)


def test_help_is_as_ever(there: Command, seen: Path) -> None:
    done = there("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "list-plugins" in done.stdout
    assert imported(seen) == set()


@pytest.mark.parametrize("plugin", BAD, ids=str)
def test_one_alone_changes_nothing_for_the_others(plugin, run, usual, seen: Path, tmp_path: Path) -> None:
    """Unpacked, metadata as they are, in front of everything that is installed."""
    with zipfile.ZipFile(packages.write_wheel(plugin, tmp_path, readable=False)) as wheel:
        wheel.extractall(tmp_path / "site")
    rows = listed(
        run("list-plugins", "--json", folder=tmp_path, PYTHONPATH=str(tmp_path / "site"), ACME_SEEN=str(seen))
    )
    row = rows.pop(f"{plugin.kind} {plugin.full_name}")
    assert row["status"] == ("ok" if plugin.name == "icon" else plugin.status)
    if plugin.distribution == "acme-duplicate":
        assert rows.pop("processor wxml-processor-gnn:gnn")["status"] == "conflict"
        usual = {name: usual[name] for name in rows}
    assert rows == usual
    assert imported(seen) == set()


# Working beside them


def test_a_training_gives_the_same_weights(
    trained: Path, quickly_there: Command, seen: Path, make_world, tmp_path
) -> None:
    folder = in_full(make_world(tmp_path / "world"))
    done = quickly_there("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    assert done.returncode == 0, done.stderr
    assert imported(seen) == {"acme_hook"}, "hooks are everyone's, the others were not asked for"
    says(done.stderr, BY_NAME["acme-hook"])
    expected, found = weights(trained / "run"), weights(folder / "run")
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)


def test_a_checkpoint_from_before_makes_the_same_forecast(
    trained: Path, forecast_file, quickly_there: Command, tmp_path
) -> None:
    """Its config has the bare name that two packages provide now; what it was trained with is in its lock."""
    import xarray as xr

    done = quickly_there("forecast", "run/checkpoint.safetensors", "-o", tmp_path / "new.nc", folder=trained)
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "new.nc") as found, xr.open_dataset(forecast_file) as expected:
        xr.testing.assert_identical(found.drop_attrs(), expected.drop_attrs())


def test_a_taken_name_is_an_error_until_one_is_denied(
    quickly_there: Command, make_world, seen: Path, tmp_path: Path
) -> None:
    folder = make_world(tmp_path / "world")
    done = quickly_there("config", "validate", "experiment.yaml", folder=folder)
    assert done.returncode == 2
    says(done.stderr, BY_NAME["acme-duplicate"])
    denied = quickly_there("config", "validate", "experiment.yaml", folder=folder, WXML_PLUGINS="-ACME_Duplicate")
    assert denied.stdout == "config is valid\n"
    assert imported(seen) <= {"acme_hook"}


# Using them


@pytest.mark.parametrize("plugin", [plugin for plugin in BAD if plugin.kind != "hook"], ids=str)
def test_using_one_says_whose_fault_it_is(plugin, there: Command) -> None:
    done = there("show-plugin", plugin.kind, plugin.name, "--json", ACME_SLEEP="1")
    assert done.returncode == plugin.exit_code, done.stderr
    if plugin.exit_code == 0:
        assert json.loads(done.stdout)["properties"] == {}, "stdout is clean"
        assert plugin.cause in done.stderr
        return
    assert done.stdout == ""
    if plugin.exit_code < 0:  # the interpreter is gone: its last words are the lines that it ran
        assert plugin.cause in done.stderr
        assert f"{plugin.fix}" in done.stderr
        return
    says(done.stderr, plugin)
    assert f"{plugin.kind} '{plugin.name}'" in done.stderr


@pytest.mark.parametrize("plugin", IN_CONFIG, ids=str)
def test_naming_one_in_a_config_says_so_too(plugin, quickly_there: Command, make_world, tmp_path: Path) -> None:
    folder = make_world(tmp_path / "world")
    chosen = f"data.transforms=[{{plugin: {plugin.name}}}]"
    if plugin.kind == "processor":
        chosen = f"model.processor={{plugin: {plugin.name}}}"
    done = quickly_there("config", "validate", "experiment.yaml", chosen, folder=folder)
    assert done.returncode == plugin.exit_code, done.stderr
    says(done.stderr, plugin)
    assert f"{plugin.kind} '{plugin.name}'" in done.stderr


@pytest.mark.parametrize("name", ["acme-duplicate:gnn", "acme-one:icon", "ACME.Other:Icon"])
def test_the_full_name_chooses_among_equal_names(name: str, there: Command, seen: Path) -> None:
    done = there("show-plugin", "processor", name)
    assert done.returncode == 0, done.stderr
    distribution = name.partition(":")[0].lower().replace(".", "-")
    assert f"provided by  {distribution} 1.2.3" in done.stdout
    assert imported(seen) == {distribution.replace("-", "_")}


def test_a_denied_one_is_listed_and_never_imported(there: Command, seen: Path) -> None:
    done = there("show-plugin", "transform", "exits", WXML_PLUGINS=DENIED.upper())
    assert done.returncode == 2
    assert "acme-exits 1.2.3 is disabled" in done.stderr
    rows = listed(there("list-plugins", "--json", WXML_PLUGINS=DENIED))
    assert {rows[f"{plugin.kind} {plugin.full_name}"]["status"] for plugin in BAD} == {"disabled"}
    assert imported(seen) == set()


def test_a_probe_survives_what_they_do(there: Command, seen: Path) -> None:
    """Each in a process of its own: ends and crashes are told apart."""
    command = ("list-plugins", "--kind", "transform", "--probe", "--json")
    done = there(*command, "--timeout", "600", ACME_SLEEP="0")
    rows = listed(done)
    problems = {name.partition(":")[2]: row["problem"] for name, row in rows.items() if row["status"] == "broken"}
    healthy = {name.partition(":")[2] for name, row in rows.items() if row["status"] == "ok"}
    assert healthy == {"impute", "normalise", "prints", "sleeps"}
    assert "SIGSEGV" in problems["crashes"]
    assert "sys.exit(3)" in problems["exits"]
    assert "torch_scatter_of_nowhere" in problems["import-error"]
    transforms = [plugin for plugin in BAD if plugin.kind == "transform"]
    assert set(problems) == {plugin.name for plugin in transforms} - {"prints", "sleeps", "newer-core"}
    assert imported(seen) == {plugin.package for plugin in transforms if plugin.status == "ok"}


def test_a_probe_ends_who_does_not_come_back(there: Command) -> None:
    done = there("list-plugins", "--kind", "transform", "--probe", "--timeout", "1", "--json", ACME_SLEEP="600")
    (problem,) = (row["problem"] for name, row in listed(done).items() if name.endswith(":sleeps"))
    assert problem == "it was not imported within 1 s"
