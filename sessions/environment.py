"""What the tasks share: the packages of this repository, and an environment with all of them."""

__all__ = ["BUILD_TOOLS", "EXTRAS", "PACKAGES", "PYTHONS", "ROOT", "RUFF", "TOOLS", "WHOLE", "install_all", "shared"]

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import nox

from release.manifest import META, read

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = read(ROOT)
PYTHONS = list(MANIFEST.pythons)
PLUGINS = sorted(one.path for one in MANIFEST.packages.values() if one.path.startswith("plugins/"))
PACKAGES = ["kernels", "core", *PLUGINS]
WHOLE = {
    one.path: f"[{','.join(one.extras)}]"
    for name, one in MANIFEST.packages.items()
    if one.extras and name != META and one.path in PLUGINS
}
"""The extras that the package `wxml` brings, too."""
BUILD_TOOLS = ["build", "editables", "hatchling", "setuptools"]
RUFF = "ruff==0.17.6"
"""As in `.pre-commit-config.yaml`: another version lays files out in another way."""
TOOLS = [
    "griffe",
    "hypothesis",
    "import-linter",
    "ipykernel",
    "mypy",
    "nbclient",
    "nox",
    "pydap",
    "pytest",
    "pytest-xdist",
    RUFF,
    "scipy-stubs",
    "types-PyYAML",
]
EXTRAS = [
    "aiohttp",
    "distributed",
    "gcsfs",
    "icechunk",
    "pyarrow",
    "pyproj",
    "s3fs",
    "tensorboardX",
    "torch-geometric",
    "triton; sys_platform == 'linux'",
]  # what the extras of packages ask for: their tests run too


def install_all(session: nox.Session, *tools: str) -> None:
    """Every local package in one call: a plugin alone would look for wxml-core where packages are published."""
    session.log("installing torch and every package of this repository: minutes the first time")
    for arguments in installations(*tools):
        session.install(*arguments)


def installations(*tools: str) -> Iterator[tuple[str, ...]]:
    """The arguments of `pip install`, twice: what builds the packages, then all else."""
    editable = [argument for package in PACKAGES for argument in ("-e", f"./{package}{WHOLE.get(package, '')}")]
    # Else pip makes an environment for each package to build it in, every time: 85 s of processor time instead of 15 s.
    yield ("-c", "constraints.txt", *BUILD_TOOLS)
    # Nearly all of what pip would compile is never imported; the rest is compiled when it is.
    yield ("--no-build-isolation", "--no-compile", "-c", "constraints.txt", "torch", *editable, *tools)


up_to_date: set[Path] = set()
"""The shared environments to which this run of nox has installed what there is now."""


def shared(session: nox.Session) -> Callable[..., object]:
    """Run programs in the environment of `check`: for sessions without one of their own (`venv_backend="none"`).

    It is made if it is not there, and brought up to date once for all sessions of a run: each would take gigabytes.
    """
    folder = session.cache_dir.resolve().parent / "check"
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")

    def run(program: str, *arguments: str, env: dict[str, str] | None = None, codes: Sequence[int] = (0,)) -> object:
        path = {"PATH": os.pathsep.join([str(programs), os.environ.get("PATH", "")]), "VIRTUAL_ENV": str(folder)}
        return session.run(
            str(programs / program), *arguments, env=path | (env or {}), success_codes=codes, external=True
        )

    if folder not in up_to_date:
        if not programs.exists():
            session.run(sys.executable, "-m", "virtualenv", "--quiet", str(folder), external=True)
        for arguments in installations(*TOOLS, *EXTRAS):
            run("python", "-m", "pip", "install", "--quiet", *arguments)
        up_to_date.add(folder)
    return run
