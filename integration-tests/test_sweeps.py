"""Sweeps through the command line: one that fails in part, and one that is stopped and goes on."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

WXML = Path(sys.executable).with_name("wxml")
LIMIT = 300  # seconds: ends what hangs
COMMON = ("training.metrics=none", "training.validation_every=2", "training.threads=1")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path, make_world) -> Path:
    made: Path = make_world(tmp_path / "world")
    return made


@pytest.mark.slow
def test_a_failure_does_not_stop_the_others_and_a_resumed_sweep_leaves_what_has_finished(folder, run) -> None:
    command = ("sweep", "experiment.yaml", "data.source.path=absent.nc,world.nc", "training.max_steps=4", *COMMON)
    failed = run(*command, "--run-dir", "sweep", "--json", folder=folder)
    assert failed.returncode == 1, failed.stderr
    bad, good = json.loads(failed.stdout)
    assert (bad["status"], good["status"]) == ("failed", "finished")
    assert (good["steps"], good["data.source.path"]) == (4, "world.nc")
    told = next(line for line in failed.stderr.splitlines() if line.startswith("failed: "))
    assert told.startswith("failed: sweep/1_path-absent.nc/train.log: ")
    assert "error: " in (folder / told.split(": ")[1]).read_text()
    losses = [float(row["validation_loss"]) for row in rows(folder / "sweep" / good["run"] / "history.csv")[1::2]]
    assert (good["best_validation_loss"], good["final_validation_loss"]) == (min(losses), losses[-1])
    checkpoint = folder / "sweep" / good["run"] / "checkpoint.safetensors"
    before = checkpoint.stat()

    other = run(*command, "seed=4", "--run-dir", "sweep", "--resume", folder=folder)
    assert other.returncode == 2
    assert "holds another sweep" in other.stderr

    shutil.copy(folder / "world.nc", folder / "absent.nc")
    resumed = run(*command, "--run-dir", "sweep", "--resume", folder=folder)
    assert resumed.returncode == 0, resumed.stderr
    assert (checkpoint.stat().st_mtime_ns, checkpoint.stat().st_ino) == (before.st_mtime_ns, before.st_ino)
    assert [row["status"] for row in rows(folder / "sweep" / "sweep.csv")] == ["finished", "finished"]
    assert "2 finished" in (folder / "sweep" / "sweep.html").read_text()
    assert "*" in resumed.stdout


def wait_for(is_there: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    began = time.monotonic()
    while not is_there():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() - began < LIMIT
        time.sleep(0.05)


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc")
@pytest.mark.slow
def test_a_stopped_sweep_leaves_states_and_goes_on(folder, cache) -> None:
    steps = 100
    words = ("sweep", "experiment.yaml", "seed=1,2", f"training.max_steps={steps}", *COMMON, "--run-dir", "sweep")
    command, variables = [WXML, *words, "--jobs", "2"], {**os.environ, "WXML_CACHE": cache, "OMP_NUM_THREADS": "1"}
    histories = [folder / "sweep" / f"{seed}_seed-{seed}" / "history.csv" for seed in (1, 2)]

    def have_begun() -> bool:
        return all(path.exists() and len(path.read_text().splitlines()) > 1 for path in histories)

    with subprocess.Popen(command, cwd=folder, env=variables, stderr=subprocess.PIPE, text=True) as process:
        wait_for(have_begun, process)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT) == 75
    assert len(children) == 2
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    record = json.loads((folder / "sweep" / "sweep.json").read_text())
    assert [one["status"] for one in record["runs"]] == ["stopped", "stopped"]
    assert all((path.parent / "state.safetensors").exists() for path in histories)
    done = subprocess.run(
        [*command, "--resume"], cwd=folder, env=variables, text=True, capture_output=True, timeout=LIMIT, check=False
    )
    assert done.returncode == 0, done.stderr
    for path in histories:
        assert [int(row["step"]) for row in rows(path)] == list(range(1, steps + 1))
        assert "resum" in (path.parent / "train.log").read_text()
