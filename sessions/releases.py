"""Tasks about releases: wheels, what works with what, what a release needs. `docs/releasing.md` says when to run which.

Those that need the wheels of this repository take `dist/`, which `nox -s wheels` makes, and one environment of them.
"""

import shutil
import sys
from pathlib import Path

import nox

from sessions.environment import BUILD_TOOLS, MANIFEST, PACKAGES, ROOT

DIST = ROOT / "dist"
INSTALLED = ROOT / ".nox" / "wheels"
"""An environment in which `wxml` is installed from the wheels, like a user's."""
PYTHON = INSTALLED / ("Scripts" if sys.platform == "win32" else "bin") / "python"
CHECKS = "integration-tests/test_check_plugin.py"
OPTIONAL = ("matplotlib", "pyarrow", "tensorboardX", "torch-geometric")
"""What plugins need that `wxml` does not bring: theirs are checked, too."""
RECIPES = sorted(path.stem for path in ROOT.glob("downstream/*.toml"))


@nox.session
def wheels(session: nox.Session) -> None:
    """A wheel and an sdist of every package, into `dist/`."""
    session.install(*BUILD_TOOLS)
    shutil.rmtree(DIST, ignore_errors=True)
    for package in [*PACKAGES, "meta"]:
        session.run("python", "-m", "build", "--no-isolation", "--outdir", "dist", package)


def installed(session: nox.Session, *tools: str, fresh: bool = False) -> str:
    """The Python of the environment of the wheels; it is made if it is older than they are."""
    found = sorted(DIST.glob("*.whl"))
    if not found:
        session.error("there are no wheels in dist/: run `nox -s wheels` first")
    is_old = not PYTHON.is_file() or PYTHON.lstat().st_mtime < max(wheel.stat().st_mtime for wheel in found)
    if fresh or is_old:
        shutil.rmtree(INSTALLED, ignore_errors=True)
        session.run("python", "-m", "venv", str(INSTALLED))
        # The files themselves, so that no package of ours is taken from an index.
        session.run(*pip("install", "-c", "constraints.txt", *map(str, found)), external=True)
    if tools:
        session.run(*pip("install", "-c", "constraints.txt", *tools), external=True)
    return str(PYTHON)


def pip(*arguments: str) -> tuple[str, ...]:
    """A command that installs into the environment of the wheels."""
    return (str(PYTHON), "-m", "pip", "--disable-pip-version-check", arguments[0], "--quiet", *arguments[1:])


@nox.session
def smoke(session: nox.Session) -> None:
    """The wheels in a fresh environment: the demo, the list of plugins, `wxml check-plugin` of every plugin."""
    wxml = str(Path(installed(session, fresh=True)).with_name("wxml"))
    folder = Path(session.create_tmp()).resolve()
    with session.chdir(folder):
        session.run(wxml, "doctor", external=True)
        session.run(wxml, "list-plugins", "--strict", external=True, silent=True)
        session.run(wxml, "demo", external=True)
    python = installed(session, "hypothesis", "pytest", *OPTIONAL)
    session.run(python, "-m", "pytest", "-p", "no:cacheprovider", *(session.posargs or [CHECKS]), external=True)


@nox.session
def matrix(session: nox.Session) -> None:
    """Every plugin with low and high dependencies on each Python, and other cores, into `docs/compatibility.md`.

    Arguments choose: `--python 3.12 --dependencies lowest --core current later --package wxml-processor-gnn`.
    """
    session.install("hatchling", "packaging", "uv")
    session.run("python", "-m", "release.matrix", "dist", *session.posargs)
    session.run("python", "-m", "release.files")


@nox.session
@nox.parametrize("recipe", RECIPES, ids=RECIPES)
def downstream(session: nox.Session, recipe: str) -> None:
    """Build the package of an institute, install it beside our wheels, and run its tests, as `downstream/` says."""
    session.install("build", "hatchling", "setuptools")
    python = installed(session, "hypothesis", "pytest")
    session.run("python", "-m", "release.downstream", f"downstream/{recipe}.toml", python)


@nox.session(name="api-diff")
def api_diff(session: nox.Session) -> None:
    """What has changed of the public names since the last release, or `--since COMMIT`, and whom it breaks."""
    session.install("griffe", "packaging")
    session.run("python", "-m", "release.plan", "--interface", *session.posargs)


@nox.session(name="release-plan")
def release_plan(session: nox.Session) -> None:
    """What a release needs: what has changed, what to bump, in which order to publish; `--since COMMIT` compares."""
    session.install("griffe", "packaging")
    session.run("python", "-m", "release.plan", *session.posargs)


@nox.session
def constraints(session: nox.Session) -> None:
    """Write what follows from the manifest, and the versions of the environment of the wheels into `constraints/`."""
    session.install("packaging")
    session.run("python", "-m", "release.tested", installed(session))
    session.run("python", "-m", "release.files")


@nox.session
def sbom(session: nox.Session) -> None:
    """A bill of materials of the environment of the wheels (CycloneDX), into `dist/`."""
    session.install("cyclonedx-bom")
    out = DIST / f"wxml-{MANIFEST.version}.cdx.json"
    command = ("cyclonedx-py", "environment", "--output-reproducible", "--of", "JSON", "-o", str(out))
    session.run(*command, installed(session))
    session.log(f"{out.relative_to(ROOT)} lists what is installed with wxml {MANIFEST.version}")


@nox.session
def wheelhouse(session: nox.Session) -> None:
    """A folder `wheelhouse/` of wheels with checksums, for machines without a network; arguments name the packages.

    Without arguments it is `wxml`, with all that it needs. The wheels are for this Python and this kind of machine. At
    the end it is installed into a new environment that has no network.
    """
    session.install(*BUILD_TOOLS, "packaging")
    built, folder = Path(session.create_tmp()).resolve() / "built", ROOT / "wheelhouse"
    for old in (built, folder):
        shutil.rmtree(old, ignore_errors=True)
    for package in [*PACKAGES, "meta"]:
        session.run("python", "-m", "build", "--wheel", "--no-isolation", "--outdir", str(built), package)
    wanted = session.posargs or ["wxml"]
    session.run(
        *("python", "-m", "pip", "wheel", "-c", "constraints.txt"),
        *("--find-links", str(built), "--wheel-dir", str(folder), *wanted),
    )
    session.run("python", "meta/bundle.py", str(folder))
    session.run("python", "-m", "release.offline", str(folder))
    session.log((folder / "INSTALL.txt").read_text(encoding="utf-8"))
