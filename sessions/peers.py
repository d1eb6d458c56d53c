"""Tasks beside other programs: benchmarks, and equality with Anemoi and WeatherBench-X."""

import os
from pathlib import Path

import nox
from nox.command import CommandFailed

from sessions.environment import ROOT, install_all

PAGES = [
    "model_step",
    "train_step",
    "forecast_step",
    "scaling",
    "floor",
    "kernels",
    "data_read",
    "data_remote",
    "dataset_build",
    "graph_build",
    "verify_pass",
]  # the benchmarks that write tables and plots themselves


@nox.session
def bench(session: nox.Session) -> None:
    """Every benchmark into `docs/benchmarks/`, beside the peer; a script's name and its arguments run that one alone.

    WXML_PEERS names an environment with the peer; without it the peer is installed here.
    """
    install_all(session)
    if "WXML_PEERS" not in os.environ:
        try:
            install_peer(session)
        except CommandFailed:
            session.warn("the peer cannot be installed: wxml is measured alone")
    if session.posargs:
        session.run("python", f"benchmarks/{session.posargs[0]}.py", *session.posargs[1:])
        return
    for script in PAGES:
        session.run("python", f"benchmarks/{script}.py")
    for path in sorted(ROOT.glob("benchmarks/*.py")):
        if path.stem not in PAGES:
            lines = ROOT / "docs" / "benchmarks" / f"{path.stem.replace('_', '-')}.txt"
            session.log(f"{path.name} writes {lines.name}")
            with lines.open("w") as output:
                session.run("python", str(path), stdout=output, success_codes=range(3))


def install_peer(session: nox.Session) -> None:
    """anemoi-models and what it needs; without their dependencies, since they ask for an older torch."""
    session.install("--no-deps", "-r", "peer-tests/requirements.txt")
    session.install("-c", "constraints.txt", "-r", "peer-tests/dependencies.txt")


@nox.session
def peers(session: nox.Session) -> None:
    """Equality with anemoi-models, in an environment of its own; arguments go to pytest, which then runs alone."""
    peer = ROOT / "peer-tests"
    packages = [f"plugins/{name}" for name in ("anemoi", "processor-gnn", "processor-transformer")]
    session.install("-c", "constraints.txt", "torch")
    install_peer(session)
    session.install(
        "--no-deps", *(argument for package in ("kernels", "core", *packages) for argument in ("-e", f"./{package}"))
    )
    table = {} if session.posargs else {"WXML_EQUALITY": str(ROOT / "docs" / "benchmarks" / "equality.md")}
    session.run("pytest", "-c", str(peer / "pytest.ini"), *(session.posargs or [str(peer)]), env=table)


@nox.session
def peer_graphs(session: nox.Session) -> None:
    """The same edges as anemoi-graphs, which has an environment of its own; arguments go to pytest."""
    peer = ROOT / "peer-tests" / "graphs"
    install_all(session, "pytest")
    environment = Path(session.create_tmp()).resolve() / "peer"
    if not environment.is_dir():
        session.run("python", "-m", "venv", str(environment))
    pip = (str(environment / "bin" / "python"), "-m", "pip", "install", "-q")
    session.run(*pip, "-c", "constraints.txt", "torch", external=True)
    session.run(*pip, "--no-deps", "-r", str(peer / "requirements.txt"), external=True)
    more = ("healpy", "anemoi-datasets==0.5.47")  # the latter for the areas of nodes, in benchmarks/graph_build.py
    session.run(*pip, "-r", "peer-tests/dependencies.txt", *more, external=True)
    session.run(
        *("pytest", "-c", str(peer / "pytest.ini"), *(session.posargs or [str(peer)])),
        env={"WXML_PEERS_GRAPHS": str(environment)},
    )


@nox.session
@nox.parametrize("zarr", ["zarr", "zarr>=3.0.8"], ids=["zarr2", "zarr3"])
def peer_datasets(session: nox.Session, zarr: str) -> None:
    """Stores exchanged with anemoi-datasets, which has an environment of its own; arguments go to pytest.

    It asks for zarr 2. With zarr 3 in its place it reads and writes zarr 3 too.
    """
    peer = ROOT / "peer-tests" / "datasets"
    install_all(session, "pytest")
    environment = Path(session.create_tmp()).resolve() / "peer"
    if not environment.is_dir():
        session.run("python", "-m", "venv", str(environment))
    python = str(environment / "bin" / "python")
    session.run(python, "-m", "pip", "install", "-q", "-r", str(peer / "requirements.txt"), external=True)
    session.run(python, "-m", "pip", "install", "-q", zarr, external=True)
    session.run(
        *("pytest", "-c", str(peer / "pytest.ini"), *(session.posargs or [str(peer)])),
        env={"WXML_PEERS_DATASETS": str(environment)},
    )


@nox.session
def weatherbenchx(session: nox.Session) -> None:
    """WeatherBench-X still gives the numbers that the tests of wxml-verification compare with.

    An argument says where WeatherBench-X is: a folder or an address that pip understands.
    """
    needed = ("absl-py", "arch", "jax", "numpy", "opt_einsum", "pandas", "pyarrow", "scikit-learn", "scipy", "xarray")
    session.install(*needed, "zarr")
    address = "git+https://github.com/google-research/weatherbenchX@2047a84"
    session.install("--no-deps", *(session.posargs or [address]))  # it asks for a cluster library, too
    session.run("python", "peer-tests/record_weatherbenchx.py", "--check")
    session.run("python", "peer-tests/record_weatherbenchx_files.py", "--check")
    session.run("python", "peer-tests/record_weatherbenchx_significance.py", "--check")
