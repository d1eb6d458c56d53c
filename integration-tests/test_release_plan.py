"""What a release needs, in a small repository of its own: a core with public names, and plugins that use some of them.

The tools are those of `release/`; `nox -s release-plan` and `nox -s api-diff` call them.
"""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PACKAGES = {
    "wxml": "meta",
    "wxml-core": "core",
    "wxml-kernels": "kernels",
    "wxml-gnn": "plugins/gnn",
    "wxml-io": "plugins/io",
}
INIT = '''
"""The core."""
__version__ = "0.2.0"
_WHERE = {"Grid": "data", "Source": "data"}
PUBLIC_MODULES = ("times",)
__all__ = [*_WHERE, "__version__"]
'''
DATA = """
from abc import ABC, abstractmethod

class Grid:
    def __init__(self, latitudes, longitudes): ...
    def thinned(self, every): ...
    def _private(self, x): ...

class Source(ABC):
    @abstractmethod
    def read(self, times): ...
"""
TIMES = '__all__ = ["parse"]\n\n\ndef parse(text): ...\n\n\ndef hidden(text): ...\n'
CODE = {
    "core": {"wxml/__init__.py": INIT, "wxml/data.py": DATA, "wxml/times.py": TIMES},
    "kernels": {"wxml_kernels/__init__.py": '__all__ = ["add"]\n\n\ndef add(a, b): ...\n'},
    "plugins/gnn": {"wxml_gnn/__init__.py": "from wxml import Grid\n\n\ndef f(g: Grid):\n    return g.thinned(2)\n"},
    "plugins/io": {
        "wxml_io/__init__.py": "from wxml import Grid, Source\nfrom wxml.times import parse\n\n\nclass S(Source): ...\n"
    },
    "meta": {},
}
PROJECT = """[project]
name = "{name}"
version = "0.2.0"
requires-python = ">=3.11"
classifiers = [
    "Programming Language :: Python :: 3.11",
]
dependencies = [
{needs}]
{more}"""
NEEDS = {
    "wxml-gnn": '    "wxml-core[torch]>=0.2,<0.5",\n',
    "wxml-io": '    "wxml-core>=0.2,<0.5",\n    "wxml-gnn>=0.2,<0.3",\n',
    "wxml": "".join(f'    "{name}==0.2.0",\n' for name in sorted(PACKAGES) if name != "wxml"),
}
MORE = {
    "wxml-core": '\n[project.optional-dependencies]\ntorch = ["wxml-kernels>=0.2,<0.3"]\n',
    "wxml-gnn": '\n[project.entry-points."wxml.losses"]\nb = "x:Y"\na = "x:X"\n',
}


class Repository:
    """A repository that has just been released, and the tools of the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def git(self, *arguments: str) -> str:
        """What git prints."""
        known = ("-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
        done = subprocess.run(["git", *known, *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout

    def commit(self) -> str:
        """Commit everything; the commit."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "x")
        return self.git("rev-parse", "HEAD").strip()

    def change(self, path: str, old: str, new: str) -> None:
        """Write another text into a file."""
        file = self.folder / path
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))

    def differing(self) -> set[str]:
        """The files that are not as they were committed."""
        return {line[3:] for line in self.git("status", "--porcelain", "-uall").splitlines()}


@pytest.fixture(scope="module")
def tools(root: Path) -> Iterator[Any]:
    """The modules of `release/`, by their names."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root))
        names = ("manifest", "files", "bump", "plan", "interface")
        yield type("Tools", (), {name: import_module(f"release.{name}") for name in names})


@pytest.fixture
def repository(tmp_path: Path, tools: Any) -> Repository:
    manifest = tools.manifest
    for name, path in PACKAGES.items():
        folder = tmp_path / path
        for file, text in CODE[path].items():
            (folder / "src" / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / "src" / file).write_text(text)
        folder.mkdir(parents=True, exist_ok=True)
        text = PROJECT.format(name=name, needs=NEEDS.get(name, ""), more=MORE.get(name, ""))
        (folder / "pyproject.toml").write_text(text)
        (folder / "CHANGELOG.md").write_text(f"# Changelog of {name}\n\n## 0.2.0\n\n- First.\n")
    core = {"wxml-gnn": ">=0.2,<0.5", "wxml-io": ">=0.2,<0.5"}
    packages = {
        name: manifest.Package(name, path, "0.2.0", "0.2.0", core.get(name, ""), (), {})
        for name, path in PACKAGES.items()
    }
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "compatibility.json").write_text('{"schema": 1, "cells": []}\n')
    made = Repository(tmp_path)
    made.git("init", "-q")
    first = manifest.Manifest(("3.11",), {"torch": "2.13.0"}, manifest.Last("0.2.0", "HEAD"), packages)
    (tmp_path / "release-manifest.toml").write_text(manifest.written(first))
    tools.files.write(tmp_path)
    tools.bump.made(tmp_path, made.commit())
    made.commit()
    return made


def test_what_is_released_needs_nothing(repository: Repository, tools: Any) -> None:
    found = tools.plan.plan(repository.folder)
    assert (found.changed, found.faults, found.order) == ({}, (), ())
    assert "nothing has changed" in tools.plan.text_of(found, tools.manifest.read(repository.folder))
    assert tools.files.stale(repository.folder) == []


def test_a_change_of_one_plugin_names_it_the_set_and_the_manifest_and_nothing_else(
    repository: Repository, tools: Any
) -> None:
    repository.change("plugins/gnn/src/wxml_gnn/__init__.py", "2", "3")
    found = tools.plan.plan(repository.folder)
    assert {*found.changed} == {"wxml-gnn"}
    assert found.order == ("wxml-gnn", "wxml")
    assert [fault.split(":")[0] for fault in found.faults] == [
        "wxml-gnn has changed and is still 0.2.0",
        "wxml has changed and is still 0.2.0",
    ]
    text = tools.plan.text_of(found, tools.manifest.read(repository.folder))
    assert "wxml-core" not in text
    assert "wxml-io" not in text
    assert text == tools.plan.text_of(tools.plan.plan(repository.folder), tools.manifest.read(repository.folder)), (
        "it is the same again"
    )
    assert repository.differing() == {"plugins/gnn/src/wxml_gnn/__init__.py"}, "it writes nothing"


def test_bumping_one_plugin_touches_it_its_changelog_the_manifest_and_the_pin(
    repository: Repository, tools: Any
) -> None:
    written = tools.bump.bump(repository.folder, "wxml-gnn", "patch")
    files = {"pyproject.toml", "CHANGELOG.md"}
    touched = {f"plugins/gnn/{file}" for file in files} | {"release-manifest.toml", "meta/pyproject.toml"}
    assert repository.differing() == touched | {"docs/compatibility.md"}
    assert {*written} == repository.differing()
    assert '"wxml-gnn==0.2.1"' in (repository.folder / "meta/pyproject.toml").read_text()
    manifest = tools.manifest.read(repository.folder)
    assert [name for name, package in manifest.packages.items() if package.changed] == ["wxml-gnn"]
    faults = tools.plan.plan(repository.folder).faults
    assert any("has no line below `## 0.2.1`" in fault for fault in faults)
    repository.change("plugins/gnn/CHANGELOG.md", "## 0.2.1\n", "## 0.2.1\n\n- It is better.\n")
    tools.bump.bump(repository.folder, "wxml", "patch")
    repository.change("meta/CHANGELOG.md", "## 0.2.1\n", "## 0.2.1\n\n- wxml-gnn 0.2.1.\n")
    ready = tools.plan.plan(repository.folder)
    assert (ready.faults, ready.order) == ((), ("wxml-gnn", "wxml"))
    tools.bump.made(repository.folder, repository.commit())
    repository.commit()
    assert tools.plan.plan(repository.folder).changed == {}, "after the release there is nothing to do"


@pytest.mark.parametrize(
    ("path", "old", "new", "said", "who"),
    [
        (
            "core/src/wxml/data.py",
            "thinned(self, every)",
            "thinned(self, step)",
            "Grid.thinned: parameter",
            ["wxml-gnn"],
        ),
        ("core/src/wxml/data.py", "def thinned(self, every): ...", "", "Grid.thinned: public object", ["wxml-gnn"]),
        ("core/src/wxml/data.py", "read(self, times)", "read(self, times, nodes)", "Source.read", []),
        (
            "core/src/wxml/data.py",
            "    def read(self, times): ...",
            "    def read(self, times): ...\n    @abstractmethod\n    def close(self): ...\n",
            "Source.close: subclasses must have it now",
            ["wxml-io"],
        ),
        ("core/src/wxml/__init__.py", '"Grid": "data", ', "", "wxml.Grid: is gone", ["wxml-gnn", "wxml-io"]),
        ("core/src/wxml/times.py", "parse(text)", "parse(words)", "wxml.times.parse: parameter", ["wxml-io"]),
    ],
)
def test_a_change_of_a_signature_of_the_core_fails_and_names_the_plugins_that_break(
    repository: Repository, tools: Any, path: str, old: str, new: str, said: str, who: list[str]
) -> None:
    repository.change(path, old, new)
    (fault,) = (fault for fault in tools.plan.plan(repository.folder).faults if "breaks what these accept" in fault)
    lines = [line for line in fault.splitlines() if said in line]
    assert lines, fault
    using = f"it breaks {', '.join(who)}" if who else "none of them uses it"
    assert any(line.endswith(using) for line in lines), fault


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("core/src/wxml/data.py", "_private(self, x)", "_private(self)"),
        ("core/src/wxml/data.py", "thinned(self, every)", "thinned(self, every, *, first=0)"),
        ("core/src/wxml/times.py", "hidden(text)", "hidden()"),
        ("core/src/wxml/times.py", '["parse"]', '["hidden", "parse"]'),
    ],
)
def test_what_nobody_was_promised_may_change(repository: Repository, tools: Any, path: str, old: str, new: str) -> None:
    repository.change(path, old, new)
    assert tools.interface.breaks("wxml-core", "HEAD", repository.folder) == []


def test_a_version_that_no_released_plugin_accepts_may_break(repository: Repository, tools: Any) -> None:
    repository.change("core/src/wxml/data.py", "thinned(self, every)", "thinned(self, step)")
    for _ in range(2):  # 0.3 and 0.4 are what the plugins accept
        tools.bump.bump(repository.folder, "wxml-core", "minor")
        assert any("breaks what these accept" in fault for fault in tools.plan.plan(repository.folder).faults)
    tools.bump.bump(repository.folder, "wxml-core", "minor")
    faults = tools.plan.plan(repository.folder).faults
    assert not any("breaks what these accept" in fault for fault in faults)
    assert any("wxml-gnn asks for wxml-core" in fault for fault in faults), "they have to follow in the same set"
    assert '__version__ = "0.5.0"' in (repository.folder / "core/src/wxml/__init__.py").read_text()


def test_each_package_is_published_after_those_that_it_asks_for(repository: Repository, tools: Any) -> None:
    for name, path in PACKAGES.items():
        (repository.folder / path / "README.md").write_text("new")
        tools.bump.bump(repository.folder, name, "patch")
        repository.change(f"{path}/CHANGELOG.md", "## 0.2.1\n", "## 0.2.1\n\n- New.\n")
    found = tools.plan.plan(repository.folder)
    assert found.faults == ()
    assert found.order == ("wxml-kernels", "wxml-core", "wxml-gnn", "wxml-io", "wxml")


def test_a_test_alone_needs_no_release(repository: Repository, tools: Any) -> None:
    (repository.folder / "core" / "tests").mkdir()
    (repository.folder / "core" / "tests" / "test_x.py").write_text("")
    assert tools.plan.plan(repository.folder).changed == {}


@pytest.mark.parametrize("arguments", [["--since", "nowhere"], ["--interface", "--since", "nowhere"]])
def test_a_commit_that_git_does_not_know_is_told(repository: Repository, root: Path, arguments: list[str]) -> None:
    command = [sys.executable, "-m", "release.plan", *arguments]
    environment = {"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=repository.folder, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 1
    assert "error:" in done.stderr
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


# What follows from the manifest


def test_the_files_of_this_repository_are_what_the_manifest_says(root: Path, tools: Any) -> None:
    assert tools.files.stale(root) == [], "run: python -m release.files"


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("plugins/gnn/pyproject.toml", 'version = "0.2.0"', 'version = "0.2.5"'),
        ("plugins/gnn/pyproject.toml", "<0.5", "<0.4"),
        ("meta/pyproject.toml", "wxml-io==0.2.0", "wxml-io==0.1.0"),
        ("core/pyproject.toml", ":: 3.11", ":: 3.10"),
        ("constraints.txt", "torch==2.13.0", "torch==2.12.0"),
        ("release-manifest.toml", '["a", "b"]', '["a"]'),
        ("docs/compatibility.md", "wxml-gnn", "wxml-other"),
    ],
)
def test_a_file_that_says_otherwise_is_seen_and_mended(
    repository: Repository, tools: Any, path: str, old: str, new: str
) -> None:
    before = (repository.folder / path).read_text()
    repository.change(path, old, new)
    assert tools.files.stale(repository.folder) == [path]
    assert tools.files.write(repository.folder) == [path]
    assert (repository.folder / path).read_text() == before


def test_a_package_without_a_place_in_the_manifest_is_told(repository: Repository, tools: Any) -> None:
    (repository.folder / "plugins" / "new").mkdir()
    (repository.folder / "plugins" / "new" / "pyproject.toml").write_text('[project]\nname = "wxml-new"\n')
    with pytest.raises(tools.manifest.ManifestError, match=r"`plugins/new` is not in `release-manifest.toml`"):
        tools.files.files(repository.folder)


def test_a_manifest_is_read_as_it_was_written(tools: Any, root: Path) -> None:
    text = (root / "release-manifest.toml").read_text()
    assert tools.manifest.written(tools.manifest.parsed(text)) == text
