"""Templates of other packages: found by metadata, read without importing anything, and told of when they are wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml import installed
from wxml.cli import group
from wxml.errors import BrokenPluginError
from wxml_new_plugin.template import kinds, template_of

Add = Callable[..., None]

ABOUT = """\
summary = "noise"
requires = ["acme-noise"]

[entry-points."wxml.noises"]
"$name" = "$package.$module:$class_name"
"""
CODE = """\
class $class_name:
    pass
"""


@pytest.fixture
def add(tmp_path: Path, monkeypatch) -> Add:
    """Install a package that brings a template, and that cannot be imported."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(kind: str = "noises", distribution: str = "acme", about: str = ABOUT, code: str = CODE) -> None:
        package = distribution.replace("-", "_")
        folder = tmp_path / package / "template"
        (folder / "src/PACKAGE").mkdir(parents=True)
        (tmp_path / package / "__init__.py").write_text("raise RuntimeError('imported')")
        (folder / "template.toml").write_text(about)
        (folder / "src/PACKAGE/MODULE.py.template").write_text(code)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wxml.templates]\n{kind} = {package}.template\n")
        installed.cache_clear()

    yield add
    installed.cache_clear()


def test_a_kind_of_another_package_is_written_like_any_other(add: Add, tmp_path: Path, monkeypatch) -> None:
    add()
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(group, ["new-plugin", "oslo", "noise:white", "processor:own"])
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "oslo/src/oslo/white.py").read_text() == "class White:\n    pass\n"
    project = (tmp_path / "oslo/pyproject.toml").read_text()
    assert '[project.entry-points."wxml.noises"]\nwhite = "oslo.white:White"\n' in project
    assert '"acme-noise"]' in project


def test_the_list_shows_what_a_template_says_of_itself(add: Add) -> None:
    add()
    done = CliRunner().invoke(group, ["list-plugins", "--kind", "template", "--probe"])
    assert ["template", "noise", "acme", "1.0", "ok", "noise"] in [line.split() for line in done.stdout.splitlines()]


@pytest.mark.carries_out("disable all but one, such as WXML_PLUGINS=-{}")
def test_two_packages_with_a_template_of_one_kind_clash(add: Add, tmp_path: Path, monkeypatch) -> None:
    add("processors")
    monkeypatch.chdir(tmp_path)
    refused = CliRunner().invoke(group, ["new-plugin", "oslo", "processor"])
    assert (refused.exit_code, "acme and wxml-new-plugin bring a template" in refused.stderr) == (2, True)
    monkeypatch.setenv("WXML_PLUGINS", "-acme")
    installed.cache_clear()
    assert CliRunner().invoke(group, ["new-plugin", "oslo", "processor"]).exit_code == 0


@pytest.mark.parametrize(
    ("about", "code", "sentence"),
    [
        ("summary = 'noise'", CODE, "has no `entry-points`"),
        ("summary", CODE, "cannot be read"),
        (ABOUT, "class $nonsense:", "names a word that there is not: 'nonsense'"),
        (ABOUT.replace("$module", "$odule"), CODE, "names a word that there is not: 'odule'"),
    ],
)
def test_a_template_that_is_wrong_is_the_fault_of_its_package(
    add: Add, tmp_path: Path, monkeypatch, about: str, code: str, sentence: str
) -> None:
    add(about=about, code=code)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(group, ["new-plugin", "oslo", "noise"])
    assert done.exit_code == 3
    assert sentence in done.stderr
    assert "tell the authors of acme" in done.stderr
    assert not (tmp_path / "oslo").exists()


def test_a_folder_that_is_not_there(add: Add, tmp_path: Path) -> None:
    add()
    (tmp_path / "acme/template").rename(tmp_path / "acme/elsewhere")
    assert kinds()["noise"] == "acme", "the list reads no folder"
    with pytest.raises(BrokenPluginError, match=r"`acme\.template`, which is no folder"):
        template_of("noise")
