"""A build on a cluster whose scheduler, worker or client is killed: its bytes are those of a build that was not.

A fifth of `WXML_KILLS` is the number of kills of each of the three: one by default, 20 with `nox -s kills`. They come
once a random share of the dates is written.
"""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the cluster is forked")

KILLS = max(1, int(os.environ.get("WXML_KILLS", "5")) // 5)
DATES = 400
WHO = ("worker", "scheduler", "client")
RECIPE = "source: {{plugin: xarray, path: {}}}\nstatistics: {{tendencies: [24h]}}\n"
BUILD = ("dataset", "build", "recipe.yaml", "out.zarr")
TIMEOUTS = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "20s"}
PAUSE = 0.01


class Server:
    """A process that answers one line of JSON with another one."""

    def __init__(self, script: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name(script)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **request: Any) -> Any:
        """Send a request and wait for the answer."""
        print(json.dumps(request), file=self.process.stdin, flush=True)
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        self.process.wait()


@dataclass
class Cluster:
    """A scheduler and two workers."""

    server: Server
    folder: Path
    address: str = ""
    processes: dict[str, list[int]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the processes, and wait for the scheduler."""
        self.folder.mkdir()
        told = self.folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", told)
        while not (text := told.read_text() if told.exists() else ""):
            time.sleep(PAUSE)
        self.address = json.loads(text)["address"]
        for _ in range(2):
            self._start("worker", self.address, "--no-nanny", "--nthreads", 1, "--no-dashboard")

    def _start(self, program: str, *arguments: object) -> None:
        request = {"program": program, "arguments": [str(one) for one in arguments], "folder": str(self.folder)}
        self.processes.setdefault(program, []).append(self.server.ask(**request))

    def kill(self, program: str) -> None:
        """Kill one process of a program, if it is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.processes[program].pop(), signal.SIGKILL)

    def stop(self) -> None:
        """Kill all that is left."""
        for program, numbers in self.processes.items():
            for _ in list(numbers):
                self.kill(program)


@dataclass
class Lab:
    """Folders in which datasets are built, and the servers that start everything."""

    folder: Path
    clients: Server
    clusters: Server

    def place(self, name: str) -> Path:
        """A folder with the recipe."""
        place = self.folder / name
        place.mkdir()
        (place / "recipe.yaml").write_text(RECIPE.format(self.folder / "world.nc"))
        return place

    def build(self, place: Path, *options: str, kill_at: int = 0) -> dict[str, Any]:
        """Build, and kill the client alone once so many dates are written; the answer has `text`, what it said."""
        said = {name: str(place.parent / f"{place.name}.{name}") for name in ("stdout", "stderr")}
        for file in said.values():
            Path(file).write_text("")
        request = {"arguments": [*BUILD, *options], "folder": str(place), "variables": TIMEOUTS, **said}
        moment = {"seconds": None, "change": None, "group": False, "files": None}
        if kill_at:
            moment["files"] = [str(place / ".out.zarr.building" / "records"), kill_at]
        answer = self.clients.ask(**request, **moment)
        return {**answer, "text": "".join(Path(file).read_text() for file in said.values())}

    def cluster(self, name: str) -> Cluster:
        """A new cluster."""
        made = Cluster(self.clusters, self.folder / f"{name}-cluster")
        made.start()
        return made


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, cache: str) -> Iterator[Lab]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WXML_", "PYTHON"))}
    environment = {**kept, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "WXML_CACHE": cache}
    servers = [Server(script, environment) for script in ("kill_server.py", "cluster_server.py")]
    made = Lab(tmp_path_factory.mktemp("clusters"), *servers)
    dates = np.datetime64("2000-01-01", "ns") + np.arange(DATES) * np.timedelta64(6, "h")
    axes = {"latitude": np.linspace(80, -80, 5), "longitude": np.arange(8) * 45.0}
    values = np.random.default_rng(0).normal(280, 5, (DATES, 5, 8)).astype(np.float32)
    world = xr.Dataset({"t": (("time", *axes), values, {"units": "K"})}, {"time": dates, **axes})
    world.to_netcdf(made.folder / "world.nc")
    yield made
    for server in servers:
        server.close()


@pytest.fixture(scope="module")
def wanted(lab: Lab) -> dict[str, bytes]:
    """The bytes of a dataset that was built at once, on this machine alone."""
    place = lab.place("whole")
    assert lab.build(place, "--workers", "1")["code"] == 0
    return contents(place / "out.zarr")


def contents(store: Path) -> dict[str, bytes]:
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def when_written(place: Path, count: int, act: Callable[[], None], over: threading.Event) -> threading.Thread:
    """Act once so many dates are written, in a thread of its own."""
    records = place / ".out.zarr.building" / "records"

    def watch() -> None:
        while not over.is_set():
            if records.is_dir() and len(os.listdir(records)) >= count:
                act()
                return
            time.sleep(PAUSE)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.parametrize("number", range(KILLS))
@pytest.mark.parametrize("who", WHO)
def test_a_kill_on_a_cluster_loses_nothing(who: str, number: int, lab: Lab, wanted: dict[str, bytes]) -> None:
    count = random.Random(f"{who} {number}").randint(1, DATES - 1)  # noqa: S311  # no secrets here
    place, cluster, over = lab.place(f"{who}-{number}"), lab.cluster(f"{who}-{number}"), threading.Event()
    try:
        if who == "client":
            first = lab.build(place, "--scheduler", cluster.address, kill_at=count)
        else:
            watcher = when_written(place, count, lambda: cluster.kill(who), over)
            first = lab.build(place, "--scheduler", cluster.address)
            over.set()
            watcher.join()
        assert "Traceback" not in first["text"]
        check_the_end_of(who, first, cluster.address)
        if not (place / "out.zarr").exists():
            again = cluster if who != "scheduler" else lab.cluster(f"{who}-{number}-again")
            last = lab.build(place, "--scheduler", again.address)
            again.stop()
            assert last["code"] == 0, last["text"]
    finally:
        cluster.stop()
    assert contents(place / "out.zarr") == wanted, (who, count, first)
    assert sorted(path.name for path in place.iterdir()) == ["out.zarr", "recipe.yaml"]


def check_the_end_of(who: str, first: dict[str, Any], address: str) -> None:
    """A client that was not killed has built the dataset, or says in one sentence that the cluster did not."""
    if who == "client":
        assert first["code"] in (-signal.SIGKILL, 0)
    elif who == "worker":
        assert first["code"] == 0, first["text"]
    elif first["code"]:
        assert first["code"] == 2, first["text"]
        assert f"error: the cluster at {address} did not finish the work: " in first["text"]
        assert "run the same command again: it goes on where it stopped" in first["text"]
