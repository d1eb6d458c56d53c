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
from wxml_new_plugin.plugin_name import PluginName
from wxml_new_plugin.repository import KINDS, new_repository, plugin_kind, rendered

LONG_NAME = "acme-north-sea-window-attention"


def new_plugin(*arguments: str):
    return CliRunner().invoke(group, ["new-plugin", *arguments])


def python(folder: Path, *command: object) -> str:
    """Run a module of Python in the folder of all repositories, none of which is installed; it must succeed."""
    paths = os.pathsep.join(str(path) for path in folder.glob("*/src"))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
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


@pytest.fixture(scope="module")
def repositories(tmp_path_factory) -> Path:
    """A folder with one repository of each kind."""
    folder = tmp_path_factory.mktemp("repositories")
    for kind in KINDS:
        new_repository(kind, PluginName.parse(f"{LONG_NAME}-{kind}"), folder / kind)
    return folder


# Names


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("acme-window-attention", ("acme-window-attention", "acme_window_attention", "AcmeWindowAttention")),
        ("Acme.Window__attention", ("acme-window-attention", "acme_window_attention", "AcmeWindowAttention")),
        ("dwd2", ("dwd2", "dwd2", "Dwd2")),
    ],
)
def test_one_name_in_every_form(given: str, expected: tuple[str, str, str]) -> None:
    parsed = PluginName.parse(given)
    assert (parsed.name, parsed.package, parsed.class_name) == expected


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
        PluginName.parse(given)
    assert "acme-window-attention" in caught.value.fix


def test_a_kind_is_written_in_any_way_and_an_unknown_one_answered_with_the_nearest() -> None:
    assert plugin_kind("Graph_Builders") == "graph-builder"
    with pytest.raises(UnknownPluginError, match="'procesor'") as caught:
        plugin_kind("procesor")
    assert "did you mean 'processor'?" in caught.value.fix


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


def test_what_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    done = new_plugin("processor", "acme", "--directory", str(tmp_path / "mine"))
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.txt"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch) -> None:
    def full(path: Path, text: str) -> None:
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


# What is written


@pytest.mark.parametrize("kind", KINDS)
def test_the_project_says_what_wxml_looks_for(kind: str, repositories: Path) -> None:
    project = tomllib.loads((repositories / kind / "pyproject.toml").read_text())["project"]
    (group_name, entries), *others = project["entry-points"].items()
    ((name, value),) = entries.items()
    assert not others
    assert group_name == f"wxml.{kind.replace('-', '_')}s"
    assert name == project["name"] == f"{LONG_NAME}-{kind}"
    module, class_name = value.split(":")
    source = repositories / kind / "src" / f"{module.replace('.', '/')}.py"
    assert f"class {class_name}(" in source.read_text()
    (core,) = map(Requirement, project["dependencies"])
    assert core.name == "wxml-core"
    assert wxml.__version__ in core.specifier
    assert {bound.operator for bound in core.specifier} == {">=", "<"}
    assert (core.extras == {"torch"}) == (kind in ("processor", "mapper"))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_open_and_the_licence_is_whole(kind: str) -> None:
    files = rendered(kind, PluginName.parse("acme"))
    assert "Apache License" in files["LICENSE"]
    assert len(files["LICENSE"].splitlines()) > 190
    assert {path for path, text in files.items() if "$" in text or "PACKAGE" in path} == set()
    assert max(len(text.splitlines()) for path, text in files.items() if path != "LICENSE") < 100
    assert sum(len(text.splitlines()) for path, text in files.items() if path != "LICENSE") < 300, "five minutes"


def test_their_own_tests_pass(repositories: Path) -> None:
    """All in one process, since to import torch takes longest."""
    tests = [repositories / kind / "tests" for kind in KINDS]
    told = python(
        repositories, "pytest", "-rA", "--import-mode=importlib", "-p", "no:cacheprovider", "-W", "error", *tests
    )
    for kind in KINDS:
        assert re.search(f"PASSED .*test_{kind.replace('-', '_')}.py", told)
    assert int(told.split(" passed")[0].split()[-1]) >= 50


def test_style_is_clean(repositories: Path) -> None:
    python(repositories, "ruff", "check", "--no-cache")
    python(repositories, "ruff", "format", "--check", "--no-cache")


def test_types_are_strict(repositories: Path, tmp_path: Path) -> None:
    """At once, since what mypy learns of torch takes longest; with one noxfile, since all have the same name."""
    sources = [repositories / kind / folder for kind in KINDS for folder in ("src", "tests")]
    noxfile = repositories / "processor" / "noxfile.py"
    python(repositories, "mypy", "--strict", "--cache-dir", tmp_path, *sources, noxfile)


@pytest.mark.parametrize("kind", KINDS)
def test_the_experiment_names_the_plugin(kind: str, repositories: Path) -> None:
    text = (repositories / kind / "experiment.yaml").read_text()
    assert f"plugin: {LONG_NAME}-{kind}" in text


def test_nox_installs_the_lowest_and_the_highest_core(repositories: Path, monkeypatch) -> None:
    monkeypatch.chdir(repositories / "processor")
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


def test_ci_runs_what_an_author_runs(repositories: Path) -> None:
    workflow = yaml.safe_load((repositories / "processor" / ".github/workflows/check.yml").read_text())
    assert [step["run"] for step in workflow["jobs"]["check"]["steps"] if "run" in step][-1] == "nox"
