"""`wxml new-plugin --into`: plugins join a repository that is there, and nothing of it is lost."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from wxml.cli import group

PROJECT = """\
# The project of an institute, written by hand.
[build-system]
requires = ["setuptools>=68"]
build-backend = "setuptools.build_meta"

[project]
name = "Acme_Weather"   # as on our index
version = "3.1"
dependencies = [
    "numpy>=1.26",  # for everything
    "wxml-core>=0.1,<0.4",
]

[tool.setuptools.packages.find]
where = ["src"]

[project.scripts]
acme = "acme.main:run"

[project.entry-points."wxml.processors"]
ours = "acme.ours:Ours"   # since 2.0

[tool.ruff]
line-length = 100
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository whose package is not called like the distribution."""
    (tmp_path / "src" / "acme").mkdir(parents=True)
    (tmp_path / "src" / "acme" / "__init__.py").touch()
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def add(repository: Path, *plugins: str) -> Result:
    return CliRunner().invoke(group, ["new-plugin", "--into", str(repository), *plugins])


def files(repository: Path) -> dict[str, str]:
    found = (path for path in repository.rglob("*") if path.is_file())
    return {path.relative_to(repository).as_posix(): path.read_text() for path in found}


def test_plugins_join_the_project_and_all_else_of_it_stays(repository: Path) -> None:
    done = add(repository, "processor:afno", "processor:sfno", "command:acme-means")
    assert done.exit_code == 0, done.stderr
    text = (repository / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    assert project["entry-points"] == {
        "wxml.processors": {"ours": "acme.ours:Ours", "afno": "acme.afno:Afno", "sfno": "acme.sfno:Sfno"},
        "wxml.commands": {"acme-means": "acme.acme_means:command"},
    }
    assert project["dependencies"] == ["numpy>=1.26", "wxml-core[torch]>=0.1,<0.4", "click>=8.1"]
    assert project["optional-dependencies"] == {"test": ["wxml-core[test]"]}
    assert project["scripts"] == {"acme": "acme.main:run"}
    kept = [line for line in PROJECT.splitlines() if line and "wxml-core" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept, "comments, order and values stay"
    assert (repository / "src/acme/afno.py").is_file()
    assert "from acme.sfno import Sfno" in (repository / "tests/test_sfno.py").read_text()
    told = done.stdout.splitlines()
    assert told[0] == f"added to {repository}"
    assert {line.strip() for line in told[1 : told.index("")]} == set(files(repository)) - {"src/acme/__init__.py"}


def test_the_recipe_grows(repository: Path) -> None:
    add(repository, "processor:afno")
    path = repository / "catalogue" / "acme-weather.toml"
    path.write_text(path.read_text().replace('contact = ""', 'contact = "weather@acme.example"'))
    add(repository, "processor:sfno", "preset:acme-small")
    recipe = tomllib.loads(path.read_text())
    assert recipe["contact"] == "weather@acme.example"
    assert recipe["plugins"] == {"processor": ["afno", "sfno"], "preset": ["model/acme-small"]}


@pytest.mark.carries_out("choose another name for the plugin, such as KIND:NAME")
def test_a_file_is_never_written_over(repository: Path) -> None:
    (repository / "src/acme/afno.py").write_text("years = 'of work'")
    before = files(repository)
    refused = add(repository, "command:acme-means", "processor:afno")
    assert refused.exit_code == 2
    assert "src/acme/afno.py` exists already" in refused.stderr
    assert files(repository) == before
    assert add(repository, "processor:acme-afno").exit_code == 0


@pytest.mark.carries_out("choose another name for the new plugin")
def test_an_entry_point_is_never_replaced(repository: Path) -> None:
    (repository / "pyproject.toml").write_text(PROJECT.replace("ours =", "Our_Best ="))
    before = files(repository)
    refused = add(repository, "processor:our-best")
    assert (refused.exit_code, "has 'Our_Best' already: acme.ours:Ours" in refused.stderr) == (2, True)
    assert files(repository) == before
    assert add(repository, "processor:our-second").exit_code == 0


@pytest.mark.parametrize("successes", [0, 3, 5, 6])
def test_a_failure_leaves_everything_as_it_was(repository: Path, monkeypatch, successes: int) -> None:
    """The disk is full after some files; there are five of the plugins, the recipe and the project."""
    folders = sorted(repository.rglob("*/"))
    before, write = files(repository), Path.write_text
    written: list[Path] = []

    def nearly_full(path: Path, text: str, encoding: str) -> int:
        if len(written) == successes:
            written.append(path)
            raise OSError(28, "No space left on device")
        written.append(path)
        return write(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", nearly_full)
    done = add(repository, "processor:afno", "preset:acme-small")
    assert done.exit_code == 2, done.output
    assert "No space left" in done.stderr
    assert files(repository) == before
    assert sorted(repository.rglob("*/")) == folders


def test_nothing_is_added_without_a_kind(repository: Path) -> None:
    before = files(repository)
    refused = add(repository)
    assert (refused.exit_code, "`KIND` is missing, got nothing" in refused.stderr) == (2, True)
    assert files(repository) == before


@pytest.mark.carries_out("name the folder of a repository, or leave out --into")
@pytest.mark.carries_out("write the table `[project]` with a `name`")
@pytest.mark.carries_out("correct it")
@pytest.mark.carries_out("make {}/__init__.py in it")
@pytest.mark.carries_out("write `{}` into pyproject.toml")
def test_a_repository_that_cannot_take_a_plugin_says_why(tmp_path: Path) -> None:
    def refused(text: str) -> str:
        (tmp_path / "pyproject.toml").write_text(text)
        done = add(tmp_path, "hook:acme")
        assert done.exit_code == 2, done.output
        return done.stderr

    assert "there is no `" in add(tmp_path, "hook:acme").stderr
    assert "is no TOML" in refused("[project")
    assert "has no name of a distribution" in refused("[tool.poetry]\nname = 'acme'\n")
    named = '[project]\nname = "acme"\nversion = "1.0"\n'
    assert "there is no package in `" in refused(named)
    for package in ("one", "other", "tests"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    assert "there are several packages, one, other, in `" in refused(named)
    (tmp_path / "one").rename(tmp_path / "acme")
    assert "`dependencies` written by another tool" in refused(f"{named}dynamic = ['dependencies']\n")
    (tmp_path / "pyproject.toml").write_text(named)
    assert add(tmp_path, "hook:acme").exit_code == 0
    points = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]["entry-points"]
    assert points == {"wxml.hooks": {"acme": "acme.acme"}}
    assert (tmp_path / "acme/acme.py").is_file(), "the package is not in a folder src"
