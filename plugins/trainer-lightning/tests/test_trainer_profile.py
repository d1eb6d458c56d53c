"""Where the time of training steps goes: `LightningTrainer.profile`."""

import json
import mmap
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from wxml.plugins.create import parse_options
from wxml.training.memory_limit import plan_experiment
from wxml.training.step_profile import PHASES, StepProfile
from wxml_trainer_lightning.optimizers.uncompiled import QuickAdamW
from wxml_trainer_lightning.profile.peak_memory import PeakMemory
from wxml_trainer_lightning.profile.phases import Phases
from wxml_trainer_lightning.trainer import LightningTrainer

OPTIONS = {"accelerator": "cpu", "threads": 1, "metrics": "none", "validation_samples": 2}
PAUSE = 0.03


def profiled(experiment: Any, steps: int = 4, trace: Path | None = None, **options: Any) -> StepProfile:
    """The profile; the parts must make the whole, whatever is measured."""
    trainer = LightningTrainer(**parse_options(LightningTrainer, OPTIONS | options))
    found = trainer.profile(experiment, steps, trace)
    assert tuple(found.phases) == PHASES
    assert min(found.phases.values()) >= 0
    assert sum(found.phases.values()) == pytest.approx(found.seconds, rel=1e-6)
    return found


@pytest.fixture
def altered(advection: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Passes the model of the experiment to a function."""

    def altered(change: Any) -> Any:
        new_model = type(advection).new_model

        def changed(self: Any) -> nn.Module:
            model = new_model(self)
            change(model)
            return model

        monkeypatch.setattr(type(advection), "new_model", changed)
        return advection

    return altered


def pause(*_: Any) -> None:
    time.sleep(PAUSE)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_slow_model_shows_in_the_forward_pass(altered, accumulate) -> None:
    """It is called once for each piece and forecast step."""
    found = profiled(
        altered(lambda model: model.register_forward_pre_hook(pause)), accumulate=accumulate, rollout={"maximum": 2}
    )
    assert found.phases["forward"] >= 4 * accumulate * 2 * PAUSE
    assert (found.samples, found.rollout, found.device, found.ranks) == (4 * 4 * accumulate, 2, "cpu", 1)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_slow_gradient_shows_in_the_backward_pass(altered, accumulate) -> None:
    def slow(gradient: torch.Tensor) -> torch.Tensor:
        pause()
        return gradient

    found = profiled(altered(lambda model: model.layer.weight.register_hook(slow)), accumulate=accumulate)
    assert found.phases["backward"] >= 4 * accumulate * PAUSE


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_slow_optimizer_shows_in_the_optimiser(advection, monkeypatch, accumulate) -> None:
    step = QuickAdamW.step

    def slow(self: Any, *arguments: Any, **named: Any) -> Any:
        found = step(self, *arguments, **named)
        pause()
        return found

    monkeypatch.setattr(QuickAdamW, "step", slow)
    found = profiled(advection, accumulate=accumulate)
    assert found.phases["optimiser"] >= 4 * PAUSE


def test_a_slow_source_shows_in_the_data(advection, monkeypatch) -> None:
    """What is read ahead hides the model's time, not the source's."""
    read = type(advection.source)._read
    monkeypatch.setattr(type(advection.source), "_read", lambda self, *of: (pause(), read(self, *of))[1])
    found = profiled(advection)
    assert found.phases["data"] >= 2 * PAUSE


def test_the_warm_up_is_not_measured(altered) -> None:
    """The first five steps are slow; the four after them are not, nor is the one whose tensors are counted."""
    left = [5]

    def slow_at_first(*_: Any) -> None:
        left[0] -= 1
        time.sleep(0.2 if left[0] >= 0 else 0)

    found = profiled(altered(lambda model: model.register_forward_pre_hook(slow_at_first)))
    assert found.warm_up == 5
    assert left[0] == -5
    assert found.seconds < 5 * 0.2


def test_nothing_is_left(advection, tmp_path, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    before, state = torch.get_num_threads(), torch.get_rng_state()
    profiled(advection, 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["scratch"]
    assert torch.get_num_threads() == before
    torch.testing.assert_close(torch.get_rng_state(), state)


@pytest.mark.parametrize(("steps", "traced"), [(1, 1), (5, 3)])
def test_a_trace_has_the_phases_of_a_few_steps(advection, tmp_path, steps, traced) -> None:
    """Among other events, torch's own operators."""
    trace = tmp_path / "trace.json"
    profiled(advection, steps, trace)
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]
    names = [event.get("name") for event in json.loads(trace.read_text())["traceEvents"]]
    assert [names.count(phase) for phase in ("forward", "backward")] == [traced, traced]
    assert {"data", "optimiser", "aten::linear"} <= set(names)


def test_the_peak_of_the_memory_is_that_of_the_steps() -> None:
    """64 MiB that are there for a moment; what is resident before counts nothing."""
    memory = PeakMemory("cpu")
    if memory.peak is None:
        pytest.skip("this system does not tell")
    torch.ones(32, 2**20)  # 128 MiB, before
    memory.restart()
    torch.ones(16, 2**20)
    assert 60 * 2**20 <= memory.peak <= 110 * 2**20


def test_pages_of_files_are_no_memory_of_a_training(tmp_path: Path) -> None:
    """64 MiB of a file, each page of which is looked at, as where a library is called for the first time."""
    memory = PeakMemory("cpu")
    if memory.peak is None:
        pytest.skip("this system does not tell")
    file = tmp_path / "library"
    file.write_bytes(bytes(64 * 2**20))
    memory.restart()
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as pages:
        assert sum(pages[:: mmap.PAGESIZE]) == 0
        assert memory.peak < 16 * 2**20


def test_tensors_are_counted_by_what_they_belong_to(advection: Any) -> None:
    """The weights of `Neighbours` are 3 · 2 · 3 · 2 + 2 numbers, and AdamW keeps two of each, and two counts.

    A batch has 4 samples of 2 + 2 times, 48 nodes and 3 variables, and 4 · 48 · 2 bytes say what was filled in.
    """
    found = profiled(advection, ema=0.9, optimizer="adamw", rollout={"maximum": 2}).tensors
    weights = 4 * (3 * 2 * 3 * 2 + 2)
    assert found["weights"] == found["copies of the weights"] == weights
    assert found["optimiser state"] == 2 * weights + 2 * 4
    batch = 4 * 4 * 4 * 48 * 3 + 4 * 48 * 2
    assert found["batch"] == batch
    assert found.get("batches read ahead", 0) < 10 * batch  # none on a busy machine; some whole, and one in the making
    assert found["other"] >= 2 * 4 * 4 * 48 * 18  # what enters its layer in both steps, for the gradient of the weights


def test_what_is_counted_is_what_is_planned(advection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of 3 MiB that keeps its input: weights, moments and activations are those of the plan."""

    def wider(self: Any) -> nn.Module:
        model = new_model(self)
        model.layer = nn.Sequential(nn.Linear(18, 8192), nn.Tanh(), nn.Linear(8192, 2))
        return model

    new_model = type(advection).new_model
    monkeypatch.setattr(type(advection), "new_model", wider)
    options = OPTIONS | {"optimizer": "adamw", "keep": "last"}
    trainer = LightningTrainer(**parse_options(LightningTrainer, options))
    found = trainer.profile(advection, 1)
    assert found is not None
    planned = plan_experiment(advection, trainer).at_peak
    assert found.tensors["weights"] == planned["weights"]
    assert found.tensors["optimiser state"] == planned["optimiser state"] + 4 * 4
    passes = [
        sum(sizes.get(name, 0) for name in ("other", "backward", "gradients")) for sizes in (found.tensors, planned)
    ]
    assert passes[1] > 12 * 2**20
    assert passes[0] == pytest.approx(passes[1], rel=0.02)


def test_tensors_of_a_compiled_model_are_not_counted(advection: Any) -> None:
    """What it makes inside of its operations is not seen."""
    assert profiled(advection, 1, compile="aot-eager").tensors == {}


def test_each_moment_belongs_to_the_innermost_phase() -> None:
    """By hand, each reading of the clock twice as far as the one before: 10 s, then 1, 2, 4, 8 and 16 s."""
    times = iter((0, 10, 11, 13, 17, 25, 41))
    phases = Phases("cpu", lambda: next(times))
    phases.restart()
    with phases.under_way("optimiser"), phases.under_way("forward"), phases.under_way("forward"):
        pass
    phases.finish()
    expected = {"optimiser": 10, "forward": 4, "other": 17}
    assert phases.seconds == dict.fromkeys(PHASES, 0.0) | expected


def test_the_end_of_a_backward_pass_is_communication() -> None:
    """By hand: 2 s to the last gradient, then 5 s for those of others."""
    times = iter((0, 0, 0, 1, 2, 7, 7))
    phases, weight = Phases("cpu", lambda: next(times)), nn.Linear(2, 1)
    phases.restart()
    phases.listen(weight)  # two gradients, at 1 s and 2 s
    with phases.under_way("backward"):
        weight(torch.ones(2)).sum().backward()
    phases.finish()
    assert phases.seconds == dict.fromkeys(PHASES, 0.0) | {"backward": 2, "communication": 5}


@pytest.mark.slow
def test_the_wait_for_another_process_is_communication(monkeypatch) -> None:
    """The second process sleeps in both passes; the first, which is measured, waits for its loss and its gradient."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    world = import_module("ranks_world")
    made = world.experiment(world.SecondIsSlow)
    found = profiled(made, devices=2)
    assert found.ranks == 2
    assert found.samples == 16
    assert found.phases["communication"] >= 4 * 2 * 0.6 * world.PAUSE
