"""Each page of `docs/extend` says what happens: its package is installed, its commands run, their output compared.

A block whose first line is a comment with a path is that file. What pip would write of `pyproject.toml`, the entry
points, is written here. Blocks marked `console` are read as those of `docs/write-a-plugin.md`. Their `wxml` is
a fork of a process that has imported everything.
"""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "extend"
NAMES = (
    "commands",
    "deprecations",
    "extensions",
    "forcings",
    "graph-parts",
    "hierarchies",
    "hooks",
    "kinds-of-your-own",
    "layers",
    "nested-choices",
    "presets",
    "templates",
    "training-parts",
)
FILE = re.compile(r"^```(?:python|toml|yaml)\n# ([~\w./-]+\.\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PROJECT = "pyproject.toml"

spec = importlib.util.spec_from_file_location("author_guide", Path(__file__).with_name("test_author_guide.py"))
author_guide = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = author_guide
spec.loader.exec_module(author_guide)


class Reader:
    """Does what a page says in folders of its own: a repository, and the home of a user."""

    def __init__(self, folder: Path, cache: str, script: Path, compilers: dict[str, str]) -> None:
        self.home, self.repository = folder / "home", folder / "repository"
        self.repository.mkdir()
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("WXML_", "PYTHON", "XDG_"))}
        variables = {"HOME": self.home, "PYTHONPATH": self.repository / "src", "WXML_CACHE": cache}
        path = f"{script.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        self.variables = {**kept, **{key: str(value) for key, value in variables.items()}, "PATH": path}
        self.variables |= {"NO_COLOR": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1", **compilers}

    def write(self, page: str) -> None:
        """Write the files of a page, and install its package if it has one."""
        for name, content in FILE.findall(page):
            path = self.home / name[2:] if name.startswith("~/") else self.repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        if (self.repository / PROJECT).exists():
            self._install()

    def _install(self) -> None:
        """Write what pip would write of the project."""
        project = tomllib.loads((self.repository / PROJECT).read_text())["project"]
        info = self.repository / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir(parents=True)
        header = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        (info / "METADATA").write_text(header)
        lines = [line for group, points in project["entry-points"].items() for line in entry_points(group, points)]
        (info / "entry_points.txt").write_text("\n".join(lines))

    def run(self, command: str) -> "subprocess.CompletedProcess[str]":
        """Run a line of shell; its output comes as one, as on a terminal."""
        done = subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=self.repository,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
            check=False,
        )
        if command.startswith("export "):
            name, _, value = command.removeprefix("export ").partition("=")
            self.variables[name] = value.replace("$PWD", str(self.repository))
        return done


def entry_points(group: str, points: dict[str, str]) -> Iterator[str]:
    """A group as `entry_points.txt` has it."""
    yield f"[{group}]"
    yield from (f"{name} = {value}" for name, value in points.items())


@pytest.fixture
def reader(tmp_path: Path, cache: str, quick_script: Path, code_of_networks: dict[str, str]) -> Reader:
    return Reader(tmp_path, cache, quick_script, code_of_networks)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_says_what_happens(name: str, reader: Reader) -> None:
    page = (FOLDER / f"{name}.md").read_text()
    reader.write(page)
    steps = list(author_guide.steps(page))
    assert steps, "a page shows at least one command"
    different = []
    for step in steps:
        done = reader.run(step.command)
        failed = bool(re.search(r"^error: |^\d.*\d failed", "\n".join(step.expected), re.MULTILINE))
        shown = "\n".join(step.expected)
        if bool(done.returncode) != failed or not step.describes(done.stdout):
            different.append(f"$ {step.command}\npage:\n{shown}\nprinted ({done.returncode}):\n{done.stdout}")
    assert not different, "\n\n".join(different)


def test_the_index_names_every_page() -> None:
    named = set(re.findall(r"\]\(([\w-]+)\.md\)", (FOLDER / "README.md").read_text()))
    assert named <= {path.stem for path in FOLDER.glob("*.md")}
    assert named >= set(NAMES)
