"""Sweeps through the command line: one that fails in part, is stopped and goes on; and one on a cluster."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

WXML = Path(sys.executable).with_name("wxml")
LIMIT = 300  # seconds: ends what hangs
STEPS = 60
COMMON = ("training.metrics=none", "training.validation_every=2", "training.threads=1", f"training.max_steps={STEPS}")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path, make_world) -> Path:
    made: Path = make_world(tmp_path / "world")
    return made


@contextmanager
def begun(words: tuple[str, ...], folder: Path, cache: str) -> "Iterator[subprocess.Popen[str]]":
    """A sweep that runs."""
    variables = {**os.environ, "WXML_CACHE": cache, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [WXML, *words], cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process


def wait_for(is_there: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    began = time.monotonic()
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < LIMIT
        time.sleep(0.05)


def has_begun(run_dir: Path) -> bool:
    history = run_dir / "history.csv"
    return history.exists() and len(history.read_text().splitlines()) > 1


def is_whole(run_dir: Path) -> bool:
    """Whether each step of a training is in its history, once."""
    return [int(row["step"]) for row in rows(run_dir / "history.csv")] == list(range(1, STEPS + 1))


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
@pytest.mark.slow
def test_a_sweep_that_fails_in_part_and_is_stopped_goes_on(folder, cache, quickly) -> None:
    words = ("sweep", "experiment.yaml", "data.source.path=absent.nc,world.nc", *COMMON, "--run-dir", "sweep")
    bad, good = folder / "sweep" / "1_path-absent.nc", folder / "sweep" / "2_path-world.nc"
    with begun((*words, "--jobs", "2"), folder, cache) as process:
        wait_for(lambda: has_begun(good), process)
        wait_for(lambda: "failed" in (folder / "sweep" / "sweep.csv").read_text(), process)
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=LIMIT)
    assert process.returncode == 1, said
    assert not Path(f"/proc/{child}").exists()
    told = next(line for line in said.splitlines() if line.startswith("failed: "))
    assert told.startswith("failed: sweep/1_path-absent.nc/train.log: ")
    assert "error: " in (bad / "train.log").read_text()
    record = json.loads((folder / "sweep" / "sweep.json").read_text())
    assert [one["status"] for one in record["runs"]] == ["failed", "stopped"]
    assert (good / "state.safetensors").exists()

    shutil.copy(folder / "world.nc", folder / "absent.nc")
    done = quickly(*words, "--resume", "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    table = json.loads(done.stdout)
    assert [(row["status"], row["steps"]) for row in table] == [("finished", STEPS)] * 2
    losses = [float(row["validation_loss"]) for row in rows(good / "history.csv")[1::2]]
    assert (table[1]["best_validation_loss"], table[1]["final_validation_loss"]) == (min(losses), losses[-1])
    assert is_whole(good)
    assert "told to leave by SIGTERM" in (good / "train.log").read_text()
    assert [row["status"] for row in rows(folder / "sweep" / "sweep.csv")] == ["finished", "finished"]
    assert "2 finished" in (folder / "sweep" / "sweep.html").read_text()

    checkpoint = good / "checkpoint.safetensors"
    before = checkpoint.stat()
    again = quickly(*words, "--resume", folder=folder)  # nothing is left to do
    assert (again.returncode, "*" in again.stdout) == (0, True), again.stderr
    assert (checkpoint.stat().st_mtime_ns, checkpoint.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the cluster is forked")
@pytest.mark.slow
@pytest.mark.long("test_a_sweep_that_fails_in_part_and_is_stopped_goes_on")
def test_on_a_cluster_a_training_whose_worker_is_killed_goes_on_elsewhere(
    folder: Path, tmp_path: Path, new_cluster: Callable[[Path], Any]
) -> None:
    pytest.importorskip("distributed")
    cluster = new_cluster(tmp_path / "cluster")
    words = ("sweep", "experiment.yaml", "seed=1,2", *COMMON, "--run-dir", "sweep", "--scheduler", cluster.address)
    runs = [folder / "sweep" / f"{seed}_seed-{seed}" for seed in (1, 2)]
    try:
        with begun(words, folder, str(tmp_path / "cache")) as process:
            wait_for(lambda: all(map(has_begun, runs)), process)
            cluster.kill("worker")
            said = process.communicate(timeout=LIMIT)[1]
    finally:
        cluster.stop()
    assert process.returncode == 0, said
    assert said.count(" goes on elsewhere: the worker at ") == 1
    assert all(map(is_whole, runs))
    logs = [(run / "train.log").read_text() for run in runs]
    assert sum("told to leave by SIGTERM" in log for log in logs) == 1  # its process noticed that the worker is gone
    assert sum(log.count("computed by an earlier run") for log in logs) == 2  # three processes, and a new cache
    assert "Traceback" not in said
