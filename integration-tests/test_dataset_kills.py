"""A build of a dataset that is killed: the same command goes on, and its bytes are those of a build that was not.

A fifth of `WXML_KILLS` is the number of kills of each command: one by default, 20 with `nox -s kills`. Half of them
come at random moments, half right before one of the changes to files and folders.
"""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the commands are killed in forks")

KILLS = max(1, int(os.environ.get("WXML_KILLS", "5")) // 5)
RUNS = count()
WXML = Path(sys.executable).with_name("wxml")
RECIPE = "source: {plugin: xarray, path: world.nc}\nstatistics: {tendencies: [24h]}\n"
BUILD = ("dataset", "build", "recipe.yaml", "out.zarr")
APPEND = ("dataset", "append", "out.zarr", "recipe.yaml")
INPUTS = ("recipe.yaml", "world.nc", "more.yaml", "more.nc")
FULL = {
    "build": ((), BUILD),
    "append": ((*BUILD, "dates.end=2000-01-03"), APPEND),
    "add-variables": (BUILD, ("dataset", "add-variables", "out.zarr", "more.yaml")),
    "copy": (BUILD, ("dataset", "copy", "out.zarr", "copy.zarr", "--rechunk", "dates=5")),
}
"""What is done before, and the command whose disk is full."""
FIRST_DAYS = "dates.end=2000-01-03"
WAYS = {"one thread": ("--workers", "1"), "threads": ("--workers", "2")}


class Work:
    """Folders in which commands run and are killed."""

    def __init__(self, folder: Path, listener: Any) -> None:
        self.folder, self.listener = folder, listener
        dates, shape = np.datetime64("2000-01-01", "ns") + np.arange(24) * np.timedelta64(6, "h"), (24, 5, 8)
        values = np.random.default_rng(0).normal(280, 5, shape).astype(np.float32)
        axes = {"latitude": np.linspace(80, -80, 5), "longitude": np.arange(8) * 45.0}
        self.world = xr.Dataset({"t": (("time", *axes), values, {"units": "K"})}, {"time": dates, **axes})

    def place(self) -> Path:
        """A new folder with the data and the recipe."""
        place = self.folder / f"run{next(RUNS)}" / "work"
        place.mkdir(parents=True)
        self.world.to_netcdf(place / "world.nc")
        self.world.rename(t="q").to_netcdf(place / "more.nc")
        (place / "recipe.yaml").write_text(RECIPE)
        (place / "more.yaml").write_text("source: {plugin: xarray, path: more.nc}")
        return place

    def start(self, place: Path, *arguments: str, **moment: float) -> dict[str, Any]:
        """Run a command; kill it after `seconds` or before a `change`, or fill the disk from the change `full` on."""
        files = {name: str(place.parent / name) for name in ("stdout", "stderr")}
        for path in files.values():
            Path(path).write_text("")
        request = {"arguments": arguments, "folder": str(place), "variables": {}, **files}
        kill = {"seconds": None, "change": None, "group": True}
        answer: dict[str, Any] = self.listener.ask(**request, **{**kill, **moment})
        return answer

    def run(self, place: Path, *arguments: str) -> dict[str, Any]:
        """Run a command to its end."""
        done = self.start(place, *arguments)
        assert done["code"] == 0, (arguments, (place.parent / "stderr").read_text())
        return done


def contents(store: Path) -> dict[str, bytes]:
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in store.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory, listener: Any) -> Work:
    return Work(tmp_path_factory.mktemp("kills"), listener)


def check_names(place: Path) -> None:
    """Nothing is left beside the dataset, the recipe and the data."""
    assert {path.name for path in place.iterdir()} == {*INPUTS, "out.zarr"}


def kills(usual: dict[str, Any], seed: int) -> list[dict[str, Any]]:
    """Random moments, by time and by change in turn, of a command that was not killed."""
    rng, found = random.Random(seed), []  # noqa: S311  # no secrets here
    for number in range(KILLS):
        moment = {"change": rng.randint(1, len(usual["changes"]))}
        if (number + seed) % 2:
            moment = {"seconds": rng.uniform(0, usual["seconds"])}
        found.append(moment)
    return found


@pytest.mark.parametrize("way", WAYS)
def test_a_build_that_is_killed_goes_on(work: Work, way: str) -> None:
    whole = work.place()
    usual = work.run(whole, *BUILD, *WAYS[way])
    wanted = contents(whole / "out.zarr")
    for kill in kills(usual, seed=len(way)):
        place = work.place()
        killed = work.start(place, *BUILD, *WAYS[way], **kill)
        if (place / "out.zarr").exists():
            assert contents(place / "out.zarr") == wanted, (kill, killed)
        work.run(place, *BUILD, *WAYS[way], *(["--overwrite"] if (place / "out.zarr").exists() else []))
        assert contents(place / "out.zarr") == wanted, (kill, killed)
        check_names(place)


def test_an_append_that_is_killed_leaves_the_old_dataset_or_the_new_one(work: Work) -> None:
    whole, way = work.place(), WAYS["one thread"]
    work.run(whole, *BUILD, FIRST_DAYS, *way)
    old = contents(whole / "out.zarr")
    usual = work.run(whole, *APPEND, *way)
    new = contents(whole / "out.zarr")
    assert len(new) == len(old) + 12
    for kill in kills(usual, seed=5):
        place = work.place()
        work.run(place, *BUILD, FIRST_DAYS, *way)
        killed = work.start(place, *APPEND, *way, **kill)
        found = place / "out.zarr"
        found = found if found.exists() else next(place.glob(".out.zarr.*.old"))
        assert contents(found) in (old, new), (kill, killed)
        work.run(place, *APPEND, *way)
        assert contents(place / "out.zarr") == new, (kill, killed)
        check_names(place)


@pytest.mark.parametrize("name", FULL)
def test_a_disk_that_is_full_from_any_write_on(work: Work, name: str) -> None:
    before, command = FULL[name]
    way = () if name == "copy" else WAYS["one thread"]
    whole, rng = work.place(), random.Random(name)  # noqa: S311  # no secrets here
    work.run(whole, *before, *WAYS["one thread"]) if before else None
    usual = work.run(whole, *command, *way)
    wanted, target = stores(whole), "copy.zarr" if name == "copy" else "out.zarr"
    for _ in range(KILLS):
        place, full = work.place(), rng.randint(1, len(usual["changes"]))
        work.run(place, *before, *WAYS["one thread"]) if before else None
        old = stores(place)
        stopped, said = work.start(place, *command, *way, full=full), (place.parent / "stderr").read_text()
        if stopped["code"]:
            assert stopped["code"] == 2, (full, said)
            assert stores(place) == old, (full, said)
            sentence = said[said.index("error: ") :]
            assert target in sentence
            assert "disk is full" in sentence or "No space left" in sentence
            assert len(sentence.splitlines()) == 2, said
            work.run(place, *command, *way)
        assert stores(place) == wanted, (full, said)
        assert {path.name for path in place.iterdir()} == {*INPUTS, *wanted}


def stores(place: Path) -> dict[str, dict[str, bytes]]:
    """The bytes of all datasets in a folder that have a name."""
    return {path.name: contents(path) for path in place.glob("[!.]*.zarr")}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the workers are found in /proc")
def test_a_worker_that_is_killed_is_told_and_the_build_goes_on(work: Work) -> None:
    place = work.place()
    command = [WXML, *BUILD, "--workers", "2", "--processes"]
    with subprocess.Popen(command, cwd=place, stderr=subprocess.PIPE, text=True, env=work.listener.variables) as client:
        while client.poll() is None and not (workers := spawned(client.pid)):
            time.sleep(0.01)
        for worker in workers[-1:]:
            os.kill(worker, signal.SIGKILL)
        _, stderr = client.communicate(timeout=600)
    assert client.returncode == 2, stderr
    assert "a worker process has died" in stderr
    assert "run the same command again: it goes on where it stopped" in stderr
    assert not (place / "out.zarr").exists()
    work.run(place, *BUILD, "--workers", "1")
    whole = work.place()
    work.run(whole, *BUILD, "--workers", "1")
    assert contents(place / "out.zarr") == contents(whole / "out.zarr")
    check_names(place)


def spawned(parent: int) -> list[int]:
    """The workers of a process: those of its children that Python has spawned for work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            status = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            if int(status[1]) == parent and "spawn_main" in (folder / "cmdline").read_text(encoding="utf-8"):
                found.append(int(folder.name))
    return sorted(found)
