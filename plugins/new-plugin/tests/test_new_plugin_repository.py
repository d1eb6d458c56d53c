"""`wxml new-plugin`: every repository that it writes works as it was written."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import wxml
import yaml
from click.testing import CliRunner
from packaging.requirements import Requirement
from wxml.cli import group
from wxml.errors import ConfigError, UnknownPluginError
from wxml_new_plugin.plugin_name import DistributionName
from wxml_new_plugin.repository import new_repository, rendered
from wxml_new_plugin.request import parse_plugins
from wxml_new_plugin.template import kinds, template_of

LONG_NAME = "acme-north-sea-window-attention"
OURS = (
    "callback",
    "command",
    "data-source",
    "forcing",
    "extension",
    "forecast-writer",
    "graph-builder",
    "hook",
    "kind",
    "loss",
    "loss-weight",
    "mapper",
    "metric",
    "migration",
    "optimizer",
    "perturbation",
    "preset",
    "processor",
    "schedule",
    "state-filter",
    "task",
    "tracker",
    "trainer",
    "transform",
    "verification-metric",
    "verifier",
)
WITH_EXPERIMENT = {*OURS} - {"command", "hook", "kind", "migration", "preset"}


def new_plugin(*arguments: str):
    return CliRunner().invoke(group, ["new-plugin", *arguments])


def python(folder: Path, *command: object) -> str:
    """Run a module of Python in a repository, which is installed for it alone; it must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install(repository: Path) -> None:
    """Write what pip would write of the project beside its sources."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    info = repository / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"].items()
    lines = [line for of, points in groups for line in (f"[{of}]", *(f"{name} = {at}" for name, at in points.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """One repository with a plugin of each kind, whose names are long."""
    folder = tmp_path_factory.mktemp("repositories") / "repository"
    name = DistributionName.parse(LONG_NAME)
    new_repository(name, parse_plugins([f"{kind}:acme-north-sea-{kind}" for kind in OURS], name), folder)
    install(folder)
    return folder


# Names


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("acme-window-attention", ("acme-window-attention", "acme_window_attention")),
        ("Acme.Window__attention", ("acme-window-attention", "acme_window_attention")),
        ("dwd2", ("dwd2", "dwd2")),
    ],
)
def test_one_name_in_every_form(given: str, expected: tuple[str, str]) -> None:
    parsed = DistributionName.parse(given)
    assert (parsed.name, parsed.package) == expected


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("", "must be letters, digits"),
        ("acme attention", "must be letters, digits"),
        ("-acme", "must be letters, digits"),
        ("acme-", "must be letters, digits"),
        ("ácme", "must be letters, digits"),
        ("acme\n", "must be letters, digits"),
        ("../acme", "must be letters, digits"),
        ("3d-attention", "which `3d_attention` cannot"),
        ("class", "which `class` cannot"),
        ("json", "must not hide the Python module `json`"),
        ("wxml", "must not hide the Python module `wxml`"),
    ],
)
def test_a_name_that_cannot_be_is_refused(given: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence) as caught:
        DistributionName.parse(given)
    assert "acme-window-attention" in caught.value.fix


def test_a_kind_is_written_in_any_way_and_an_unknown_one_answered_with_the_nearest() -> None:
    assert template_of("Graph_Builders").kind == "graph-builder"
    assert template_of("preset").kind == "preset"
    with pytest.raises(UnknownPluginError, match="'procesor'") as caught:
        template_of("procesor")
    assert "did you mean 'processor'?" in caught.value.fix


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (["processor:"], "the name of a processor must be letters"),
        (["processor:3d"], "which `3d` cannot"),
        (["command:class"], "which `class` cannot"),
        (["kind:corrections"], "must be singular"),
        (["processor:a", "processor:A"], "`processor:a` is there twice"),
    ],
)
def test_a_plugin_that_cannot_be_is_refused(given: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        parse_plugins(given, DistributionName.parse("acme"))


def test_each_plugin_has_a_module_of_its_own() -> None:
    """That of its name, of its kind where it has the name of the distribution, of both where two have one name."""
    given = ["processor", "mapper", "processor:afno", "transform:one", "command:one"]
    modules = [plugin.module for plugin in parse_plugins(given, DistributionName.parse("acme"))]
    assert modules == ["processor", "mapper", "afno", "one_transform", "one_command"]


# The command


@pytest.mark.carries_out("{}known: {}")
def test_the_kind_that_the_error_proposes_is_written(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = new_plugin("procesor", "acme")
    assert (refused.exit_code, "did you mean 'processor'?" in refused.stderr) == (2, True)
    assert new_plugin("processor", "acme").exit_code == 0
    assert (tmp_path / "acme" / "pyproject.toml").is_file()


def test_the_command_says_what_it_wrote_and_what_comes_next(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = new_plugin("processor", "Acme_Attention")
    assert done.exit_code == 0
    told = [line.strip() for line in done.stdout.splitlines()]
    files = {
        path.relative_to(tmp_path / "acme-attention").as_posix() for path in (tmp_path).rglob("*") if path.is_file()
    }
    assert told[0] == "wrote acme-attention"
    assert files == set(told[1 : told.index("")])
    assert told[told.index("next:") + 1 :] == [
        "cd acme-attention",
        "python -m pip install --editable '.[test]'",
        "python -m pytest",
        "wxml check-plugin processor acme-attention",
        "wxml train experiment.yaml",
    ]
    assert done.stderr == ""


def test_several_plugins_are_written_at_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = new_plugin("acme-weather", "processor:afno", "command:acme-means", "preset:acme-small")
    assert done.exit_code == 0, done.stderr
    points = tomllib.loads((tmp_path / "acme-weather/pyproject.toml").read_text())["project"]["entry-points"]
    assert points == {
        "wxml.processors": {"afno": "acme_weather.afno:Afno"},
        "wxml.commands": {"acme-means": "acme_weather.acme_means:command"},
        "wxml.presets": {"acme-weather": "acme_weather.presets"},
    }
    lines = done.stdout.splitlines()
    assert "  wxml check-plugin processor afno" in lines
    assert "  wxml acme-means" in lines
    recipe = tomllib.loads((tmp_path / "acme-weather/catalogue/acme-weather.toml").read_text())
    assert recipe["plugins"] == {"processor": ["afno"], "command": ["acme-means"], "preset": ["model/acme-small"]}


@pytest.mark.carries_out("write both: wxml new-plugin acme-window-attention processor")
def test_what_is_missing_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "`KIND` is missing, got acme" in new_plugin("acme").stderr
    refused = new_plugin("processor:afno")
    assert (refused.exit_code, "`NAME` is missing" in refused.stderr) == (2, True)
    assert new_plugin("acme-window-attention", "processor").exit_code == 0


@pytest.mark.carries_out("give each plugin a name of its own")
@pytest.mark.carries_out("choose one such as {}:acme-first")
def test_other_names_help(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert new_plugin("acme", "processor:x", "processor:x").exit_code == 2
    assert new_plugin("acme", "processor:x", "processor:class").exit_code == 2
    assert new_plugin("acme", "processor:x", "processor:acme-first").exit_code == 0


@pytest.mark.carries_out("choose another name for one of them")
def test_two_plugins_cannot_have_one_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused = new_plugin("acme", "kind:noise", "processor:noise-contract")
    assert (refused.exit_code, "the file `src/acme/noise_contract.py`" in refused.stderr) == (2, True)
    assert new_plugin("acme", "kind:noise", "processor:noisy").exit_code == 0


@pytest.mark.carries_out("choose shorter names of the package or the plugin")
def test_lines_would_be_too_long(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    name = "-".join(["extraordinarily"] * 5)
    refused = new_plugin(name, f"processor:{name}")
    assert "the names are too long: a line of `tests/test_" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    assert new_plugin(name, "processor:short").exit_code == 0


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = new_plugin("processor", "acme", "--directory", str(tmp_path / "mine"))
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    def full(path: Path, text: str, encoding: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    done = new_plugin("mapper", "acme", "--directory", str(tmp_path / "acme"))
    assert done.exit_code == 2
    assert "No space left" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_a_plugin_has_already_is_warned_of(tmp_path: Path) -> None:
    done = new_plugin("processor", "GNN", "--directory", str(tmp_path / "x"))
    assert done.exit_code == 0
    assert "there is a processor wxml-processor-gnn:gnn already" in done.stderr
    assert new_plugin("data-source", "gnn", "--directory", str(tmp_path / "y")).stderr == ""


def test_a_command_of_wxml_cannot_be_replaced(tmp_path: Path) -> None:
    done = new_plugin("command:train", "acme", "--directory", str(tmp_path / "x"))
    assert done.stderr == "warning: train is a command of wxml, which yours cannot replace\n"


# What is written


def test_every_kind_has_a_template_and_each_is_tested() -> None:
    ours = {kind for kind, distribution in kinds().items() if distribution == "wxml-new-plugin"}
    assert ours == {*OURS}
    chosen = {record.name for record in wxml.installed().select("kind") if record.distribution == "wxml-core"}
    assert chosen <= ours


def test_the_project_says_what_wxml_looks_for(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert project["name"] == LONG_NAME
    for kind in WITH_EXPERIMENT:
        group = "wxml.losses" if kind == "loss" else f"wxml.{kind.replace('-', '_')}s"
        module, _, class_name = project["entry-points"][group][f"acme-north-sea-{kind}"].partition(":")
        source = repository / "src" / f"{module.replace('.', '/')}.py"
        assert f"class {class_name}(" in source.read_text()
    required = [Requirement(one) for one in project["dependencies"]]
    (core,) = [one for one in required if one.name == "wxml-core"]
    assert wxml.__version__ in core.specifier
    assert {bound.operator for bound in core.specifier} == {">=", "<"}
    assert core.extras == {"torch"}


@pytest.mark.parametrize("kind", OURS)
def test_nothing_is_left_open_and_the_licence_is_whole(kind: str) -> None:
    name = DistributionName.parse("acme")
    files = rendered(name, parse_plugins([kind], name))
    assert "Apache License" in files["LICENSE"]
    assert len(files["LICENSE"].splitlines()) > 190
    assert [path for path, text in files.items() if re.search(r"\$[a-z{]", text)] == []
    assert [path for path in files if re.search("PACKAGE|MODULE|EXPERIMENT|NAME", path)] == []
    written = {path: len(text.splitlines()) for path, text in files.items() if path != "LICENSE"}
    assert max(written.values()) < 140
    assert sum(written.values()) < 320, "five minutes"
    core = next(one for one in tomllib.loads(files["pyproject.toml"])["project"]["dependencies"] if "core" in one)
    assert (Requirement(core).extras == {"torch"}) == (kind in ("loss", "optimizer", "processor", "mapper", "trainer"))


def test_their_own_tests_pass(repository: Path) -> None:
    """All in one process, since to import torch takes longest; compiled code is left to the kit's own tests."""
    deselected = ("-k", "not compiled")
    told = python(repository, "pytest", "-rA", *deselected, "-p", "no:cacheprovider", "-W", "error", "tests")
    for kind in OURS:
        assert re.search(f"PASSED tests/test_acme_north_sea_{kind.replace('-', '_')}.py", told)
    assert int(told.split(" passed")[0].split()[-1]) >= 150


def test_style_is_clean(repository: Path, tmp_path: Path) -> None:
    """With long names, and with short ones, which may fit where long ones do not."""
    name = DistributionName.parse("ab")
    new_repository(
        name, parse_plugins([f"{kind}:b{number}" for number, kind in enumerate(OURS)], name), tmp_path / "ab"
    )
    for folder in (repository, tmp_path / "ab"):
        python(folder, "ruff", "check", "--no-cache", "--extend-select", "E501,I")
        python(folder, "ruff", "format", "--check", "--no-cache")


@pytest.mark.long("test_style_is_clean")
def test_types_are_strict(repository: Path, tmp_path: Path) -> None:
    python(repository, "mypy", "--strict", "--cache-dir", tmp_path, "src", "tests", "noxfile.py")


def test_the_experiments_name_the_plugins(repository: Path) -> None:
    for kind in WITH_EXPERIMENT:
        text = (repository / "experiments" / f"acme_north_sea_{kind.replace('-', '_')}.yaml").read_text()
        name = f"acme-north-sea-{kind}"
        assert (f"{name}: {{" if kind in ("extension", "loss-weight") else f"plugin: {name}") in text


def test_nox_installs_the_lowest_and_the_highest_core(repository: Path, monkeypatch) -> None:
    monkeypatch.chdir(repository)
    spec = importlib.util.spec_from_file_location("generated_noxfile", "noxfile.py")
    assert spec
    assert spec.loader
    noxfile = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(noxfile)

    class Session:
        installed: list[str]

        def install(self, *packages: str) -> None:
            self.installed = list(packages)

        def run(self, *command: str) -> None:
            assert command == ("pytest",)

    wanted = {}
    for core in ("lowest", "highest"):
        session = Session()
        noxfile.tests.func(session, core)
        wanted[core] = Requirement(session.installed[-1])
    low = ".".join(wxml.__version__.split(".")[:2])
    assert str(wanted["lowest"]) == f"wxml-core=={low}"
    assert wxml.__version__ in wanted["highest"].specifier
    assert "1.0" not in wanted["highest"].specifier


def test_ci_runs_what_an_author_runs(repository: Path) -> None:
    workflow = yaml.safe_load((repository / ".github/workflows/check.yml").read_text())
    assert [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step][-1] == "nox"
