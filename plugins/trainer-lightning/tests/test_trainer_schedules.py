"""Each schedule against closed forms, hand-worked numbers and torch."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from wxml import ConfigError, Progress, create
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.schedules.cosine import Cosine
from wxml_trainer_lightning.schedules.plateau import Plateau

STEPS = 100


def factor(plugin: str, step: int, losses: tuple[float, ...] = (), **options: object) -> float:
    schedule = create("schedule", plugin, options)
    return schedule.factor(Progress(step, STEPS, step / STEPS, losses))


def factors(plugin: str, **options: object) -> list[float]:
    return [factor(plugin, step, **options) for step in range(1, STEPS + 1)]


ALL = ("constant", "cosine", "inverse-sqrt", "linear", "plateau", "warmup-stable-decay")


@pytest.mark.parametrize("plugin", ALL)
@pytest.mark.parametrize("warmup", [0.25, 25])
def test_every_schedule_rises_in_a_line_for_a_share_or_some_steps(plugin, warmup) -> None:
    found = factors(plugin, warmup=warmup)
    assert found[:25] == pytest.approx([step / 25 for step in range(1, 26)])
    assert max(found) == pytest.approx(1.0)


@pytest.mark.parametrize("plugin", ALL)
def test_a_rise_longer_than_the_training_reaches_what_it_can(plugin) -> None:
    found = factors(plugin, warmup=1000)
    if plugin == "warmup-stable-decay":
        found = found[:80]
    assert found == pytest.approx([step / STEPS for step in range(1, len(found) + 1)])


@pytest.mark.carries_out("write such a number")
def test_a_rise_of_some_steps_and_a_half_is_refused() -> None:
    with pytest.raises(ConfigError, match="it must be a share below 1 or a whole number of steps"):
        factor("linear", 1, warmup=2.5)
    assert factor("linear", 1, warmup=2) == 0.5


def test_cosine_is_halfway_in_the_middle_and_ends_at_its_ratio() -> None:
    found = factors("cosine", warmup=0.2, final_ratio=0.1)
    assert found[59] == pytest.approx(0.55)  # (1 + 0.1) / 2
    assert found[39] == pytest.approx(0.1 + 0.9 * (1 + math.cos(math.pi / 4)) / 2)
    assert found[-1] == pytest.approx(0.1)


def test_cosine_is_that_of_torch() -> None:
    """After k of n steps torch's factor is r + (1 − r) ½ (1 + cos π k / n)."""
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS, eta_min=0.1)
    expected = []
    for _ in range(STEPS):
        optimizer.step()
        theirs.step()
        expected.append(theirs.get_last_lr()[0])
    assert factors("cosine", warmup=0.0, final_ratio=0.1) == pytest.approx(expected)


def test_restarts_are_those_of_torch() -> None:
    """Cycles of 10, 20 and 40 steps; torch's restart is at the step after which a cycle is done."""
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 10, 2, eta_min=0.1)
    schedule = Cosine(warmup=0.0, final_ratio=0.1, restarts=2, growth=2.0)
    for step in range(1, 70):
        optimizer.step()
        theirs.step()
        ours = schedule.factor(Progress(step, 70, step / 70))
        assert ours == pytest.approx(theirs.get_last_lr()[0]), step
    assert schedule.factor(Progress(70, 70, 1.0)) == pytest.approx(0.1)


def test_each_restart_is_damped() -> None:
    found = factors("cosine", warmup=0.0, final_ratio=0.0, restarts=1, damping=0.25)
    assert found[24] == pytest.approx(0.5)
    assert found[49] == pytest.approx(0.25)
    assert found[74] == pytest.approx(0.125)
    assert found[99] == pytest.approx(0.0)


def test_linear_is_a_line_down() -> None:
    found = factors("linear", warmup=0.5, final_ratio=0.2)
    assert found[49:] == pytest.approx([1 - 0.8 * k / 50 for k in range(51)])


def test_constant_stays() -> None:
    assert factors("constant") == [1.0] * STEPS
    assert factors("constant", warmup=0.1)[9:] == [1.0] * 91


def test_inverse_sqrt_is_that_of_the_transformer() -> None:
    """min(n^−½, n · w^−1.5) over its greatest value, w^−½ (Vaswani et al. 2017, equation 3)."""
    expected = [min(n**-0.5, n * 16**-1.5) / 16**-0.5 for n in range(1, STEPS + 1)]
    assert factors("inverse-sqrt", warmup=16) == pytest.approx(expected)


@pytest.mark.parametrize(("shape", "middle"), [("linear", 0.5), ("cosine", 0.5), ("sqrt", 1 - math.sqrt(0.5))], ids=str)
def test_warmup_stable_decay_falls_at_the_end(shape, middle) -> None:
    found = factors("warmup-stable-decay", warmup=0.1, decay=0.2, shape=shape, final_ratio=0.0)
    assert found[9:80] == pytest.approx([1.0] * 71)
    assert found[89] == pytest.approx(middle)
    assert found[-1] == pytest.approx(0.0)


LOSSES = st.lists(st.one_of(st.floats(0.01, 10), st.sampled_from([0.5, 0.5 * (1 - 1e-4), math.nan])), max_size=60)


@given(LOSSES, st.integers(0, 4), st.integers(0, 3), st.floats(0, 0.2))
def test_plateau_is_that_of_torch(losses, patience, cooldown, threshold) -> None:
    weight = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, min_lr=0.01, eps=0.0
    )
    schedule = Plateau(warmup=0.0, patience=patience, cooldown=cooldown, threshold=threshold, final_ratio=0.01)
    for count, loss in enumerate(losses, start=1):
        theirs.step(loss)
        ours = schedule.factor(Progress(50, STEPS, 0.5, tuple(losses[:count])))
        assert ours == pytest.approx(optimizer.param_groups[0]["lr"])


@given(st.floats(0, 1), st.floats(0, 0.9), st.floats(0, 1), st.integers(0, 5), st.floats(0.2, 5))
def test_cosine_stays_between_nothing_and_the_peak(fraction, warmup, ratio, restarts, growth) -> None:
    schedule = Cosine(warmup=warmup, final_ratio=ratio, restarts=restarts, growth=growth)
    assert 0 <= schedule.factor(Progress(1, 1, fraction)) <= 1 + 1e-12


def test_former_options_go_into_the_schedule() -> None:
    from wxml_trainer_lightning.trainer import LightningTrainer

    options = {"warmup": 0.2, "final_learning_rate_ratio": 0.5}
    former = LightningTrainer(**parse_options(LightningTrainer, options, "training"))
    schedule = {"plugin": "cosine", "warmup": 0.2, "final_ratio": 0.5}
    now = LightningTrainer(**parse_options(LightningTrainer, {"schedule": schedule}, "training"))
    assert former.identity() == now.identity()
    assert former.new_schedule().factor(Progress(1, 10, 0.1)) == pytest.approx(0.5)


def test_a_plateau_below_0_is_one() -> None:
    """A likelihood that falls by a thousandth of itself is lower, and one that stays, or rises, is not."""
    schedule = Plateau(warmup=0.0, patience=0, step=0.5, threshold=0.01)
    for losses, expected in (((-2.0, -2.1, -2.2), 1.0), ((-2.0, -2.0), 0.5), ((-2.0, -1.99, -2.01), 0.25)):
        assert schedule.factor(Progress(len(losses), 100, 0.1, losses)) == expected


PLATEAU = {"schedule": {"plugin": "plateau", "warmup": 0, "patience": 0, "step": 0.5}, "validation_every": 2}


def rates(run_dir) -> list[float]:
    return [float(row.split(",")[3]) for row in (run_dir / "history.csv").read_text().splitlines()[1:]]


def test_the_learning_rate_falls_where_the_validation_loss_does_not(noisy_advection, fit, tmp_path) -> None:
    fit(noisy_advection, tmp_path, learning_rate=0.3, max_steps=20, **PLATEAU)
    losses = [row.split(",")[2] for row in (tmp_path / "history.csv").read_text().splitlines()[1:]]
    best, expected, rate = math.inf, [], 0.3
    for loss in losses:
        expected.append(rate)
        if loss:
            rate = rate if float(loss) < best * (1 - 1e-4) else rate / 2
            best = min(best, float(loss))
    assert rates(tmp_path) == pytest.approx(expected)
    assert len(set(expected)) > 2


def test_a_plateau_resumes_bit_by_bit(noisy_advection, fit, interrupted, tmp_path) -> None:
    options = {"learning_rate": 0.3, "max_steps": 12, "checkpoint_every": 5, **PLATEAU}
    whole = fit(noisy_advection, tmp_path / "whole", **options)
    interrupted(noisy_advection, tmp_path / "broken", **options)
    assert fit(noisy_advection, tmp_path / "broken", resume=True, **options).read_bytes() == whole.read_bytes()
    assert rates(tmp_path / "broken") == rates(tmp_path / "whole")
    assert len(set(rates(tmp_path / "whole"))) > 1


@pytest.mark.carries_out("write `data.split.validation`, or choose another schedule, such as cosine")
def test_a_plateau_needs_a_validation(advection, unvalidated_advection, fit, tmp_path) -> None:
    with pytest.raises(ConfigError, match="'plateau' follows the validation loss, and the config has no period"):
        fit(unvalidated_advection, tmp_path / "run", **PLATEAU)
    fit(advection, tmp_path / "one", max_steps=1, **PLATEAU)
    path = fit(unvalidated_advection, tmp_path / "two", max_steps=1, schedule="cosine")
    assert load_checkpoint(path).header["training"]["steps"] == 1
