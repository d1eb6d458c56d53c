"""What the tests between packages share: the command `wxml`, and small worlds to run it on."""

import fcntl
import hashlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner
from wxml.cli import group

spec = importlib.util.spec_from_file_location("killed_processes", Path(__file__).with_name("killed_processes.py"))
killed = importlib.util.module_from_spec(spec)
sys.modules["killed_processes"] = killed  # dataclasses look there
spec.loader.exec_module(killed)

ROOT = Path(__file__).resolve().parents[1]
WXML = Path(sys.executable).with_name("wxml")
LIMIT = 600  # seconds: ends what hangs, and judges nobody's speed

Done = subprocess.CompletedProcess[str]

MODEL = """
model:
  channels: 8
  encoder: {plugin: gnn, hidden_layers: 1}
  processor: {plugin: gnn, num_layers: 1, hidden_layers: 1}
  decoder: {plugin: gnn, hidden_layers: 1}
"""
EXPERIMENT = """
seed: 3
data:
  source: {{plugin: xarray, path: {data}}}
  variables: {{forcing: [cos_latitude, insolation]}}
  timestep: 6h
  input_steps: 2
  split: {{training: [2000-01-01, 2000-01-06], validation: [2000-01-07, 2000-01-07], test: [2000-01-08, 2000-01-09]}}
graph: {graph}
training: {{plugin: lightning, max_steps: 2, batch_size: 2, tracker: none, accelerator: cpu, validation_samples: 2}}
forecast: {{lead_time: 12h}}
"""
GLOBAL_MESH = "{plugin: icosahedral, refinement: 1}"
REGIONAL_MESH = "{plugin: limited-area, mesh: regular}"


def environment(**changes: str) -> dict[str, str]:
    """The variables of a child process: one thread, nobody's own settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WXML_", "PYTHON"))}
    return {**kept, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", **changes}


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Where real data are, if they are."""
    return Path(os.environ.get("WXML_SHARED_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> str:
    """Where commands keep what they can make again: not in the home of whoever runs the tests."""
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def code_of_networks() -> dict[str, str]:
    """The variables under which `wxml check-plugin` compiles no network to machine code, but in `nox -s machine-code`.

    To compile one takes longer than all other checks together.
    """
    return {} if "WXML_MACHINE_CODE" in os.environ else {"CXX": "no-compiler"}


@pytest.fixture(scope="session")
def run(cache) -> Callable[..., Done]:
    """Run `wxml` in a folder, in a process of its own."""

    def run(*arguments: object, folder: Path, script: Path = WXML, **changes: str) -> Done:
        return subprocess.run(
            [script, *map(str, arguments)],
            cwd=folder,
            env=environment(WXML_CACHE=cache, **changes),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return run


@contextmanager
def forks(python: Path, folder: Path, variables: dict[str, str]) -> Iterator[Callable[..., Done]]:
    """Run `wxml` of an environment in forks of a process that has imported everything; its output lies in `folder`.

    What is installed while the process runs is seen.
    """
    command = [python, Path(__file__).with_name("command_server.py")]
    files = [folder / name for name in ("stdout", "stderr")]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin
        assert server.stdout
        asked, answers = server.stdin, server.stdout

        def run(*arguments: object, folder: Path, **changes: str) -> Done:
            for file in files:
                file.write_text("")
            request = {
                "arguments": [str(argument) for argument in arguments],
                "folder": str(folder),
                "variables": changes,
                "stdout": str(files[0]),
                "stderr": str(files[1]),
            }
            print(json.dumps(request), file=asked, flush=True)
            code = int(answers.readline())
            return subprocess.CompletedProcess(arguments, code, *(file.read_text() for file in files))

        yield run
        asked.close()


@dataclass(frozen=True)
class Listener:
    """The process that forks for every command of a run of the tests: see `fork_listener.py`."""

    path: Path
    """Its socket."""
    variables: dict[str, str]
    """The environment of the commands."""

    def ask(self, *streams: int, variables: dict[str, str], **request: Any) -> Any:
        """Have a command run with changes to the environment, and wait for the answer."""
        asked = json.dumps({**request, "variables": {**self.variables, **variables}}).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
            caller.connect(str(self.path))
            socket.send_fds(caller, [asked], streams)
            return json.loads(b"".join(iter(lambda: caller.recv(1 << 16), b"")))

    def script(self, path: Path, program: str) -> Path:
        """Write a script that runs a program in a fork, with its own environment and streams."""
        caller = Path(__file__).with_name("fork_caller.py")
        path.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {caller} {self.path} {program} "$@"\n')
        path.chmod(0o755)
        return path


@pytest.fixture(scope="session")
def listener(tmp_path_factory, cache) -> Listener:
    """One process for all workers of pytest: to start it takes longer than many commands."""
    folder, process = tmp_path_factory.getbasetemp(), os.getpid()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder, process = folder.parent, os.getppid()
    path, variables = folder / "listener", environment(WXML_CACHE=cache)
    with (folder / "listener.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            command = [sys.executable, Path(__file__).with_name("fork_listener.py"), path, str(process)]
            subprocess.run(command, env=variables, stdin=subprocess.DEVNULL, check=True)
    return Listener(path, variables)


@pytest.fixture(scope="session")
def quickly(listener, tmp_path_factory) -> Callable[..., Done]:
    """Run `wxml` in a folder, in a fork of a process that has imported everything: for many small commands."""
    outputs = [tmp_path_factory.mktemp("output") / name for name in ("stdout", "stderr")]

    def run(*arguments: object, folder: Path, **changes: str) -> Done:
        words = [str(argument) for argument in arguments]
        with open(os.devnull) as nothing, outputs[0].open("w") as stdout, outputs[1].open("w") as stderr:
            streams = (stream.fileno() for stream in (nothing, stdout, stderr))
            code = listener.ask(*streams, arguments=words, folder=str(folder), variables=changes)
        return subprocess.CompletedProcess(arguments, code, *(file.read_text() for file in outputs))

    return run


@pytest.fixture(scope="session")
def quick_script(listener, tmp_path_factory) -> Path:
    """A script that runs `wxml` in such a fork: for scripts of shell, which call it by its path, also side by side."""
    return listener.script(tmp_path_factory.mktemp("script") / "wxml", "wxml")


@pytest.fixture(scope="session")
def quick_python(listener, tmp_path_factory) -> Path:
    """A script that runs a file of Python in such a fork."""
    return listener.script(tmp_path_factory.mktemp("script") / "python", "python")


def insisting(run: Callable[..., Done]) -> Callable[..., Done]:
    """Run `wxml` and insist that it succeeds."""

    def succeeding(*arguments: object, folder: Path, **changes: str) -> Done:
        done = run(*arguments, folder=folder, **changes)
        assert done.returncode == 0, f"wxml {' '.join(map(str, arguments))}\n{done.stderr}"
        return done

    return succeeding


@pytest.fixture(scope="session")
def wxml(run) -> Callable[..., Done]:
    """The console script, which must succeed."""
    return insisting(run)


@pytest.fixture(scope="session")
def quick_wxml(quickly) -> Callable[..., Done]:
    """The same command line in a fork, where that it starts was shown before."""
    return insisting(quickly)


@pytest.fixture
def in_process() -> Callable[..., str]:
    """Run `wxml` in this process, where a test changes or counts what it does, and return what it says."""

    def in_process(*arguments: str) -> str:
        done = CliRunner().invoke(group, arguments, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return in_process


@pytest.fixture
def in_world(tmp_path: Path, make_world, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A world of its own, in whose folder this process runs, with a cache of its own."""
    folder: Path = make_world(tmp_path / "world")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return folder


def waves(latitudes: np.ndarray, longitudes: np.ndarray, days: int = 10) -> xr.Dataset:
    """Two waves that travel east, six-hourly from 2000-01-01 on, with some noise."""
    hours = 6 * np.arange(4 * days)[:, None, None]
    phase = np.radians(longitudes) - 2 * np.pi * hours / 48
    amplitude = np.cos(np.radians(latitudes))[:, None]
    noise = np.random.default_rng(0).normal(size=(2, *np.broadcast_shapes(phase.shape, amplitude.shape)))
    t = 280 + 10 * amplitude * np.cos(phase) + 0.1 * noise[0]
    z = 5000 + 100 * amplitude * np.sin(phase) + noise[1]
    axes = ("time", "latitude", "longitude")
    return xr.Dataset(
        {"t": (axes, t.astype("f4"), {"units": "K"}), "z": (axes, z.astype("f4"), {"units": "m2 s-2"})},
        {
            "time": np.datetime64("2000-01-01T00", "ns") + hours.ravel() * np.timedelta64(1, "h"),
            "latitude": ("latitude", latitudes, {"units": "degrees_north"}),
            "longitude": ("longitude", longitudes, {"units": "degrees_east"}),
        },
    )


def write_world(folder: Path, *, regional: bool = False) -> Path:
    """A folder with `world.nc` and `experiment.yaml`, which names the data by a relative path."""
    axes = (
        (np.linspace(40, 60, 6), np.linspace(0, 25, 6)) if regional else (np.linspace(75, -75, 6), 45.0 * np.arange(8))
    )
    folder.mkdir(exist_ok=True)
    waves(*axes).to_netcdf(folder / "world.nc")
    graph = REGIONAL_MESH if regional else GLOBAL_MESH
    (folder / "experiment.yaml").write_text(EXPERIMENT.format(data="world.nc", graph=graph) + MODEL)
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory, quick_wxml) -> Path:
    """A folder with a world and a model trained on it in `run/`; tests read it, and write elsewhere."""
    folder = write_world(tmp_path_factory.mktemp("trained") / "global")
    quick_wxml("train", "experiment.yaml", "--run-dir", "run", folder=folder)
    return folder


@pytest.fixture(scope="session")
def forecast_file(trained, quick_wxml) -> Path:
    """What that model forecasts."""
    quick_wxml("forecast", "run/checkpoint.safetensors", "-o", "forecast.nc", folder=trained)
    return trained / "forecast.nc"


# Processes that are killed


@pytest.fixture(scope="session")
def new_server(cache) -> Iterator[Callable[[str], Any]]:
    """Starts a script of this folder that answers lines of JSON."""
    with ExitStack() as stack:

        def new_server(script: str) -> Any:
            server = killed.Server(script, environment(WXML_CACHE=cache))
            stack.callback(server.close)
            return server

        yield new_server


@pytest.fixture(scope="session")
def new_cluster(new_server) -> Callable[[Path], Any]:
    """Starts a cluster whose logs are in a new folder; whoever starts it also stops it."""
    servers: list[Any] = []

    def new_cluster(folder: Path) -> Any:
        servers[:] = servers or [new_server("cluster_server.py")]
        made = killed.Cluster(servers[0], folder)
        made.start()
        return made

    return new_cluster


# What a folder holds


def listing(folder: Path) -> dict[str, str]:
    """Everything in a folder: path → hash of the content."""
    found = sorted(path for path in folder.rglob("*"))
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in found
    }


@pytest.fixture(scope="session")
def make_world() -> Callable[..., Path]:
    """Writes a world."""
    return write_world


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, str]]:
    """Lists a folder."""
    return listing


# A clean environment


@pytest.fixture(scope="session")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """One wheel for each package, built by its backend; all in one process, since starting takes longest."""
    out = tmp_path_factory.mktemp("wheels")
    packages = [
        "kernels",
        "core",
        *sorted(path.parent.relative_to(ROOT).as_posix() for path in ROOT.glob("plugins/*/*.toml")),
        "meta",
    ]
    script = (
        "import os, sys\nfrom hatchling.build import build_wheel\n"
        "for package in sys.argv[2:]:\n    os.chdir(package)\n    print(build_wheel(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", script, str(out), *(str(ROOT / package) for package in packages)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    return {package: out / name for package, name in zip(packages, done.stdout.split(), strict=True)}


def link_third_party(folder: Path) -> None:
    """Links to everything that is installed here and is not of this repository: saves a download of torch."""
    for site in (Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")):
        for found in site.iterdir():
            first_party = found.name.startswith(("wxml", "_editable_impl_wxml", "__editable__"))
            if not (first_party or found.suffix == ".pth" or os.path.lexists(folder / found.name)):
                (folder / found.name).symlink_to(found)


@dataclass(frozen=True)
class CleanEnvironment:
    """A virtual environment in which everything of this repository is installed from a wheel, like a user's."""

    folder: Path
    wheels: Path

    def variables(self) -> dict[str, str]:
        """What its processes find around them."""
        return environment(
            PATH=f"{self.folder / 'bin'}:{os.environ['PATH']}",
            WXML_CACHE=str(self.folder / "cache"),
            PIP_NO_INDEX="1",  # an ordinary `pip install` then takes what lies in the folder of wheels
            PIP_FIND_LINKS=str(self.wheels),
            PIP_NO_BUILD_ISOLATION="0",  # means: build with the hatchling that is here
            PIP_DISABLE_PIP_VERSION_CHECK="1",
            PIP_ROOT_USER_ACTION="ignore",
        )

    def run(self, command: str, folder: Path) -> Done:
        """Run a line of shell; stdout and stderr come as one, as on a terminal."""
        return subprocess.run(
            ["/bin/bash", "-c", command],
            cwd=folder,
            env=self.variables(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def install(self, requirements: str) -> Done:
        """Install from the wheels by the pip of this process, which need not be in the environment."""
        pip = f"{sys.executable} -m pip --python {self.folder / 'bin' / 'python'}"
        return self.run(f"{pip} install --quiet --no-cache-dir {requirements}", self.wheels)

    def installed(self) -> set[str]:
        """The distributions that were installed into it."""
        found = self.folder.glob("lib/python*/site-packages/*.dist-info")
        return {path.name.partition("-")[0] for path in found}


def bare_environment(folder: Path, wheels: Path) -> CleanEnvironment:
    """An environment with every third-party package, and nothing of this repository."""
    (folder / "third-party").mkdir()
    link_third_party(folder / "third-party")
    return environment_beside(folder, folder / "third-party", wheels)


def environment_beside(folder: Path, third_party: Path, wheels: Path) -> CleanEnvironment:
    """An environment that finds what lies in the folder `third_party`."""
    venv.create(folder / "environment", symlinks=True)
    (site,) = (folder / "environment").glob("lib/python*/site-packages")
    (site / "third-party.pth").write_text(f"{third_party}\n")
    return CleanEnvironment(folder / "environment", wheels)


@pytest.fixture(scope="session")
def environment_with() -> Callable[[Path, Path, Path], CleanEnvironment]:
    """Make an environment in a folder with the packages of another one, to install wheels into."""
    return environment_beside


@pytest.fixture
def environment_without_wxml(tmp_path: Path) -> CleanEnvironment:
    """An environment to install this repository into; no index and no folder has its packages."""
    (tmp_path / "empty").mkdir()
    return bare_environment(tmp_path, tmp_path / "empty")


@pytest.fixture(scope="session")
def environment_of_wheels(tmp_path_factory, wheels) -> CleanEnvironment:
    """The environment after `pip install wxml`."""
    folder = tmp_path_factory.mktemp("clean")
    made = bare_environment(folder, wheels["core"].parent)
    done = made.run("python -m pip install --quiet wxml", folder)
    assert done.returncode == 0, done.stdout
    return made


@pytest.fixture(scope="session")
def quick_in_clean(environment_of_wheels, tmp_path_factory) -> Iterator[Callable[..., Done]]:
    """Run its `wxml` in a folder, in a fork: for many commands, where that it starts was shown before."""
    python = environment_of_wheels.folder / "bin" / "python"
    with forks(python, tmp_path_factory.mktemp("output"), environment_of_wheels.variables()) as run:
        yield run


@pytest.fixture
def clean_environment(environment_of_wheels) -> Iterator[CleanEnvironment]:
    """The same, and whatever a test installs is gone afterwards."""
    before = environment_of_wheels.installed()
    yield environment_of_wheels
    left = environment_of_wheels.installed() - before
    if left:
        environment_of_wheels.run(f"python -m pip uninstall --yes {' '.join(left)}", ROOT)


@pytest.fixture(scope="session")
def growing_waves() -> xr.Dataset:
    """Waves `t`, `q`, `z` that travel east and grow, of one, two and three days: 6 × 8 places, six-hourly, ten days."""
    latitude, longitude, hours = 75.0 - 30 * np.arange(6), 45.0 * np.arange(8), 6.0 * np.arange(40)
    time = np.datetime64("2000-01-01", "ns") + (hours * 3600).astype("timedelta64[s]")
    values = {}
    for place, name in enumerate(("t", "q", "z"), 1):
        phase = np.radians(longitude)[None, None] - 2 * np.pi * hours[:, None, None] / (24 * place)
        wave = place * np.cos(np.radians(latitude))[None, :, None] * np.cos(phase) * (1 + hours / 100)[:, None, None]
        values[name] = (("time", "lat", "lon"), (10 * place + wave).astype(np.float32), {"units": "K"})
    about = {"lat": ("lat", latitude, {"units": "degrees_north"}), "lon": ("lon", longitude, {"units": "degrees_east"})}
    return xr.Dataset(values, {"time": time, **about})
