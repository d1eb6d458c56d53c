"""Builds the package of an institute, installs it beside our wheels, and runs its tests, as a recipe says.

    python -m release.downstream downstream/acme-afno.toml PYTHON

PYTHON is the interpreter of an environment in which the wheels of this repository are installed. The keys of a recipe:

    source = "examples/acme-afno"            # a folder of this repository, or the address of a Git repository
    commit = "v1.2.0"                        # of that repository
    checks = ["python -m pytest tests"]      # what is run in a copy of the source; no shell sees it

The package is uninstalled at the end, and what it has brought along stays.
"""

__all__ = ["Recipe", "RecipeError", "built", "read", "tried"]

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

KEYS = {"source", "commit", "checks"}
ADDRESS = re.compile(r"https://[\w.~-]+(/[\w.~-]+)+")


class RecipeError(Exception):
    """A recipe is wrong, or what it asks for has failed."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to test a package of others."""

    name: str
    source: str
    checks: tuple[str, ...]
    commit: str = ""

    @property
    def is_here(self) -> bool:
        """Whether the source is a folder of this repository."""
        return not ADDRESS.fullmatch(self.source)


def read(path: Path) -> Recipe:
    """The recipe of a file.

    Raises:
        RecipeError: it is none.
    """
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := {*found} - KEYS:
        raise RecipeError(f"`{path}` has unknown keys {sorted(unknown)}: it may have {sorted(KEYS)}")
    if lacking := {"source", "checks"} - {*found}:
        raise RecipeError(f"`{path}` lacks {sorted(lacking)}")
    recipe = Recipe(path.stem, found["source"], tuple(found["checks"]), found.get("commit", ""))
    if recipe.is_here and (recipe.commit or Path(recipe.source).is_absolute() or ".." in Path(recipe.source).parts):
        raise RecipeError(
            f"`source` of `{path}` must be a folder of this repository, or https://…, got {recipe.source!r}"
        )
    if not recipe.is_here and not recipe.commit:
        raise RecipeError(f"`{path}` names a repository and no `commit` of it: what is tested must not move")
    return recipe


def tried(recipe: Recipe, python: str, root: Path) -> None:
    """Build, install and test a package.

    Raises:
        RecipeError: one of these has failed.
    """
    with tempfile.TemporaryDirectory() as made:
        folder = _fetched(recipe, root, Path(made))
        wheel = built(folder, Path(made) / "wheels")
        variables = {**os.environ, "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
        variables["WXML_CACHE"] = str(Path(made) / "cache")
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        _insist([*pip, "install", "--quiet", "-c", str(root / "constraints.txt"), str(wheel)], folder, variables)
        try:
            for check in recipe.checks:
                print(f"{recipe.name}: {check}", flush=True)
                _insist(shlex.split(check), folder, variables)
        finally:
            _insist([*pip, "uninstall", "--quiet", "--yes", wheel.name.partition("-")[0]], folder, variables)


def _fetched(recipe: Recipe, root: Path, where: Path) -> Path:
    """A copy of the source."""
    folder = where / recipe.name
    if not recipe.is_here:
        _insist(["git", "clone", "--quiet", recipe.source, str(folder)], where, dict(os.environ))
        _insist(["git", "checkout", "--quiet", "--detach", recipe.commit], folder, dict(os.environ))
        return folder
    if not (root / recipe.source / "pyproject.toml").is_file():
        raise RecipeError(f"`source` of {recipe.name} must be a folder with a pyproject.toml, got {recipe.source!r}")
    shutil.copytree(root / recipe.source, folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "build"))
    return folder


def built(folder: Path, where: Path) -> Path:
    """A wheel of a package."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(where), str(folder)]
    _insist(command, folder, dict(os.environ))
    (wheel,) = where.glob("*.whl")
    return wheel


def _insist(command: list[str], folder: Path, variables: dict[str, str]) -> None:
    try:
        done = subprocess.run(command, cwd=folder, env=variables, check=False)
    except OSError as error:
        raise RecipeError(f"{shlex.join(command)}: {error.strerror}") from error
    if done.returncode:
        raise RecipeError(f"{shlex.join(command)}: exit code {done.returncode}")


def main() -> None:
    """Try one recipe."""
    try:
        tried(read(Path(sys.argv[1])), sys.argv[2], Path.cwd())
    except RecipeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
