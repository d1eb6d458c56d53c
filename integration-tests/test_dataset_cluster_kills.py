"""A build on a cluster whose scheduler, worker or client is killed: its bytes are those of a build that was not.

A fifth of `WXML_KILLS` is the number of kills of each of the three: one by default, 20 with `nox -s kills`. They come
once a random share of the dates is written.
"""

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
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


@dataclass
class Lab:
    """Folders in which datasets are built, and what starts everything."""

    folder: Path
    clients: Any
    new_cluster: Callable[[Path], Any]

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

    def cluster(self, name: str) -> Any:
        """A new cluster."""
        return self.new_cluster(self.folder / f"{name}-cluster")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, listener: Any, new_cluster: Any) -> Lab:
    made = Lab(tmp_path_factory.mktemp("clusters"), listener, new_cluster)
    dates = np.datetime64("2000-01-01", "ns") + np.arange(DATES) * np.timedelta64(6, "h")
    axes = {"latitude": np.linspace(80, -80, 5), "longitude": np.arange(8) * 45.0}
    values = np.random.default_rng(0).normal(280, 5, (DATES, 5, 8)).astype(np.float32)
    world = xr.Dataset({"t": (("time", *axes), values, {"units": "K"})}, {"time": dates, **axes})
    world.to_netcdf(made.folder / "world.nc")
    return made


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
