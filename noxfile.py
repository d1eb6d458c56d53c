"""The one place for tasks: `nox -s check`, `nox -s demo`, …; `nox --list` shows them all, those of `sessions/` too."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import nox

sys.path.insert(0, str(Path(__file__).parent))  # nox does not look there for what a noxfile imports

from sessions import pages, peers, releases  # noqa: F401  # their tasks are known to nox when they are imported
from sessions.environment import EXTRAS, PACKAGES, ROOT, RUFF, TOOLS, install_all, shared

nox.needs_version = ">=2024.3"
nox.options.sessions = ["check"]
nox.options.default_venv_backend = "virtualenv"  # with pip, since uv does not look where a CPU build of torch may lie
nox.options.reuse_existing_virtualenvs = True

SOURCES = [f"{package}/src" for package in PACKAGES]
EXAMPLES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/*/src"))
TYPED = [*SOURCES, *EXAMPLES, "noxfile.py", "sessions", "release"]
TESTS = [*(f"{package}/tests" for package in PACKAGES), "integration-tests"]
QUICK = ("-n", "3", "--dist", "worksteal", "-m", "not long")
"""Options of pytest for every test but the long proofs, of which `nox -s long` has the table."""
NO_TESTS = 5
"""The exit code of pytest where a package has no examples."""
ENDLESS = ("-o", "faulthandler_timeout=0")
"""Options of pytest for proofs, of which one test may take longer than any test of `check`."""
MUTATED = {  # module → the tests of its package that ought to notice any change of it
    "core/src/wxml/data/grid.py": "tests/data",
    "core/src/wxml/data/sphere.py": "tests/data",
    "core/src/wxml/data/times.py": "tests/data",
    "core/src/wxml/graphs/builder.py": "tests/graphs",
    "core/src/wxml/graphs/cache.py": "tests/graphs",
    "core/src/wxml/graphs/graph.py": "tests/graphs",
    "plugins/verification/src/wxml_verification/metrics/errors.py": "tests/test_metrics.py",
}

# One OpenMP thread: two test processes of two threads each wait for one another at every barrier.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Else each of the many processes that tests start compiles all that it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@nox.session
def check(session: nox.Session) -> None:
    """Style, types, and every test; arguments go to pytest, which then runs alone."""
    with parts_timed(session) as part:
        with part("environment"):
            install_all(session, *TOOLS, *EXTRAS)
        if session.posargs:
            session.run("pytest", *session.posargs)
            return
        with part("style"):
            session.run("ruff", "check")
            session.run("ruff", "format", "--check")
        with types_checked(session, part):  # one process, which fills what the tests leave of two cores
            with part("examples of docstrings"):
                session.run("pytest", "--doctest-modules", *SOURCES)
            with part("tests"):
                session.run("pytest", *QUICK, "--durations", "15", *TESTS)


Part = Callable[[str], AbstractContextManager[None]]


@contextmanager
def parts_timed(session: nox.Session) -> Iterator[Part]:
    """Show at the end where the time of a session went; `with part(name):` is one part of it."""
    lines = [f"{'seconds':>8}  {'of processors':>13}  part"]

    @contextmanager
    def part(name: str) -> Iterator[None]:
        began, before = time.monotonic(), os.times()
        try:
            yield
        finally:
            after = os.times()
            processors = after.children_user + after.children_system - before.children_user - before.children_system
            lines.append(f"{time.monotonic() - began:8.0f}  {processors:13.0f}  {name}")

    try:
        with part("in all"):
            yield part
    finally:
        session.log("where the time went:\n" + "\n".join(lines))


@contextmanager
def types_checked(session: nox.Session, part: Part) -> Iterator[None]:
    """Check the types meanwhile, and show what was found at the end."""
    command = [str(Path(session.bin) / "mypy"), *TYPED]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as types:
        try:
            yield
        finally:
            with part("types, until they are known"):
                found, _ = types.communicate()
            session.log(f"mypy says:\n{found}")
    if types.returncode:
        session.error("mypy has found faults: they are shown above")


@nox.session(venv_backend="none")
def long(session: nox.Session) -> None:
    """The long proofs of `docs/long-proofs.md`, of which `check` runs a short form; arguments go to pytest."""
    run = shared(session)
    run("pytest", *ENDLESS, "-n", "2", "--dist", "worksteal", "-m", "long", *(session.posargs or TESTS))


@nox.session(venv_backend="none")
def properties(session: nox.Session) -> None:
    """Properties with 300 random examples, or as many as the argument says; `check` tries 30, the same every time."""
    run = shared(session)
    count = session.posargs[0] if session.posargs else "300"
    options = (*ENDLESS, "-n", "2", "--dist", "worksteal", "-m", "hypothesis")
    run("pytest", *options, *TESTS, env={"WXML_EXAMPLES": count})


@nox.session(venv_backend="none")
def fuzz(session: nox.Session) -> None:
    """Mutate artefacts and configs: 10 000 times, or as often as the argument says."""
    run = shared(session)
    count = session.posargs[0] if session.posargs else "10000"
    run("pytest", *ENDLESS, "integration-tests/test_fuzz.py", env={"WXML_FUZZ": count})


@nox.session(name="machine-code", venv_backend="none")
def machine_code(session: nox.Session) -> None:
    """Compile every network to machine code, those of the examples too; `check` compiles small ones."""
    run = shared(session)
    networks = ["plugins/processor-gnn/tests", "plugins/processor-transformer/tests"]
    options = (*ENDLESS, "--durations", "15")
    run("pytest", *options, "-k", "machine_code", *networks, env={"WXML_MACHINE_CODE": "1"})
    files = [f"integration-tests/test_{name}.py" for name in ("check_plugin", "examples", "extension_pages")]
    chosen = "processor- or mapper- or keeps_its_contract or hierarchies or backends_for_gpus"
    files.append("integration-tests/test_benchmarks.py")
    run("pytest", *options, "-k", chosen, *files, env={"WXML_MACHINE_CODE": "1"})


@nox.session(venv_backend="none")
def graphs(session: nox.Session) -> None:
    """Train, forecast and verify each of `docs/experiments/graphs` as it is, and write the table of `docs/graphs.md`.

    The limited area needs the real data: WXML_SHARED_DATA names their folder.
    """
    run = shared(session)
    folder = Path(session.create_tmp()).resolve() / "graphs"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run("pytest", *ENDLESS, "integration-tests/test_six_graphs.py", env={"WXML_GRAPHS": str(folder)})
    run("python", "docs/make_table_of_graphs.py", str(folder))


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the code in small ways and show what no test notices; arguments name files of `MUTATED`.

    It fails if `docs/mutants.md` does not explain a change that survives.
    """
    chosen = session.posargs or list(MUTATED)
    install_all(session, "hypothesis", "mutmut", "pytest", *EXTRAS)
    surviving = [change for file in chosen for change in survivors(session, file)]
    explained = (ROOT / "docs" / "mutants.md").read_text(encoding="utf-8")
    unexplained = [change for change in surviving if change.splitlines()[-1] not in explained]
    session.log(f"{len(surviving)} changes survive")
    if unexplained:
        session.error(
            "no test notices these changes, and docs/mutants.md does not explain them:\n\n" + "\n\n".join(unexplained)
        )


def survivors(session: nox.Session, file: str) -> list[str]:
    """The changes of one file that its tests do not notice: the name of each, the line before and the line after."""
    package, _, name = file.partition("/src/")
    folder = Path(session.create_tmp()) / file.replace("/", "-")
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("src", "tests"):
        shutil.copytree(ROOT / package / part, folder / part)
    shutil.copy(ROOT / "pyproject.toml", folder)
    options = {
        "source_paths": "src",
        "only_mutate": f"src/{name}",
        "pytest_add_cli_args_test_selection": MUTATED[file],
        "process_isolation": "forkserver",  # torch does not like to be forked in the middle of things
    }
    lines = [f"{key} = {value}" for key, value in options.items()]
    (folder / "setup.cfg").write_text("\n".join(["[mutmut]", *lines, ""]), encoding="utf-8")
    with session.chdir(folder):
        session.run("mutmut", "run", "--max-children", "2")
        results = str(session.run("mutmut", "results", silent=True)).splitlines()
        names = [line.split(":")[0].strip() for line in results if line.endswith((": survived", ": no tests"))]
        shown = [str(session.run("mutmut", "show", name, silent=True)) for name in names]
    return ["\n".join([name, *changed(text)]) for name, text in zip(names, shown, strict=True)]


def changed(diff: str) -> list[str]:
    """The lines of a diff that differ."""
    return [line for line in diff.splitlines() if line.startswith(("-", "+")) and not line.startswith(("---", "+++"))]


@nox.session(venv_backend="none")
def ranks(session: nox.Session) -> None:
    """Train in one to five processes with every strategy and precision, and a model of every kind in two."""
    run = shared(session)
    tests = ["plugins/trainer-lightning/tests/test_trainer_many_devices.py", "integration-tests/test_many_devices.py"]
    run("pytest", *ENDLESS, *tests, env={"WXML_RANKS": "1"})


@nox.session(name="fine-tuning", venv_backend="none")
def fine_tuning(session: nox.Session) -> None:
    """Train from the weights of another model and from fresh ones, at equal steps, on real data with three seeds.

    The parent makes 1500 steps, or as many as the argument says. WXML_SHARED_DATA names the folder of the real data.
    """
    run = shared(session)
    steps = session.posargs[0] if session.posargs else "1500"
    run("pytest", *ENDLESS, "-s", "integration-tests/test_fine_tuning.py", env={"WXML_FINE_TUNING": steps})


@nox.session(venv_backend="none")
def kills(session: nox.Session) -> None:
    """Kill trainings, forecasts, verifications, builds of datasets at 100 random moments, or as the argument says.

    Others come at chosen moments: see `integration-tests/test_kills.py` and `test_dataset_kills.py`; those of a cluster
    are in `test_dataset_cluster_kills.py`. In `test_forecast_kills.py` are as many of each format of forecasts, and as
    many again at chosen moments.
    """
    run = shared(session)
    number = session.posargs[0] if session.posargs else "100"
    names = ("test_kills", "test_forecast_kills", "test_dataset_kills", "test_dataset_cluster_kills")
    tests = [f"integration-tests/{name}.py" for name in names]
    run("pytest", *ENDLESS, *tests, env={"WXML_KILLS": number})


@nox.session(venv_backend="none")
def globe(session: nox.Session) -> None:
    """Build the code of the globe page by npm, from `plugins/graph-viewer/globe`; the result is checked in.

    It needs Node.js 20 or newer. `package-lock.json` has the version and the hash of each package, so that the same
    bytes come out; `--check` after `--` says whether those that are checked in are these.
    """
    bundle_by_npm(session, ROOT / "plugins" / "graph-viewer" / "globe")


@nox.session
def report_page(session: nox.Session) -> None:
    """Build the code of the report of `wxml verify` by npm, from `plugins/verification/page`; see `globe`."""
    bundle_by_npm(session, ROOT / "plugins" / "verification" / "page")


def bundle_by_npm(session: nox.Session, folder: Path) -> None:
    """Run `build.mjs` of a folder with the packages of its lock file."""
    with session.chdir(folder):
        session.run("npm", "ci", "--no-audit", "--no-fund", external=True)
        session.run("node", "build.mjs", external=True)
    if "--check" in session.posargs:
        session.run("git", "diff", "--exit-code", "--stat", str(folder.parent / "src"), external=True)


@nox.session
def browser(session: nox.Session) -> None:
    """Open the globe page and a report in Chromium; WXML_CHROMIUM names another program. Arguments go to pytest."""
    install_all(session, "hypothesis", "playwright", "pytest")
    tests = "plugins/graph-viewer/tests/test_browser.py", "plugins/verification/tests/test_report_browser.py"
    session.run("pytest", *tests, *session.posargs)


@nox.session
def triton(session: nox.Session) -> None:
    """The fused kernels for GPUs in the interpreter of Triton: 40 random graphs, or as many as the argument says."""
    install_all(session, "hypothesis", "pytest", "triton")
    count = session.posargs[0] if session.posargs else "40"
    checks = "kernels/tests/interpreted/triton_checks.py"
    session.run("pytest", checks, env={"TRITON_INTERPRET": "1", "WXML_TRITON_EXAMPLES": count})
    session.run("pytest", "kernels/tests/test_fused_edges.py", "-k", "gpu")


@nox.session
def lint(session: nox.Session) -> None:
    """Style alone: seconds. `.pre-commit-config.yaml` runs the same."""
    session.install(RUFF)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("python", ".ci/changelog.py", "--check")


@nox.session(venv_backend="none")
def types(session: nox.Session) -> None:
    """Types of every package, of the examples and of the tasks."""
    run = shared(session)
    run("mypy", *TYPED)


@nox.session(venv_backend="none")
@nox.parametrize("package", PACKAGES, ids=PACKAGES)
def tests(session: nox.Session, package: str) -> None:
    """The tests and the examples of docstrings of one package, such as `tests(plugins/losses)`."""
    run = shared(session)
    run("pytest", "--doctest-modules", f"{package}/src", codes=(0, NO_TESTS))
    run("pytest", *(session.posargs or QUICK), f"{package}/tests")


@nox.session(venv_backend="none")
def integration(session: nox.Session) -> None:
    """How the packages work together, and what the pages say."""
    run = shared(session)
    run("pytest", *(session.posargs or QUICK), "integration-tests")


@nox.session
def demo(session: nox.Session) -> None:
    """Train, forecast and verify on embedded data; arguments go to `wxml demo`."""
    install_all(session)
    session.run("wxml", "demo", *session.posargs, env={"OMP_NUM_THREADS": "2"})


@nox.session
def catalogue(session: nox.Session) -> None:
    """Write the catalogue of plugins again, after a recipe, an option, an entry point or the manifest has changed."""
    install_all(session, *EXTRAS)
    session.run("python", "docs/make_catalogue.py")


@nox.session
def checkpoints(session: nox.Session) -> None:
    """Keep a small checkpoint of each model family of this release, and what it forecasts, for every later version.

    `--check` only names the families of which nothing is kept, and fails if there are any.
    """
    install_all(session, *EXTRAS)
    session.run("python", "integration-tests/keep_checkpoints.py", *session.posargs)
