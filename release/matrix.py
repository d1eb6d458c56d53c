"""Makes environments of wheels and sees what works in them: every plugin, and the demo.

    python -m release.matrix WHEELS [--python 3.12 …] [--dependencies lowest|highest|tested …] [--core WORD …]
                             [--package NAME …]

WHEELS is a folder with the wheels of this repository. Each environment is made by uv below `.nox/matrix`, and removed
afterwards. The tested dependencies are seen on the first Python of those asked for, and other cores than today's
there with the last dependencies. What was seen goes into `docs/compatibility.json`; the versions of a whole
environment go into `constraints/`. An environment that cannot be made is recorded with the reason.
"""

__all__ = ["direct_requirements", "interpreter", "outcomes"]

import argparse
import datetime as dt
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import parse_wheel_filename

from release.compatibility import RESULTS, Cell, Seen, cells, text_of
from release.cores import CORES, NotMadeError, core_of, released, wheel
from release.manifest import CORE, META, Manifest, Package, project, read

FURTHER = ("3.14",)
"""Pythons after those of the release: seen where they are installed."""
RESOLUTION: Mapping[str, tuple[str, ...]] = {
    "lowest": ("--resolution", "lowest-direct"),
    "highest": (),
    "tested": ("--constraints", "constraints.txt"),
}
DEPENDENCIES = tuple(RESOLUTION)
TOOLS = ("hypothesis", "pytest", "pytest-timeout")
CHECKS = "integration-tests/test_check_plugin.py"
LIMIT = "600"
"""Seconds that the check of one plugin may take: ends what hangs, and judges nobody's speed."""


STEPS = 50
"""Steps of the demo's training: whether it works is seen, and not how good it gets."""


LISTED = """
import importlib.metadata, json
found = importlib.metadata.distributions()
print(json.dumps({one.name.lower().replace("_", "-"): one.version for one in found}))
"""


LONGEST = 200


# What is asked for


def direct_requirements(manifest: Manifest, root: Path) -> list[str]:
    """What the packages of the set name of others, with the extras that `wxml` asks for."""
    found = {
        line for package in manifest.packages.values() for line in _of_package(package, project(root / package.path))
    }
    ours = {*manifest.packages}
    return sorted(line for line in found if Requirement(line).name not in ours)


def _of_package(package: Package, found: Mapping[str, dict[str, list[str]]]) -> Iterator[str]:
    """What a package asks for, with the extras that `wxml` and its own tests ask for."""
    yield from found.get("dependencies", ())
    extras = found.get("optional-dependencies", {})
    tested = {
        extra
        for line in extras.get("test", ())
        if (asked := Requirement(line)).name == package.name
        for extra in asked.extras
    }
    for extra in sorted({*package.extras, *tested, *({"torch"} & {*extras})}):
        yield from extras[extra]


def interpreter(version: str) -> Path:
    """The Python of that version on this machine.

    Raises:
        NotMadeError: there is none.
    """
    named = shutil.which(f"python{version}")
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in [*([Path(named)] if named else []), *sorted(root.glob(f"versions/{version}.*/bin/python"))]:
        asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == version:
            return path
    raise NotMadeError(f"there is no Python {version} on this machine{_wheel_of_torch(version)}")


def _wheel_of_torch(version: str) -> str:
    """Whether the index has torch for a Python that is not here."""
    asked = ["--no-deps", "--only-binary", ":all:", "--python-version", version, "--target", "nowhere", "--dry-run"]
    command = [sys.executable, "-m", "pip", "install", "--ignore-installed", *asked, "torch"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return "; the index has torch for it" if found.returncode == 0 else "; the index has no torch for it"


# One environment


@dataclass(frozen=True, slots=True)
class Seeing:
    """What is seen in each environment."""

    manifest: Manifest
    root: Path
    wheels: Path
    """The folder of the wheels of this repository."""
    packages: Sequence[str]
    """Those whose plugins are checked."""


def seen(asked: Seeing, cell: Cell, core: Path | None) -> Cell:
    """Make an environment, check the plugins of the chosen packages in it, run the demo, and remove it.

    Args:
        asked: what is seen of which set.
        cell: of which environment.
        core: the wheel of another core than today's; None: today's.
    """
    began, manifest, root = time.monotonic(), asked.manifest, asked.root
    folder = root / ".nox" / "matrix" / f"{cell.python}-{cell.dependencies}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        python = _made(cell, [*_ours(asked, core), *direct_requirements(manifest, root)], folder)
        versions = _versions(python)
        if core is None:
            _keep(cell, versions, {*manifest.packages}, root)
        packages = _checked(python, asked, folder)
        known = {name: packages.get(name, Seen(versions[name], 0)) for name in manifest.packages if name in versions}
        demo = _demo(python, folder)
    except NotMadeError as error:
        return replace(cell, skipped=str(error))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    minutes = round((time.monotonic() - began) / 60, 1)
    return replace(cell, versions=versions, demo=demo, packages=known, minutes=minutes)


def _made(cell: Cell, wanted: Sequence[str], folder: Path) -> Path:
    """The Python of a new environment in which all that is wanted is installed."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    python = folder / "bin" / "python"
    # One more place than the index, which may have a CPU build of torch.
    links = ["--find-links", places] if (places := os.environ.get("PIP_FIND_LINKS", "")) else []
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--only-binary", ":all:", *links]
    _insist(uv, "venv", "--quiet", "--python", str(interpreter(cell.python)), str(folder))
    _insist(*install, *RESOLUTION[cell.dependencies], *wanted)
    _insist(*install, *TOOLS)
    return python


def _ours(asked: Seeing, core: Path | None) -> Iterator[str]:
    """The files of our packages: none is taken from the index, whatever that has under their names."""
    for path in sorted(asked.wheels.glob("*.whl")):
        name = str(parse_wheel_filename(path.name)[0])
        extras = {*asked.manifest.packages[name].extras, *(("config", "torch") if name == CORE else ())}
        if core is None or name != META:  # which pins today's core
            chosen = core if core and name == CORE else path
            yield f"{name}{_bracketed(extras)} @ {chosen.as_uri()}"


def _bracketed(extras: set[str]) -> str:
    return f"[{','.join(sorted(extras))}]" if extras else ""


def _insist(*command: str) -> None:
    variables = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    if done.returncode:
        told = " ".join(done.stderr.split())
        raise NotMadeError(told[-600:])


def _versions(python: Path) -> dict[str, str]:
    done = subprocess.run([python, "-c", LISTED], capture_output=True, text=True, check=True)
    return dict(sorted(json.loads(done.stdout).items()))


def _keep(cell: Cell, versions: Mapping[str, str], ours: set[str], root: Path) -> None:
    """Write the versions of an environment into `constraints/`."""
    place = f"Python {cell.python} on {platform.system()} {platform.machine()}"
    about = f"# {place}, {cell.dependencies} dependencies: seen by `nox -s matrix` on {cell.date}."
    pins = [f"{name}=={version.partition('+')[0]}" for name, version in versions.items() if name not in ours]
    path = root / "constraints" / f"python-{cell.python}-{cell.dependencies}.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([about, *pins, ""]), encoding="utf-8")


def _demo(python: Path, folder: Path) -> str:
    """`passed`, or the last line of what `wxml demo` said."""
    command = [str(python.with_name("wxml")), "demo", f"training.max_steps={STEPS}"]
    where = folder / "demo"
    where.mkdir()
    variables = {**os.environ, "WXML_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=where, env=variables, capture_output=True, text=True, check=False)
    return "passed" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["no word"])[-1]


def _checked(python: Path, asked: Seeing, folder: Path) -> dict[str, Seen]:
    """What `wxml check-plugin` says of the plugins of each chosen package."""
    report, manifest, root = folder / "checks.xml", asked.manifest, asked.root
    provided = _plugins(manifest, asked.packages)
    plugins = [f"{CHECKS}::test_a_shipped_plugin_passes[{kind}-{name}]" for kind, name in provided]
    known = {line.rstrip() for line in _collected(python, root)}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "filterwarnings=", "--timeout", LIMIT]
    variables = {**os.environ, "OMP_NUM_THREADS": "1"}
    ids = [plugin for plugin in plugins if plugin in known]
    subprocess.run(
        [*command, f"--junitxml={report}", *ids], cwd=root, env=variables, stdout=subprocess.DEVNULL, check=False
    )
    if not report.is_file():
        raise NotMadeError("the checks of the plugins did not come to an end")
    return outcomes(report.read_text(encoding="utf-8"), manifest)


def _collected(python: Path, root: Path) -> list[str]:
    command = [
        str(python),
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--collect-only",
        "-o",
        "filterwarnings=",
        CHECKS,
    ]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.splitlines()


def _plugins(manifest: Manifest, chosen: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in chosen:
        for kind, names in manifest.packages[name].provides.items():
            yield from ((kind, one) for one in names)


def outcomes(report: str, manifest: Manifest) -> dict[str, Seen]:
    """Package → how many plugins were checked and which failed, from the report of pytest in the form of JUnit."""
    owners = {
        f"{kind}-{name}": package for package in manifest.packages for kind, name in _plugins(manifest, [package])
    }
    found: dict[str, list[str]] = {}
    for case in ET.fromstring(report).iter("testcase"):  # noqa: S314  # pytest has just written it
        plugin = case.attrib["name"].partition("[")[2].rstrip("]")
        found.setdefault(owners[plugin], []).append(f"{plugin}: {why}" if (why := _why(case)) else "")
    return {
        package: Seen(manifest.packages[package].version, len(told), tuple(filter(None, told)))
        for package, told in found.items()
    }


def _why(case: ET.Element) -> str:
    """The first line of why a test has failed; empty if it has not."""
    wrong = [found for word in ("failure", "error") if (found := case.find(word)) is not None]
    return (wrong[0].attrib.get("message", "").splitlines() or ["no word"])[0][:LONGEST] if wrong else ""


# All of them


def main() -> None:
    """See the environments that were asked for, one after the other, and keep what was seen."""
    root = Path.cwd()
    manifest = read(root)
    asked = _arguments(manifest)
    seeing = Seeing(manifest, root, asked.wheels.resolve(), asked.package)
    _check_wheels(seeing)
    failed = []
    for python, dependencies, word in rows(asked.python, asked.dependencies, asked.core):
        found = _row(seeing, python, dependencies, word)
        if found is None:
            print(f"Python {python}, {dependencies}: the {word} core is today's", flush=True)
            continue
        _record(found, root)
        print(f"Python {python}, {dependencies}, core {found.core}: {found.skipped or found.demo}", flush=True)
        failed += [why for one in found.packages.values() for why in one.failed]
        failed += [] if found.skipped or found.demo == "passed" else [f"wxml demo: {found.demo}"]
    sys.exit("\n".join(failed) if failed else 0)


def rows(pythons: Sequence[str], dependencies: Sequence[str], words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Python, dependencies and core of each environment.

    The tested dependencies are seen on the first Python, and other cores than today's there with the last dependencies.
    """
    for python, which in product(pythons, dependencies):
        is_first = python == pythons[0]
        if is_first or which != "tested":
            others = is_first and which == dependencies[-1]
            yield from ((python, which, word) for word in words if word == "current" or others)


def _row(seeing: Seeing, python: str, dependencies: str, word: str) -> Cell | None:
    """What is seen in one environment; None if another core is asked for, and today's is that one."""
    today = dt.datetime.now(dt.UTC).date().isoformat()
    head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    empty = Cell(python=python, dependencies=dependencies, core=word, date=today, commit=head.stdout.strip())
    try:
        found = {} if word in ("current", "later") else released(seeing.manifest, seeing.root)
        core = core_of(word, seeing.manifest, found)
    except NotMadeError as error:
        return replace(empty, skipped=str(error))
    cell = replace(empty, core=core.version, origin=core.origin)
    if word == "current":
        return seen(seeing, cell, None)
    if not core.origin:
        return None
    with tempfile.TemporaryDirectory() as made:
        return seen(seeing, cell, wheel(core, seeing.root, Path(made)))


def _record(found: Cell, root: Path) -> None:
    """Put what was seen in the place of what was seen of the same environment, package by package."""
    before = {cell.key: cell for cell in cells((root / RESULTS).read_text(encoding="utf-8"))}
    old = before.get(found.key)
    if old and not found.skipped:
        unchecked = {name for name, one in found.packages.items() if not one.checked}
        found = replace(found, packages={**found.packages, **{n: s for n, s in old.packages.items() if n in unchecked}})
    (root / RESULTS).write_text(text_of([*({**before, found.key: found}).values()]), encoding="utf-8")


def _check_wheels(seeing: Seeing) -> None:
    """End with a word if the wheels are not those of the set."""
    there = {tuple(map(str, parse_wheel_filename(path.name)[:2])) for path in seeing.wheels.glob("*.whl")}
    wanted = {(name, package.version) for name, package in seeing.manifest.packages.items()}
    if there != wanted:
        differing = ", ".join(sorted(" ".join(one) for one in there ^ wanted))
        sys.exit(f"error: `{seeing.wheels}` has not the wheels of this set ({differing}): run `nox -s wheels`")


def _arguments(manifest: Manifest) -> argparse.Namespace:
    pythons = [*manifest.pythons, *FURTHER]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--python", nargs="+", choices=pythons, default=pythons)
    parser.add_argument("--dependencies", nargs="+", choices=DEPENDENCIES, default=DEPENDENCIES)
    parser.add_argument("--core", nargs="+", choices=CORES, default=CORES)
    parser.add_argument("--package", nargs="+", choices=[*manifest.packages], default=[*manifest.packages])
    return parser.parse_args()


if __name__ == "__main__":
    main()
