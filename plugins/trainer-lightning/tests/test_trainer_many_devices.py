"""Trainings in several processes on one machine: the same losses and weights as in one, and one end for all."""

import csv
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.distributed import HashStore
from wxml.artefacts.checkpoint import load_checkpoint
from wxml_trainer_lightning.placement import Placement
from wxml_trainer_lightning.watch import Watch

OPTIONS = {
    "batch_size": 6,
    "ema": 0.9,
    "learning_rate": 0.01,
    "rollout": {"maximum": 2},
    "validation_every": 5,
    "validation_samples": 7,
}
MORE = pytest.mark.long()
LONG = bool(os.environ.get("WXML_RANKS"))
"""Set by `nox -s ranks`: every number of processes with every strategy and precision."""


def column(run_dir: Path, name: str) -> list[float]:
    with (run_dir / "history.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def assert_like(run_dir: Path, other: Path, tolerance: float = 1e-6) -> None:
    """The losses, the weights, the average and the moments are the same."""
    for name in ("training_loss", "validation_loss", "learning_rate", "rollout"):
        np.testing.assert_allclose(column(run_dir, name), column(other, name), rtol=tolerance, err_msg=name)
    ours, theirs = (load_file(folder / "state.safetensors") for folder in (run_dir, other))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=10 * tolerance, atol=tolerance, msg=name)
    torch.testing.assert_close(
        load_checkpoint(run_dir / "checkpoint.safetensors").weights,
        load_checkpoint(other / "checkpoint.safetensors").weights,
        rtol=10 * tolerance,
        atol=tolerance,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("devices", "strategy", "kind"),
    [(2, "fsdp", "Gappy"), *(pytest.param(*one, marks=MORE) for one in ((2, "ddp", "Plain"), (4, "ddp", "Gappy")))],
)
def test_several_processes_train_like_one(world, tmp_path, capfd, devices, strategy, kind) -> None:
    """Six samples on four processes are one or two for each; seven are validated, in batches of six and of one."""
    made = world.experiment(getattr(world, kind))
    world.fit(made, tmp_path / "one", **OPTIONS)
    capfd.readouterr()
    world.fit(made, tmp_path / "several", devices=devices, strategy=strategy, **OPTIONS)
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    assert_like(tmp_path / "several", tmp_path / "one")
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert {name for name in names if name.startswith("several/")} == {
        name.replace("one/", "several/") for name in names if name.startswith("one/")
    }


@pytest.mark.slow
@pytest.mark.skipif(not LONG, reason="nox -s ranks")
@pytest.mark.parametrize("devices", [2, 3, 4, 5])
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
@pytest.mark.parametrize(
    ("precision", "kind", "tolerance"),
    [("32-true", "Gappy", 1e-6), ("bf16-mixed", "Gappy", 1e-2), ("16-mixed", "Gentle", 1e-2)],
)
def test_every_number_of_processes_trains_like_one(
    world, tmp_path, devices, strategy, precision, kind, tolerance
) -> None:
    """In half precision only where no step is left out: of six samples a sum may overflow that of three does not."""
    made = world.experiment(getattr(world, kind))
    options = OPTIONS | {"precision": precision, "max_steps": 6}
    world.fit(made, tmp_path / "one", **options)
    world.fit(made, tmp_path / "several", devices=devices, strategy=strategy, **options)
    for name in ("training_loss", "validation_loss"):
        one, several = (column(tmp_path / run, name) for run in ("one", "several"))
        np.testing.assert_allclose(several, one, rtol=tolerance)


@pytest.mark.slow
def test_a_training_whose_second_process_is_killed_goes_on_in_one(world, tmp_path, capfd, caplog) -> None:
    options = {"batch_size": 4, "validation_every": 50, "checkpoint_every": 50}
    world.fit(world.experiment(), tmp_path / "unbroken", **options)
    began = time.monotonic()
    with pytest.raises(Exception, match=r"rank 1 of 2: the process has died \(signal 9\)") as died:
        world.fit(world.experiment(world.Dying), tmp_path / "run", devices=2, **options)
    assert time.monotonic() - began < 60
    assert "--resume" in died.value.fix
    assert "Traceback" not in capfd.readouterr().err
    steps = column(tmp_path / "run", "step")
    assert steps == list(range(1, world.Dying.step))
    with caplog.at_level("INFO", "wxml"):
        world.fit(world.experiment(), tmp_path / "run", resume=True, **options)
    assert "the training goes on with 1 devices, and had 2 before" in caplog.text
    assert_like(tmp_path / "run", tmp_path / "unbroken")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "message", "code"),
    [
        ("Refusing", "rank 1 of 2: the third file has a hole\n  mend it", 2),
        pytest.param("Broken", "rank 1 of 2: unexpected KeyError: 'heart'", 1, marks=MORE),
        pytest.param("Overflowing", "rank 1 of 2: the training loss is nan at step 3 (learning rate", 2, marks=MORE),
    ],
)
def test_an_error_in_one_process_ends_all_and_is_told_once(world, tmp_path, capfd, kind, message, code) -> None:
    with pytest.raises(Exception, match="rank 1 of 2") as told:
        world.fit(world.experiment(getattr(world, kind)), tmp_path / "run", devices=2)
    assert str(told.value).startswith(message)
    assert told.value.exit_code == code
    assert capfd.readouterr().err == ""


@pytest.mark.slow
@pytest.mark.long("test_a_training_whose_second_process_is_killed_goes_on_in_one")
def test_a_signal_to_one_process_stops_all_after_the_same_step_and_resuming_gives_the_same_bits(
    world, tmp_path
) -> None:
    options = {"devices": 2, "batch_size": 4, "max_steps": 400, "checkpoint_every": 500, "validation_every": 500}
    run_dir = tmp_path / "run"

    def stop() -> None:
        while not (run_dir / "history.csv").exists() or len((run_dir / "history.csv").read_text().splitlines()) < 5:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    with pytest.raises(SystemExit) as ended:
        world.fit(world.experiment(), run_dir, **options)
    thread.join()
    assert ended.value.code == 75
    assert (run_dir / "state.safetensors").exists()
    assert len(column(run_dir, "step")) < 400
    world.fit(world.experiment(), run_dir, resume=True, **options)
    world.fit(world.experiment(), tmp_path / "unbroken", **options)
    one, other = (tmp_path / name / "checkpoint.safetensors" for name in ("run", "unbroken"))
    assert one.read_bytes() == other.read_bytes()


def test_a_watch_that_never_began_can_be_ended() -> None:
    """As where the processes do not meet in time: the error is then that, and no other."""
    Watch(HashStore(), Placement(0, 2), []).stop()


def test_silence_counts_from_the_moment_when_all_have_come(monkeypatch) -> None:
    """One that was never heard may still be starting; one that was heard, or that had come, has died."""
    monkeypatch.setattr("wxml_trainer_lightning.watch.SILENCE", 0.05)

    def silent(store: HashStore) -> Watch:
        watch = Watch(store, Placement(0, 2), [])
        watch.look()
        time.sleep(0.1)
        watch.look()
        return watch

    watch = silent(HashStore())
    assert watch.failure is None
    watch.start()
    deadline = time.monotonic() + 30
    while watch.failure is None and time.monotonic() < deadline:
        time.sleep(0.01)
    watch.stop()
    assert watch.failure is not None
    assert (watch.failure.rank, "no sign of life" in watch.failure.message) == (1, True)
    store = HashStore()
    store.set("beat/1", "7")
    heard = silent(store).failure
    assert heard is not None
    assert "no sign of life" in heard.message
