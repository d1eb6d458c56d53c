"""`nox` runs everything; `nox -s "tests(core='lowest')"` one part of it."""

import nox
from packaging.requirements import Requirement

PROJECT = nox.project.load_toml("pyproject.toml")["project"]
CORE = next(r for r in map(Requirement, PROJECT["dependencies"]) if r.name == "wxml-core")
LOWEST = next(bound.version for bound in CORE.specifier if bound.operator == ">=")


@nox.session
@nox.parametrize("core", ["lowest", "highest"])
def tests(session: nox.Session, core: str) -> None:
    """The tests, with the lowest and with the highest wxml-core that pyproject.toml allows."""
    wanted = f"wxml-core=={LOWEST}" if core == "lowest" else f"wxml-core{CORE.specifier}"
    session.install(".[test]", wanted)
    session.run("pytest")


@nox.session
def style(session: nox.Session) -> None:
    """Layout and types."""
    session.install(".[test]", "mypy", "nox", "ruff")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy", "src", "tests", "noxfile.py")
