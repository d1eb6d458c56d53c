"""The one place for tasks: `nox -s check`, `nox -s demo`, …; `nox --list` shows them all."""

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2024.3"
nox.options.sessions = ["check"]
nox.options.default_venv_backend = "virtualenv"  # with pip, since uv does not look where a CPU build of torch may lie
nox.options.reuse_existing_virtualenvs = True

ROOT = Path(__file__).parent
PACKAGES = ["core", *sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/pyproject.toml"))]
SOURCES = [f"{package}/src" for package in PACKAGES]
TESTS = [*(f"{package}/tests" for package in PACKAGES), "integration-tests"]
BUILD_TOOLS = ["build", "editables", "hatchling"]
TOOLS = ["hypothesis", "mypy", "nox", "pytest", "pytest-xdist", "ruff", "scipy-stubs", "types-PyYAML"]

# One OpenMP thread: two test processes of two threads each wait for one another at every barrier.
os.environ.setdefault("OMP_NUM_THREADS", "1")


def install_all(session: nox.Session, *tools: str) -> None:
    """Every local package in one call: a plugin alone would look for wxml-core where packages are published."""
    session.log("installing torch and every package of this repository: minutes the first time")
    editable = [argument for package in PACKAGES for argument in ("-e", f"./{package}")]
    session.install("-c", "constraints.txt", "torch", *editable, *tools)


@nox.session
def check(session: nox.Session) -> None:
    """Style, types, and every test; arguments go to pytest, which then runs alone."""
    install_all(session, *BUILD_TOOLS, *TOOLS)
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy", *SOURCES, "noxfile.py")
    session.run("pytest", "--doctest-modules", *SOURCES)
    session.run("pytest", "-n", "2", "--dist", "worksteal", "--durations", "15", *TESTS)


@nox.session
def lint(session: nox.Session) -> None:
    """Style alone: seconds."""
    session.install("ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def demo(session: nox.Session) -> None:
    """Train, forecast and verify on embedded data; arguments go to `wxml demo`."""
    install_all(session)
    session.run("wxml", "demo", *session.posargs, env={"OMP_NUM_THREADS": "2"})


@nox.session
def known(session: nox.Session) -> None:
    """Write down again what the packages of the release provide, after an entry point or the manifest has changed."""
    session.install("-c", "constraints.txt", "-e", "./core")
    session.run("python", "core/write_known.py")


@nox.session
def build(session: nox.Session) -> None:
    """A wheel and an sdist of every package, into `dist/`."""
    session.install(*BUILD_TOOLS)
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    for package in [*PACKAGES, "meta"]:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", "dist", package)


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark: one JSON line a measurement; WXML_PEERS names an environment to compare with."""
    install_all(session)
    for script in sorted(ROOT.glob("benchmarks/*.py")):
        session.run("python", str(script))
