"""What the tasks about releases write: the compatibility page, constraints, and the tests of packages of others."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def tools(root: Path) -> Iterator[Any]:
    """The modules of `release/`, by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        names = ("compatibility", "cores", "downstream", "manifest", "matrix", "offline", "tested")
        yield type("Tools", (), {name: import_module(f"release.{name}") for name in names})


# The matrix


REPORT = """<testsuites><testsuite>
<testcase name="test_a_shipped_plugin_passes[loss-a]"/>
<testcase name="test_a_shipped_plugin_passes[loss-weight-a]"><failure message="no, it is not&#10;more"/></testcase>
<testcase name="test_a_shipped_plugin_passes[processor-b-c]"><error message="no"/></testcase>
</testsuite></testsuites>"""


@pytest.fixture
def manifest(tools: Any) -> Any:
    """A set of a core and two packages."""
    package, last = tools.manifest.Package, tools.manifest.Last("0.1.0", "abc")
    provided = {"wxml-x": {"loss": ("a",), "loss-weight": ("a",)}, "wxml-y": {"processor": ("b-c",)}}
    made = {
        name: package(name, name, "0.2.0", "", ">=0.2,<0.5", (), provided.get(name, {}))
        for name in ("wxml", "wxml-core", "wxml-x", "wxml-y")
    }
    return tools.manifest.Manifest(("3.11",), {"torch": "2.13.0"}, last, made)


def test_a_report_of_pytest_tells_each_package_what_failed(tools: Any, manifest: Any) -> None:
    found = tools.matrix.outcomes(REPORT, manifest)
    assert {name: (seen.checked, seen.failed) for name, seen in found.items()} == {
        "wxml-x": (2, ("loss-weight-a: no, it is not",)),
        "wxml-y": (1, ("processor-b-c: no",)),
    }


def test_the_page_tells_what_was_seen_what_was_not_and_of_which_version(tools: Any, manifest: Any) -> None:
    seen, cell = tools.compatibility.Seen, tools.compatibility.Cell
    ran = cell(
        python="3.11",
        dependencies="lowest",
        core="0.2.0",
        date="2026-12-01",
        versions={"torch": "2.6.0", "numpy": "1.26.0"},
        demo="passed",
        minutes=12.4,
        packages={"wxml-x": seen("0.2.0", 2, ("loss-weight-a",)), "wxml-y": seen("0.1.0", 1)},
    )
    later = replace(ran, core="0.4.0", origin="that of 0.2.0 under this number")
    not_made = cell(python="3.14", dependencies="highest", core="0.2.0", date="2026-12-01", skipped="no Python 3.14")
    text = tools.compatibility.text_of([not_made, later, ran])
    assert tools.compatibility.cells(text) == [ran, later, not_made]
    lines = tools.compatibility.page(manifest, text).splitlines()
    (environment, beside) = (line for line in lines if line.startswith("| 3.11"))
    assert "| 0.4.0 (that of 0.2.0 under this number) |" in beside
    assert environment.split(" | ")[:5] == ["| 3.11", "lowest", "2.6.0", "0.2.0", "1.26.0"]
    assert environment.endswith("passed | 2026-12-01 | 12 |")
    assert "- Python 3.14, highest, core 0.2.0: no Python 3.14 (2026-12-01)" in lines
    assert "| wxml-x | 0.2.0 | 1 of 2 fail | 1 of 2 fail |" in lines
    assert "| wxml-y | 0.2.0 | 1 (of 0.1.0) | 1 (of 0.1.0) |" in lines
    assert "- Python 3.11, lowest, core 0.2.0: wxml-x 0.2.0: loss-weight-a" in lines


def test_the_lowest_are_those_that_packages_name_themselves(tools: Any, root: Path) -> None:
    lines = tools.matrix.direct_requirements(tools.manifest.read(root), root)
    assert "torch>=2.6" in lines
    assert any(line.startswith("netCDF4>=") for line in lines), "of an extra that wxml asks for"
    assert not any(line.startswith("wxml") for line in lines)
    assert not any(line.startswith("mlflow>") for line in lines), "of an extra that it does not ask for"


def test_a_python_that_is_not_there_is_told(tools: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setattr(tools.matrix, "_wheel_of_torch", lambda _: "")
    with pytest.raises(tools.matrix.NotMadeError, match=f"there is no Python {version}"):
        tools.matrix.interpreter(version)
    (tmp_path / f"python{version}").symlink_to(sys.executable)
    assert tools.matrix.interpreter(version) == tmp_path / f"python{version}"


# Cores


def test_a_core_is_today_s_a_released_one_or_one_to_come(tools: Any, manifest: Any) -> None:
    of = tools.cores.core_of
    with pytest.raises(
        tools.cores.NotMadeError, match=r"released is only wxml-core 0.1.0, and the plugins accept >=0.2"
    ):
        of("released", manifest, {"0.1.0": "abc"})
    assert of("lowest", manifest, {"0.1.0": "abc"}) == of("current", manifest, {}) == tools.cores.Core("0.2.0", "")
    assert of("later", manifest, {}).version == "0.4.0"
    after = replace(manifest, packages={**manifest.packages, "wxml-core": replace(core(manifest), version="0.4.1")})
    found = {"0.1.0": "a", "0.2.0": "b", "0.3.2": "abc"}
    assert [of(word, after, found).version for word in tools.cores.CORES] == ["0.2.0", "0.3.2", "0.4.1", "0.4.1"]
    assert (of("lowest", after, found).commit, of("released", after, found).commit) == ("b", "abc")


def core(manifest: Any) -> Any:
    """The package of the core."""
    return manifest.packages["wxml-core"]


def test_another_core_is_seen_in_one_environment(tools: Any) -> None:
    found = list(tools.matrix.rows(["3.11", "3.12"], ["lowest", "tested"], ["current", "later"]))
    assert [one for one in found if one[2] == "later"] == [("3.11", "tested", "later")]
    assert [one for one in found if one[1] == "tested"] == [("3.11", "tested", word) for word in ("current", "later")]
    assert len(found) == 4


def test_a_released_core_is_built_from_the_commit_that_a_manifest_names(
    tools: Any, manifest: Any, tmp_path: Path
) -> None:
    root, folder = tmp_path / "root", tmp_path / "wheels"
    folder.mkdir()
    recipe_of(tools, root)
    (root / "acme").rename(root / "core")
    project = root / "core" / "pyproject.toml"
    project.write_text(project.read_text().replace('"acme-tiny"', '"wxml-core"').replace("1.0", "0.1.0"))
    (root / "core" / "acme_tiny").rename(root / "core" / "wxml_core")

    def git(*arguments: str) -> str:
        own = ("-c", "user.name=a", "-c", "user.email=a@b.example")
        done = subprocess.run(["git", *own, *arguments], cwd=root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "-q")
    for name, text in (("core", ""), ("release-manifest.toml", "commit = ")):
        if text:
            (root / name).write_text(f'[last]\nversion = "0.1.0"\n{text}"{git("rev-parse", "HEAD")}"\n')
        git("add", name)
        git("commit", "-q", "-m", name)
    first = git("rev-parse", "HEAD~1")
    project.write_text(project.read_text().replace("0.1.0", "0.2.0"))
    asked = replace(manifest, last=replace(manifest.last, commit=first))
    assert tools.cores.released(asked, root) == {"0.1.0": first}
    made = tools.cores.wheel(tools.cores.Core("0.1.0", "the lowest", first), root, folder)
    assert made.name.startswith("wxml_core-0.1.0-")


def test_constraints_are_what_pip_says_without_us_and_without_builds(tools: Any, root: Path) -> None:
    frozen = "numpy==2.4.6\npip==26.0\npytest==9.2.0\ntorch==2.13.0+cpu\nwxml-core @ file:///x.whl\nwxml==0.2.0\n"
    assert tools.tested.kept(frozen, "# about", root) == "# about\nnumpy==2.4.6\ntorch==2.13.0\n"


# Packages of others


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('source = "examples/x"', "lacks ['checks']"),
        ('source = "examples/x"\nchecks = []\nafter = 1', "unknown keys ['after']"),
        ('source = "../x"\nchecks = []', "must be a folder of this repository, or https"),
        ('source = "/x"\nchecks = []', "must be a folder of this repository, or https"),
        ('source = "git@host:x"\nchecks = []\ncommit = "a"', "must be a folder of this repository, or https"),
        ('source = "https://host.example/x"\nchecks = []', "no `commit`"),
    ],
)
def test_a_wrong_recipe_is_told(tools: Any, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "acme.toml"
    path.write_text(text)
    with pytest.raises(tools.downstream.RecipeError) as caught:
        tools.downstream.read(path)
    assert said in str(caught.value)


def test_every_example_is_a_recipe(tools: Any, root: Path) -> None:
    recipes = [tools.downstream.read(path) for path in root.glob("downstream/*.toml")]
    assert {recipe.source for recipe in recipes} >= {
        path.parent.relative_to(root).as_posix() for path in root.glob("examples/*/pyproject.toml")
    }
    assert all(recipe.checks for recipe in recipes)


def recipe_of(tools: Any, folder: Path, *checks: str) -> Any:
    """A recipe of a package that has one module, in a folder that looks like this repository."""
    source = folder / "acme"
    (source / "acme_tiny").mkdir(parents=True)
    (source / "acme_tiny" / "__init__.py").write_text("ANSWER = 42\n")
    project = '[project]\nname = "acme-tiny"\nversion = "1.0"\n'
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    (source / "pyproject.toml").write_text(build + project)
    (folder / "constraints.txt").write_text("")
    return tools.downstream.Recipe("acme", "acme", checks)


@pytest.fixture
def python(tmp_path: Path, environment_with: Any) -> str:
    """The interpreter of an environment of its own."""
    (tmp_path / "nothing").mkdir()
    made = environment_with(tmp_path, tmp_path / "nothing", tmp_path / "nothing")
    return str(made.folder / "bin" / "python")


@pytest.fixture
def built_here(tools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Build by the backend that is here, without the front end `build`."""
    script = "import os, sys; from hatchling.build import build_wheel as b; os.chdir(sys.argv[1]); b(sys.argv[2])"

    def built(folder: Path, where: Path) -> Path:
        where.mkdir()
        subprocess.run([sys.executable, "-c", script, folder, where], check=True, stdout=subprocess.DEVNULL)
        (wheel,) = where.glob("*.whl")
        return wheel

    monkeypatch.setattr(tools.downstream, "built", built)
    monkeypatch.setenv("PIP_NO_INDEX", "1")


def with_pip(python: str) -> None:
    """Give an environment the pip of this one."""
    (site,) = Path(python).parent.parent.glob("lib/python*/site-packages")
    if not (site / "pip").exists():
        (site / "pip").symlink_to(distribution("pip").locate_file("pip"))


@pytest.mark.usefixtures("built_here")
def test_a_package_of_others_is_built_installed_tested_and_removed(tools: Any, tmp_path: Path, python: str) -> None:
    with_pip(python)
    asked = "python -c 'import acme_tiny, pathlib; assert acme_tiny.ANSWER == 42'"
    recipe = recipe_of(tools, tmp_path, asked, "python -c 'import os; assert os.path.isfile(\"pyproject.toml\")'")
    tools.downstream.tried(recipe, python, tmp_path)
    gone = subprocess.run([python, "-c", "import acme_tiny"], capture_output=True, text=True, check=False)
    assert "No module named" in gone.stderr


@pytest.mark.usefixtures("built_here")
def test_a_check_that_fails_fails_the_recipe_and_the_package_is_removed(
    tools: Any, tmp_path: Path, python: str
) -> None:
    with_pip(python)
    recipe = recipe_of(tools, tmp_path, "python -c 'raise SystemExit(3)'", "python -c 'print(1)'")
    with pytest.raises(tools.downstream.RecipeError, match="exit code 3"):
        tools.downstream.tried(recipe, python, tmp_path)
    gone = subprocess.run([python, "-c", "import acme_tiny"], capture_output=True, text=True, check=False)
    assert "No module named" in gone.stderr


# Without a network


def test_a_command_without_a_network_has_none(tools: Any) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("this system has no `unshare`")
    try:
        prefix = tools.offline.without_network()
    except SystemExit as error:
        pytest.skip(str(error))
    script = "import socket, json; print(json.dumps([name for _, name in socket.if_nameindex()]))"
    done = subprocess.run([*prefix, sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) in ([], ["lo"])
