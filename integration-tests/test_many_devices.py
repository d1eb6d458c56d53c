"""Trainings on several devices, as users start them: `wxml train` alone, torchrun, and srun.

`WXML_RANKS=1` (`nox -s ranks`) trains a model of every kind with both strategies, too.
"""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="processes are found in /proc"),
]
LIMIT = 600  # seconds: ends what hangs
WXML = Path(sys.executable).with_name("wxml")
LONG = bool(os.environ.get("WXML_RANKS"))
TRAIN = ("train", "experiment.yaml", "training.batch_size=4", "training.validation_every=10")
SRUN = {
    "SLURM_JOB_ID": str(os.getpid()),
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_STEP_NUM_NODES": "1",
    "SLURM_STEP_NODELIST": "localhost",
}


@pytest.fixture(scope="module")
def variables(cache: str) -> dict[str, str]:
    """Those of a child process: one thread, nobody's own settings."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("WXML_", "PYTHON"))}
    return {**kept, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "WXML_CACHE": cache}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, make_world: Callable[..., Path]) -> Path:
    return make_world(tmp_path_factory.mktemp("many") / "devices")


def losses(run_dir: Path) -> list[float]:
    with (run_dir / "history.csv").open() as file:
        return [float(row["training_loss"]) for row in csv.DictReader(file)]


def children(pid: int) -> Iterator[int]:
    """The processes of a training that another one has started."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                yield int(child)


@pytest.mark.long("test_a_training_whose_second_process_is_killed_goes_on_in_one")
def test_a_training_of_which_one_process_is_killed_goes_on_in_one_process(run, variables, folder) -> None:
    """The samples are the same, and the losses go on as if nothing had happened."""
    steps = ("training.max_steps=60", "training.checkpoint_every=4")
    assert run(*TRAIN, *steps, "--run-dir", "unbroken", folder=folder).returncode == 0
    with subprocess.Popen(
        [WXML, *TRAIN, *steps, "training.devices=2", "--run-dir", "broken"],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as training:
        deadline = time.monotonic() + LIMIT
        while not (folder / "broken" / "state.safetensors").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        (other,) = children(training.pid)
        os.kill(other, signal.SIGKILL)
        killed = time.monotonic()
        _, told = training.communicate(timeout=LIMIT)
    assert time.monotonic() - killed < 60
    assert training.returncode == 1
    assert told.count("error:") == 1
    assert "error: rank 1 of 2: the process has died (signal 9)" in told
    assert "Traceback" not in told
    before = len(losses(folder / "broken"))
    assert 4 <= before < 60
    resumed = run(*TRAIN, *steps, "training.devices=1", "--run-dir", "broken", "--resume", folder=folder)
    assert resumed.returncode == 0, resumed.stderr
    np.testing.assert_allclose(losses(folder / "broken"), losses(folder / "unbroken"), rtol=1e-5)


def test_torchrun_starts_a_training(run, folder) -> None:
    torchrun = Path(sys.executable).with_name("torchrun")
    done = run("--nproc-per-node", 2, "--no-python", WXML, *TRAIN, "--run-dir", "t", folder=folder, script=torchrun)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "t/checkpoint.safetensors\n"
    assert done.stderr.count("training done") == 1


@pytest.mark.long("test_torchrun_starts_a_training")
def test_srun_starts_a_training(variables, folder) -> None:
    """As far as SLURM shows itself to a process: by variables."""
    ranks = [
        subprocess.Popen(
            [WXML, *TRAIN, "--run-dir", "s"],
            cwd=folder,
            env={**variables, **SRUN, "SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (1, 0)
    ]
    (other_out, other_err), (out, err) = (rank.communicate(timeout=LIMIT) for rank in ranks)
    assert [rank.returncode for rank in ranks] == [0, 0], err + other_err
    assert out == "s/checkpoint.safetensors\n"
    assert "training done" in err
    assert other_out + other_err == ""


LEVELS = (
    "{plugin: hierarchical, processors: [{plugin: gnn, num_layers: 1}], down: [{plugin: gnn}], up: [{plugin: gnn}]}"
)
MODELS = {name: (f"model={name}",) for name in ("gnn", "graph-transformer", "transformer")}
MODELS["hierarchical"] = ("graph={plugin: icosahedral, refinement: 2, hierarchy: 2}", f"model.processor={LEVELS}")


@pytest.mark.skipif(not LONG, reason="nox -s ranks")
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_a_model_of_every_kind_trains_like_in_one_process(run, tmp_path, model, strategy) -> None:
    def trained(name: str, *changes: str) -> list[float]:
        chosen = (*MODELS[model], "model.channels=16", "training.max_steps=6", "training.optimizer=adamw")
        known = ("training.learning_rate=1e-3", "training.tracker=none")
        done = run("train", *chosen, *known, *changes, "--run-dir", name, folder=tmp_path)
        assert done.returncode == 0, done.stderr
        return losses(tmp_path / name)

    several = trained("several", "training.devices=2", f"training.strategy={strategy}")
    np.testing.assert_allclose(several, trained("one"), rtol=2e-6)
