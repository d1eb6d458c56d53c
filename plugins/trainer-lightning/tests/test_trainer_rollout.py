"""How many forecast steps are in the loss, what flows back through them, what they read; noise on the first states."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from wxml import Graph, MemberForecast
from wxml.data.sample_batch import ReadingCost
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.ensemble import noise_seed
from wxml_trainer_lightning.input_noise import InputNoise
from wxml_trainer_lightning.rollout import Rollout
from wxml_trainer_lightning.trainer import LightningTrainer

# When the number of steps rises


def test_stages_of_training_steps_begin_at_their_very_step() -> None:
    rollout = Rollout(start=1, maximum=3, begin=4, every=2)
    assert [rollout.steps(0.9, step) for step in range(9)] == [1, 1, 1, 1, 2, 2, 3, 3, 3]


@pytest.mark.parametrize("begins", [(0, 0.2, 0.5), (0, 20, 50)])
def test_a_schedule_names_its_stages(begins) -> None:
    schedule = [{"begin": begin, "steps": steps} for begin, steps in zip(begins, (2, 1, 6), strict=True)]
    rollout = Rollout(schedule=schedule)
    found = [rollout.steps(step / 100, step) for step in range(100)]
    assert found == [2] * 20 + [1] * 30 + [6] * 50
    assert (rollout.start, rollout.maximum, rollout.stages) == (1, 6, [1, 2, 6])
    assert Rollout.model_validate(rollout.model_dump(exclude={"begin", "every"})) == rollout


@given(st.integers(1, 6), st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 60))
def test_a_model_of_several_steps_raises_every_stage(least, steps, step) -> None:
    rollout = Rollout(schedule=[{"begin": 10 * n, "steps": one} for n, one in enumerate(steps)])
    raised = rollout.at_least(least)
    assert raised.steps(0.0, step) == max(least, rollout.steps(0.0, step))
    assert raised.stages == sorted({max(least, one) for one in steps})
    assert Rollout(validation_steps=2).at_least(3).validation_steps == 3


def options(**rollout):
    return LightningTrainer(**parse_options(LightningTrainer, {"rollout": rollout}, "training")).rollout


@pytest.mark.carries_out(
    "write both in training steps, such as begin: 2000, every: 500, or leave `every` out and write `begin` as a share "
    "below 1"
)
def test_stages_are_counted_in_steps_or_in_shares() -> None:
    for wrong in ({"every": 500}, {"begin": 2000}):
        with pytest.raises(ConfigError, match="`every` counts training steps, and so must `begin`"):
            options(maximum=4, **wrong)
    assert options(maximum=4, begin=2000, every=500)
    assert options(maximum=4, begin=0.3)


@pytest.mark.carries_out("write `begin` of all as shares below 1, or of all in training steps, such as 0, 2000, 3000")
@pytest.mark.parametrize("begins", [(1, 2), (0, 0.5, 0.5), (0, 0.5, 20), (0, 20, 10)])
def test_a_schedule_out_of_order_is_refused(begins) -> None:
    with pytest.raises(ConfigError, match="must begin one after the other, the first at 0"):
        options(schedule=[{"begin": begin, "steps": 1} for begin in begins])
    assert options(schedule=[{"begin": begin, "steps": 1} for begin in (0, 2000, 3000)])


@pytest.mark.carries_out("write the one or the other")
def test_a_schedule_beside_a_rise_is_refused() -> None:
    stages = [{"begin": 0, "steps": 2}]
    with pytest.raises(ConfigError, match="`schedule` takes the place of `maximum`"):
        options(maximum=3, schedule=stages)
    assert options(schedule=stages).maximum == 2
    assert options(maximum=2).maximum == 2


def column(run_dir, name):
    with (run_dir / "history.csv").open() as file:
        return [row[name] for row in csv.DictReader(file)]


def test_a_training_follows_its_schedule_and_validates_its_own_steps(advection, fit, tmp_path) -> None:
    """A model that is not trained has one error per step, so a validation of more steps has a greater loss."""
    still = {"max_steps": 4, "learning_rate": 1e-30, "weight_decay": 0}
    schedule = [{"begin": 0, "steps": 2}, {"begin": 1, "steps": 1}, {"begin": 3, "steps": 3}]
    fit(advection, tmp_path / "long", rollout={"schedule": schedule}, **still)
    fit(advection, tmp_path / "short", rollout={"schedule": schedule, "validation_steps": 1}, **still)
    assert column(tmp_path / "long", "rollout") == ["2", "1", "1", "3"] == column(tmp_path / "short", "rollout")
    long, short = (float(column(tmp_path / name, "validation_loss")[-1]) for name in ("long", "short"))
    assert long > 2 * short


def test_what_is_computed_again_changes_no_bit(advection, fit, tmp_path) -> None:
    plain = fit(advection, tmp_path / "plain", rollout={"start": 3, "maximum": 3}).read_bytes()
    again = fit(advection, tmp_path / "again", rollout={"start": 3, "maximum": 3, "recompute_steps": True}).read_bytes()
    cut = fit(advection, tmp_path / "cut", rollout={"start": 3, "maximum": 3, "detach_every": 1}).read_bytes()
    assert plain == again != cut


# What a forecast of a batch reads, and what of it is compared

NODES, STEPS = 4, 3


class Half(nn.Module):
    """x_{n+1} = x_n / 2 at every node, and as many steps at once as it is told."""

    def __init__(self, count=1) -> None:
        super().__init__()
        self.count = count

    def forward(self, states, forcings):
        return torch.cat([states[:, -1:] / 2**n for n in range(1, self.count + 1)], dim=1)


def batch(missing=False):
    """The state is 8 and the truth 1, 2, 3 at every node, and missing at the first one if asked for."""
    values = torch.tensor([8.0, 1.0, 2.0, 3.0]).view(1, -1, 1, 1).expand(2, -1, NODES, 1).clone()
    if missing:
        values[:, 1:, 0] = torch.nan
    return Batch(values, torch.zeros(2, NODES, 1, dtype=torch.bool), ReadingCost(), (5, 6))


BOUNDARY = torch.tensor([True, False, True, False])


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("members", [1, 2])
def test_the_truth_at_the_boundary_is_what_the_next_step_reads(count, members) -> None:
    how = BatchForecast(Layout(1, 1, 1), MemberForecast(members), boundary=BOUNDARY)
    found = how.run(Half(count), batch(), 0)[..., 0]
    for item in found.flatten(0, 1):
        assert item[:, ~BOUNDARY].T.tolist() == [[4.0, 2.0, 1.0]] * 2
        assert item[:, BOUNDARY].T.tolist() == [[1.0, 2.0, 3.0]] * 2


def test_where_the_truth_at_the_boundary_is_missing_the_forecast_stays() -> None:
    found = BatchForecast(Layout(1, 1, 1), boundary=BOUNDARY).run(Half(), batch(missing=True), 0)
    assert found[0, 0, :, 0, 0].tolist() == [4.0, 2.0, 1.0]
    assert found[0, 0, :, 2, 0].tolist() == [1.0, 2.0, 3.0]


def test_inner_nodes_see_the_truth_beyond_the_boundary(advection, fit, tmp_path) -> None:
    """A model of neighbours: its rollout differs, the first step of it does not."""
    boundary = np.arange(48) % 8 < 2
    marked = advection.graph.nodes["grid"].with_attributes(boundary=boundary)
    area = replace(advection, graph=Graph({**advection.graph.nodes, "grid": marked}, advection.graph.edges))
    for steps, is_same in ((1, True), (3, False)):
        losses = set()
        for which in ("forecast", "truth"):
            run_dir = tmp_path / f"{which}-{steps}"
            fit(area, run_dir, max_steps=1, rollout={"start": steps, "maximum": steps, "boundary": which})
            losses.add(column(run_dir, "training_loss")[0])
        assert (len(losses) == 1) == is_same


@pytest.mark.carries_out("leave `rollout.boundary` out")
def test_one_place_of_the_config_gives_the_boundary(advection, fit, tmp_path) -> None:
    marked = advection.graph.nodes["grid"].with_attributes(boundary=np.arange(48) % 8 < 2)
    model = type(advection.config.model).model_validate(advection.config.model.model_dump() | {"boundary": {}})
    area = replace(
        advection,
        config=advection.config.model_copy(update={"model": model}),
        graph=Graph({**advection.graph.nodes, "grid": marked}, advection.graph.edges),
    )
    with pytest.raises(ConfigError, match=r"`model\.boundary` gives the boundary in training and in forecasts"):
        fit(area, tmp_path / "both", max_steps=1, rollout={"start": 2, "maximum": 2, "boundary": "truth"})
    fit(area, tmp_path / "one", max_steps=1, rollout={"start": 2, "maximum": 2})


def test_a_loss_over_the_last_step_has_a_truth_there_alone() -> None:
    every, last = (BatchForecast(Layout(1, 1, 1), only_last=only).truth(batch()) for only in (False, True))
    assert every[0, :, 0, 0].tolist() == [1.0, 2.0, 3.0]
    assert last[0, :, 0, 0].isnan().tolist() == [True, True, False]
    assert last[:, -1].equal(every[:, -1])


# Noise on the first states


def test_noise_on_the_states_is_that_of_their_sample_and_step() -> None:
    noise = InputNoise(3, torch.tensor([0.5]))
    how = BatchForecast(Layout(1, 1, 1), input_noise=noise)
    found = how.run(Half(), batch(), 7)[:, 0, 0, :, 0]
    for item, sample in zip(found, (5, 6), strict=True):
        drawn = torch.Generator().manual_seed(noise_seed(3, 7, sample, -1))
        expected = (8 + 0.5 * torch.randn(1, NODES, 1, generator=drawn)[0, :, 0]) / 2
        torch.testing.assert_close(item, expected)
    assert not torch.isclose(how.run(Half(), batch(), 8)[:, 0, 0, :, 0], found).any()
    assert how.run(Half(), batch(), None)[0, 0, 0, :, 0].tolist() == [4.0] * NODES


def test_noise_spares_what_was_filled_in_and_has_the_deviation_of_each_variable() -> None:
    states, imputed = torch.zeros(200, 2, 50, 2), torch.zeros(200, 50, 2, dtype=torch.bool)
    imputed[:, :10] = True
    found = InputNoise(0, torch.tensor([1.0, 0.1])).added(states, imputed, 0, range(200))
    assert not found[:, :, :10].any()
    deviation = found[:, :, 10:].std((0, 1, 2))
    assert deviation.tolist() == pytest.approx([1.0, 0.1], rel=0.03)
    assert abs(float(found.mean())) < 0.01


def test_noise_is_in_units_of_the_change_over_a_time_step(advection, fit, tmp_path) -> None:
    """A model that does nothing, on states with noise: each error has the variance of its change, and σ² more."""
    still = {"max_steps": 40, "learning_rate": 1e-30, "weight_decay": 0, "batch_size": 8}

    def loss(name, **more):
        fit(replace(advection), tmp_path / name, **still, **more)
        return np.mean([float(text) for text in column(tmp_path / name, "training_loss")])

    assert loss("noisy", input_noise=2.0) - loss("plain") == pytest.approx(4.0, rel=0.35)
