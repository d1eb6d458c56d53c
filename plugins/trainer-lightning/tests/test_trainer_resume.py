"""A training that was stopped at any moment ends with the very bytes of one that was not.

The processes that are killed are forked from this one, since importing Lightning anew takes seconds each time.
"""

import itertools
import json
import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from wxml.errors import ArtefactError
from wxml.files.checksums import sealed
from wxml.testing import TravellingWaves
from wxml_trainer_lightning import history, state
from wxml_trainer_lightning.batches import Samples
from wxml_trainer_lightning.callbacks import CheckpointCallback
from wxml_trainer_lightning.exit_codes import LEFT
from wxml_trainer_lightning.interruption import Interruption
from wxml_trainer_lightning.trainer import LightningTrainer

OPTIONS = {
    "max_steps": 30,
    "checkpoint_every": 7,
    "validation_every": 5,
    "validation_samples": 2,
    "batch_size": 3,
    "learning_rate": 0.05,
    "ema": 0.9,
    "rollout": {"maximum": 3, "begin": 0.3},
}
pytestmark = pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")


def in_process(work, *, seconds=None) -> int | None:
    """The exit code of some work in a forked process, that is killed after some seconds if these are given."""
    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    process.join(60 if seconds is None else seconds)
    if process.is_alive():
        process.kill()
        process.join()
    return process.exitcode


def die(*_args) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_call(number, action, function):
    """A function that does something else first at its n-th call (counted from 1)."""
    calls = itertools.count(1)

    def wrapped(*args, **options):
        if next(calls) == number:
            action(*args)
        return function(*args, **options)

    return wrapped


def at_batch(number, action, *, validation):
    """The reading of batches, with something else first at the n-th one of the training or of its validation."""
    counted, plain = at_call(number, action, Samples.__getitem__), Samples.__getitem__

    def read(samples, places):
        return (counted if (places[0][0] == 0) is validation else plain)(samples, places)

    return read


def die_half_written(_tensors, path, header) -> None:
    path.write_bytes((10**4).to_bytes(8, "little") + json.dumps(header).encode())
    die()


def step_of(run_dir) -> int | None:
    if not (run_dir / "state.safetensors").exists():
        return None
    with safe_open(run_dir / "state.safetensors", "pt") as file:
        return json.loads(file.metadata()["wxml_training_state"])["position"]["step"]


@pytest.fixture
def unbroken(noisy_advection, fit, tmp_path):
    """What the checkpoint and the history of an unbroken training hold."""
    path = fit(noisy_advection, tmp_path / "unbroken", **OPTIONS)
    return path.read_bytes(), (tmp_path / "unbroken" / "history.csv").read_bytes()


@pytest.fixture
def training(noisy_advection, fit, tmp_path, monkeypatch):
    """A training to be broken and resumed, and what it has written."""

    class Training:
        run_dir = tmp_path / "broken"

        def run(self, *, resume=False, **changes) -> None:
            fit(noisy_advection, self.run_dir, resume=resume, **(OPTIONS | changes))

        def run_with(self, action, *, batch, validation=False) -> None:
            """Run, and do something before a batch is read: number n (from 1) of the training or of its validation."""
            with monkeypatch.context() as patch:
                patch.setattr(Samples, "__getitem__", at_batch(batch, action, validation=validation))
                self.run()

        def written(self):
            return (self.run_dir / "checkpoint.safetensors").read_bytes(), (self.run_dir / "history.csv").read_bytes()

    return Training()


def interrupt(*_args) -> None:
    raise KeyboardInterrupt


# while batch n is read, one of the steps n - 2 to n is made; so no state is being written at these batches
@pytest.mark.parametrize(("batch", "state_before"), [(1, None), (5, None), (12, 7), (20, 14), (27, 21)])
def test_killed_while_reading_samples(training, unbroken, batch, state_before) -> None:
    assert in_process(lambda: training.run_with(die, batch=batch)) == -signal.SIGKILL
    assert step_of(training.run_dir) == state_before
    training.run(resume=True)
    assert training.written() == unbroken


@pytest.mark.parametrize(("number", "state_before"), [(1, None), (2, 7), (5, 21)])
def test_killed_while_validating(training, unbroken, number, state_before) -> None:
    """The validation after step 5 n; the state after that step is written later."""
    assert in_process(lambda: training.run_with(die, batch=number, validation=True)) == -signal.SIGKILL
    assert step_of(training.run_dir) == state_before
    training.run(resume=True)
    assert training.written() == unbroken


@pytest.mark.parametrize(("write", "state_before"), [(1, None), (3, 14), (5, 28)])
def test_killed_while_the_state_is_being_written(training, unbroken, write, state_before) -> None:
    def work() -> None:
        state.save_file = at_call(write, die_half_written, state.save_file)
        training.run()

    assert in_process(work) == -signal.SIGKILL
    assert step_of(training.run_dir) == state_before
    assert list(training.run_dir.glob(".state.*.partial.safetensors"))
    training.run(resume=True)
    assert training.written() == unbroken
    assert {path.name for path in training.run_dir.iterdir()} == {
        "checkpoint.safetensors",
        "history.csv",
        "report.html",
        "state.safetensors",
        "tracking.json",
    }


def test_killed_while_a_row_of_the_history_is_being_written(training, unbroken) -> None:
    def work() -> None:
        def tear(self) -> None:
            with self.path.open("a") as file:
                file.write("15,0.0")
            die()

        history.FLUSH_SECONDS = 1e9  # so that only states flush
        history.History.flush = at_call(3, tear, history.History.flush)
        training.run()

    assert in_process(work) == -signal.SIGKILL
    training.run(resume=True)
    assert training.written() == unbroken


def test_killed_between_the_last_state_and_the_checkpoint(training, unbroken, noisy_advection) -> None:
    def work() -> None:
        type(noisy_advection).save = lambda *_args, **_options: die()
        training.run()

    assert in_process(work) == -signal.SIGKILL
    assert step_of(training.run_dir) == 30
    training.run(resume=True)
    assert training.written() == unbroken


def test_killed_by_the_clock_again_and_again(training, unbroken) -> None:
    training.run_dir.mkdir()
    codes = []
    for attempt in range(40):
        codes.append(in_process(lambda: training.run(resume=True, checkpoint_every=1), seconds=0.1 + 0.05 * attempt))
        if codes[-1] == 0:
            break
    assert codes[-1] == 0
    assert set(codes[:-1]) <= {-signal.SIGKILL}
    assert len(codes) > 1
    assert training.written() == unbroken


def test_resuming_a_finished_training_makes_the_same_checkpoint_again(training, unbroken) -> None:
    training.run()
    (training.run_dir / "checkpoint.safetensors").unlink()
    training.run(resume=True)
    assert training.written() == unbroken
    training.run(resume=True)
    assert training.written() == unbroken


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_the_step_writes_a_state_and_is_raised(training, unbroken, number, caplog) -> None:
    is_told = number != signal.SIGINT
    handlers = [*map(signal.getsignal, SIGNALS)]
    with pytest.raises(SystemExit if is_told else KeyboardInterrupt) as caught:
        training.run_with(lambda *_: signal.raise_signal(number), batch=2, validation=True)
    assert getattr(caught.value, "code", LEFT) == LEFT == 75
    assert (f"told to leave by {number.name}: the state of step 10 is written" in caplog.text) == is_told
    assert [*map(signal.getsignal, SIGNALS)] == handlers
    assert step_of(training.run_dir) == 10  # the second validation is the one after step 10
    training.run(resume=True)
    assert training.written() == unbroken


# the second validation is the one after step 10, which is not over before that; the last state is that of step 7
@pytest.mark.parametrize(("batch", "validation", "step"), [(12, False, 11), (2, True, 7)])
def test_a_keyboard_interrupt_out_of_the_blue_keeps_the_whole_steps(
    training, unbroken, batch, validation, step
) -> None:
    with pytest.raises(KeyboardInterrupt):
        training.run_with(interrupt, batch=batch, validation=validation)
    assert step_of(training.run_dir) == step
    training.run(resume=True)
    assert training.written() == unbroken


def test_a_training_that_is_to_leave_after_some_time_goes_on_later(training, unbroken, monkeypatch, caplog) -> None:
    """Each process makes a step at least, however short its time is."""
    codes, steps = [], []
    for attempt in range(40):
        seconds = 0.03 * (attempt // 3)
        monkeypatch.setattr(LightningTrainer, "leave_seconds", property(lambda _self, seconds=seconds: seconds))
        try:
            training.run(resume=attempt > 0)
            codes.append(0)
            break
        except SystemExit as left:
            codes.append(left.code)
            steps.append(step_of(training.run_dir))
    assert codes[-1] == 0
    assert set(codes[:-1]) == {LEFT}
    assert steps[:3] == [1, 2, 3]
    assert "told to leave by `training.leave_after`: the state of step 2 is written" in caplog.text
    assert training.written() == unbroken


def test_a_training_that_ends_as_its_time_is_up_has_ended(training, monkeypatch) -> None:
    monkeypatch.setattr(Interruption, "received", property(lambda _self: signal.SIGUSR1))
    training.run(max_steps=1, rollout={"maximum": 1})
    assert step_of(training.run_dir) == 1
    assert (training.run_dir / "checkpoint.safetensors").exists()


def test_a_signal_that_comes_after_processes_have_agreed_counts_in_the_next_step(
    training, unbroken, monkeypatch
) -> None:
    """Else one of them would write a state while the others go on."""
    agree, asked = CheckpointCallback._agree, []

    def agree_then_receive(self, ranks) -> int:
        told = agree(self, ranks)
        asked.append(self.clock.step)
        if self.clock.step == 3:
            signal.raise_signal(signal.SIGUSR1)
        return told

    monkeypatch.setattr(CheckpointCallback, "_agree", agree_then_receive)
    with pytest.raises(SystemExit):
        training.run()
    assert step_of(training.run_dir) == asked[-1] == 4
    monkeypatch.undo()
    training.run(resume=True)
    assert training.written() == unbroken


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("WXML_RANKS"), reason="nox -s ranks")
def test_several_processes_leave_after_the_same_step_when_the_time_of_one_is_up(monkeypatch, tmp_path) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    world = import_module("ranks_world")
    options = {"devices": 2, "batch_size": 4, "max_steps": 4000, "checkpoint_every": 5000, "validation_every": 5000}
    steps = []
    for attempt in range(2):
        with pytest.raises(SystemExit) as left:
            world.fit(world.experiment(), tmp_path, resume=attempt > 0, leave_after="1s", **options)
        assert left.value.code == LEFT
        steps.append(step_of(tmp_path))
    assert 0 < steps[0] < steps[1] < 4000


def test_a_second_interrupt_stops_at_once() -> None:
    interruption = Interruption()

    def work() -> None:
        with interruption:
            signal.raise_signal(signal.SIGINT)
            assert interruption.received == signal.SIGINT
            signal.raise_signal(signal.SIGINT)
            pytest.fail("the second one did not stop")

    with pytest.raises(KeyboardInterrupt):
        work()


def test_options_that_do_not_change_the_result_may_change(training, unbroken) -> None:
    with pytest.raises(KeyboardInterrupt):
        training.run_with(interrupt, batch=12)
    training.run(resume=True, checkpoint_every=3, workers=1)
    assert training.written() == unbroken


OTHERS = pytest.mark.carries_out(
    "resume with the config, the data and the plugin versions that it was started with, or start again in another "
    "directory"
)


@OTHERS
def test_resuming_with_other_options_is_refused_by_name(training, tmp_path) -> None:
    training.run(max_steps=2)
    written = training.written()
    with pytest.raises(ArtefactError, match=r"training\.max_steps: was 2, is 3"):
        training.run(resume=True, max_steps=3)
    training.run(resume=True, max_steps=2)
    assert training.written() == written
    training.run_dir = tmp_path / "another"
    training.run(max_steps=3)
    assert step_of(training.run_dir) == 3


@OTHERS
def test_resuming_with_other_data_is_refused_by_name(advection, fit, tmp_path) -> None:
    record = replace(advection.provenance, data=TravellingWaves(days=21).provenance())
    other = replace(advection, provenance=record)
    checkpoint = fit(advection, tmp_path / "run", max_steps=1).read_bytes()
    with pytest.raises(ArtefactError, match=r"data_read\.times: was 80, is 84"):
        fit(other, tmp_path / "run", max_steps=1, resume=True)
    assert fit(advection, tmp_path / "run", max_steps=1, resume=True).read_bytes() == checkpoint
    fit(other, tmp_path / "another", max_steps=1)


@pytest.mark.carries_out("start without --resume in a new directory, or name the directory of the run that was stopped")
@pytest.mark.parametrize("named", ["a folder that is not there", "a checkpoint without a state"])
def test_a_folder_without_a_run_is_not_resumed(advection, fit, tmp_path, named) -> None:
    path = fit(advection, tmp_path / "stopped", max_steps=1)
    checkpoint = path.read_bytes()
    (tmp_path / "wrong").mkdir()
    path.rename(tmp_path / "wrong" / path.name)  # as if it had been stopped before it wrote this one
    if "not there" in named:
        (tmp_path / "wrong").rename(tmp_path / "gone")
    trainer = LightningTrainer(max_steps=1, accelerator="cpu", threads=1, tracker="none", validation_samples=4)
    with pytest.raises(ArtefactError, match="there is nothing to resume"):
        trainer.fit(advection, tmp_path / "wrong", resume=True)
    assert fit(advection, tmp_path / "new", max_steps=1).read_bytes() == checkpoint
    assert fit(advection, tmp_path / "stopped", max_steps=1, resume=True).read_bytes() == checkpoint


@pytest.mark.carries_out("start again in another directory, or without --resume after removing this one")
@pytest.mark.parametrize("fault", ["cut short", "of another kind"])
def test_a_training_with_a_damaged_state_is_started_again(advection, fit, tmp_path, fault) -> None:
    checkpoint = fit(advection, tmp_path / "run", max_steps=1).read_bytes()
    path = tmp_path / "run" / "state.safetensors"
    if fault == "cut short":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        header = {"format": 2, "position": {"step": -1}, "identity": {}}
        save_file({}, path, {"wxml_training_state": sealed(header, {})})
    with pytest.raises(ArtefactError, match=r"state\.safetensors` is damaged"):
        fit(advection, tmp_path / "run", max_steps=1, resume=True)
    assert fit(advection, tmp_path / "another", max_steps=1).read_bytes() == checkpoint
    shutil.rmtree(tmp_path / "run")
    assert fit(advection, tmp_path / "run", max_steps=1).read_bytes() == checkpoint


@pytest.mark.carries_out("resume with the version of wxml-trainer-lightning that wrote it")
def test_a_state_of_a_later_version_is_resumed_with_that_version(advection, fit, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(state, "FORMAT", 4)
    checkpoint = fit(advection, tmp_path / "run", max_steps=1).read_bytes()
    with monkeypatch.context() as today:
        today.setattr(state, "FORMAT", 3)
        with pytest.raises(ArtefactError, match="has format 4, this version reads up to 3"):
            fit(advection, tmp_path / "run", max_steps=1, resume=True)
    assert fit(advection, tmp_path / "run", max_steps=1, resume=True).read_bytes() == checkpoint


@pytest.mark.carries_out("free some space, and go on with --resume")
def test_a_training_whose_history_fills_the_disk_goes_on_when_there_is_space(training, unbroken) -> None:
    path, kept = training.run_dir / "history.csv", training.run_dir / "kept.csv"

    def fill(*_args) -> None:
        path.rename(kept)
        path.symlink_to("/dev/full")

    with pytest.raises(ArtefactError, match=r"could not write `.*history\.csv`: No space left on device"):
        training.run_with(fill, batch=12)
    kept.replace(path)  # now there is space
    training.run(resume=True)
    assert training.written() == unbroken


@pytest.mark.carries_out(
    "resume with the plugin versions that it was started with, or start again in another directory"
)
def test_weights_that_do_not_fit_are_refused(training, noisy_advection, monkeypatch, tmp_path) -> None:
    training.run(max_steps=2)
    written, first = training.written(), type(noisy_advection).new_model

    def without_bias(experiment):
        model = first(experiment)
        model.layer.register_parameter("bias", None)
        return model

    with monkeypatch.context() as other_version:
        other_version.setattr(type(noisy_advection), "new_model", without_bias)
        with pytest.raises(ArtefactError, match="does not fit the training: the model has no such weight"):
            training.run(max_steps=2, resume=True)
        training.run_dir = tmp_path / "another"
        training.run(max_steps=2)
    training.run_dir = tmp_path / "broken"
    training.run(max_steps=2, resume=True)
    assert training.written() == written


DAMAGES = {
    "removed": lambda tensors, name: tensors.pop(name),
    "renamed": lambda tensors, name: tensors.update({f"{name}x": tensors.pop(name)}),
    "reshaped": lambda tensors, name: tensors.update({name: tensors[name].reshape(1, *tensors[name].shape)}),
    "of another type": lambda tensors, name: tensors.update({name: tensors[name].double()}),
}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_tensor_of_the_state_that_does_not_fit_is_named(training, monkeypatch, optimizer, damage) -> None:
    options = {"max_steps": 2, "checkpoint_every": 1, "validation_every": 1, "optimizer": optimizer}
    with monkeypatch.context() as patch:
        patch.setattr(state.StateFile, "write", at_call(2, interrupt, state.StateFile.write))
        with pytest.raises(KeyboardInterrupt):
            training.run(**options)
    path = training.run_dir / "state.safetensors"
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wxml_training_state"])
    plain = {key: value for key, value in header.items() if key not in ("checksum", "checksums")}
    whole = load_file(path)
    for name in whole:
        if damage == "removed" and name.endswith("/momentum_buffer"):
            continue  # then nothing is left, as of a weight that never had a gradient
        changed = dict(whole)
        DAMAGES[damage](changed, name)
        save_file(changed, path, {"wxml_training_state": sealed(plain, changed)})
        place = name.rpartition("/")[0] if name.startswith("optimizer") else name
        with pytest.raises(ArtefactError, match=rf"tensor `{place}.*` of the state does not fit the training"):
            training.run(resume=True, **options)


@pytest.mark.parametrize(("name", "value"), [("step", -2), ("exp_avg_sq", -1), ("exp_avg", float("nan"))])
def test_a_moment_that_cannot_be_is_refused(training, name, value) -> None:
    with pytest.raises(KeyboardInterrupt):
        training.run_with(interrupt, batch=12)
    path = training.run_dir / "state.safetensors"
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["wxml_training_state"])
    plain = {key: value for key, value in header.items() if key not in ("checksum", "checksums")}
    tensors = load_file(path)
    tensors[f"optimizer/layer.weight/{name}"].fill_(value)
    save_file(tensors, path, {"wxml_training_state": sealed(plain, tensors)})
    with pytest.raises(ArtefactError, match=rf"`optimizer/layer.weight/{name}` .* a value is negative or not finite"):
        training.run(resume=True)
