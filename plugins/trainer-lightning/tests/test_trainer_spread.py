"""Training a model that forecasts normal distributions: what belongs together, metrics, pieces, boundary, resume."""

import csv
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import softplus
from wxml import CombinedLoss, LossChoice, Metric, MetricSpace, Variable
from wxml.data.sample_batch import ReadingCost
from wxml.errors import ConfigError
from wxml.testing import MetricContract, tiny_grid, tiny_loss_space
from wxml_trainer_lightning.accumulation import Accumulation, pieces_of
from wxml_trainer_lightning.bad_step import _place
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Batch
from wxml_trainer_lightning.ensemble import check_spread
from wxml_trainer_lightning.metrics.gaussian import GaussianCrps, GaussianSpread, GaussianSpreadSkill
from wxml_trainer_lightning.metrics.scoring import Scoring


class TestGaussianCrps(MetricContract):
    plugin = GaussianCrps


class TestGaussianSpread(MetricContract):
    plugin = GaussianSpread


class TestGaussianSpreadSkill(MetricContract):
    plugin = GaussianSpreadSkill


def losses(*names: str) -> CombinedLoss:
    return CombinedLoss.of(tiny_loss_space(2), [LossChoice.model_validate({"plugin": name}) for name in names], {})


@pytest.mark.carries_out(
    "choose a loss of normal distributions, such as {plugin: gaussian-crps}, alone or beside others; or leave "
    "`model.spread` out"
)
def test_a_spread_that_no_loss_compares_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no loss compares them.*\(training\.loss\)"):
        check_spread(losses("squared"), has_spread=True)
    check_spread(losses("gaussian-crps"), has_spread=True)
    check_spread(losses("squared", "gaussian-nll"), has_spread=True)
    check_spread(losses("squared"), has_spread=False)


@pytest.mark.carries_out("write `model.spread: {}`, or choose another loss, such as squared")
def test_a_loss_of_a_spread_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the loss 'gaussian-nll' compares.*\(model\.spread\)"):
        check_spread(losses("squared", "gaussian-nll"), has_spread=False)


def test_a_trainer_refuses_the_one_without_the_other(advection, normal, fit, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"model\.spread"):
        fit(advection, tmp_path / "one", loss={"plugin": "gaussian-crps"})
    with pytest.raises(ConfigError, match=r"no loss compares them"):
        fit(normal, tmp_path / "other")


def rows(run_dir) -> dict[tuple[str, str], list[float]]:
    """(metric, variable) → the values of the last validation."""
    found: dict[tuple[str, str], list[float]] = {}
    with (run_dir / "metrics.csv").open() as file:
        for row in csv.DictReader(file):
            found.setdefault((row["metric"], row["variable"]), []).append(float(row["value"]))
    return found


def test_a_training_has_the_spread_among_its_metrics(normal, fit, tmp_path) -> None:
    """In kelvins: √ mean σ² is σ of the model times the deviation of the normalisation."""
    loss = [{"plugin": "gaussian-nll"}, {"plugin": "squared", "share": 0.5}]
    metrics = ["rmse", "gaussian-spread", "gaussian-spread-skill", "gaussian-crps", "crps"]
    options = {"loss": loss, "metrics": metrics, "validation_every": 5, "checkpoint_every": 5}
    fit(normal, tmp_path / "run", max_steps=10, learning_rate=0.02, **options)
    found = rows(tmp_path / "run")
    assert {metric for metric, _ in found} == {"rmse", "gaussian-spread", "gaussian-spread-skill", "gaussian-crps"}
    for name in ("t", "q"):
        spread, error = found["gaussian-spread", name], found["rmse", name]
        assert found["gaussian-spread-skill", name] == pytest.approx(
            [s / e for s, e in zip(spread, error, strict=True)]
        )
        assert spread[-1] < spread[0], "the waves can be forecast nearly without an error"
        assert all(0 < score < s + e for score, s, e in zip(found["gaussian-crps", name], spread, error, strict=True))
    scale = dict(zip(normal.statistics.variables, normal.statistics.std, strict=True))
    assert found["gaussian-spread", "t"][-1] == pytest.approx(scale["t"] * 0.66, rel=0.1)


def test_a_resumed_training_goes_on_with_the_same_numbers(normal, fit, interrupted, tmp_path) -> None:
    options = {"loss": {"plugin": "gaussian-crps"}, "checkpoint_every": 3, "rollout": {"maximum": 2}, "ema": 0.9}
    fit(normal, tmp_path / "whole", **options)
    interrupted(normal, tmp_path / "broken", **options)
    fit(normal, tmp_path / "broken", resume=True, **options)
    whole, broken = ((tmp_path / name / "checkpoint.safetensors").read_bytes() for name in ("whole", "broken"))
    assert whole == broken


# Its parts


def batch(boundary: bool = False) -> Batch:
    values = torch.randn(5, 3, 48, 3, generator=torch.Generator().manual_seed(0))
    return Batch(values, torch.zeros(5, 48, 3, dtype=torch.bool), ReadingCost(), tuple(range(5)))


def forecast(model: torch.nn.Module, of: Batch, **options: Any) -> tuple[torch.Tensor, torch.Tensor]:
    how = BatchForecast(Layout(1, 3, 3), **options)
    return how.run(model, of, None), how.truth(of)


class Scaled(torch.nn.Module):
    """Half the last state, and a deviation that is to be found."""

    def __init__(self) -> None:
        super().__init__()
        self.factor, self.raw = torch.nn.Parameter(torch.tensor(0.5)), torch.nn.Parameter(torch.zeros(3))

    def forward(self, states: torch.Tensor, forcings: torch.Tensor) -> torch.Tensor:
        values = self.factor * states[:, -1:]
        return torch.cat((values, (softplus(self.raw) + 0.1).expand_as(values)), -1)


@pytest.mark.parametrize("names", [["gaussian-nll"], ["gaussian-crps", "squared"], ["gaussian-crps", "rmse"]])
def test_a_step_in_pieces_has_the_gradient_of_the_whole(names) -> None:
    model, loss, whole = Scaled(), losses(*names), batch()

    def sums(piece: Batch) -> Any:
        return loss(*forecast(model, piece))

    torch.autograd.backward(loss.value(sums(whole)))
    expected = [weight.grad.clone() for weight in model.parameters()]
    model.zero_grad()
    of_piece = Accumulation(loss, sums, BatchForecast(Layout(1, 3, 3)).truth, lambda found: found)
    total = of_piece.run(pieces_of(whole, 3), lambda value, _: value.backward())
    assert float(loss.value(total)) == pytest.approx(float(loss.value(sums(whole)).detach()), rel=1e-5)
    for weight, grad in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(weight.grad, grad)


def test_the_boundary_has_its_truth_in_the_means_alone() -> None:
    boundary = torch.arange(48) < 20
    model, of = Scaled(), batch()
    found, truth = forecast(model, of, boundary=boundary)
    assert torch.equal(found[:, 0, :, boundary, :3], truth[:, :, boundary])
    free, _ = forecast(model, of)
    assert torch.equal(found[..., 3:], free[..., 3:])
    assert torch.equal(found[:, 0, 0, ~boundary], free[:, 0, 0, ~boundary])


def test_a_spread_that_is_not_finite_is_named() -> None:
    bad = torch.zeros(5, 48, 6, dtype=torch.bool)
    bad[2, 7, 4] = True
    told = _place(batch(), ("t", "q", "z"), lambda _, place: f"number {place}", bad)
    assert told == "the spread of variable `q`, sample number 2, node 7"


# Metrics


def space(members: int = 1) -> MetricSpace:
    grid, variables = tiny_grid(), (Variable("t", units="K"), Variable("q", units="g kg-1"))
    return MetricSpace(variables, grid, {"all": grid.area_weights}, np.timedelta64(6, "h"), members, dict)


def value(metric: Metric, mean: float, deviation: float, truth: list[float]) -> float:
    statistics = metric.statistics(
        np.reshape([mean, deviation], (2, 1, 1, 1)) * np.ones((1, len(truth), 1)), np.reshape(truth, (1, -1, 1))
    )
    return float(metric.value(statistics.mean(axis=2, keepdims=True))[0, 0, 0])


def test_spread_and_skill_by_hand() -> None:
    """σ = 2, errors 1 and −3: spread 2, error √5."""
    assert value(GaussianSpread(space()), 4.0, 2.0, [3.0, 7.0]) == 2.0
    assert value(GaussianSpreadSkill(space()), 4.0, 2.0, [3.0, 7.0]) == pytest.approx(2 / np.sqrt(5))


@given(st.floats(-5, 5), st.floats(0.1, 5), st.floats(-5, 5))
def test_the_crps_is_the_integral_of_its_definition(mean, deviation, truth) -> None:
    """∫ (F(x) − 1[x ≥ o])² dx, by the trapezoidal rule."""
    x = np.linspace(-50, 50, 200_001)
    below = torch.special.ndtr(torch.from_numpy((x - mean) / deviation)).numpy()
    expected = np.trapezoid((below - (x >= truth)) ** 2, x)
    assert value(GaussianCrps(space()), mean, deviation, [truth]) == pytest.approx(expected, abs=1e-3)


def test_a_batch_of_normal_distributions_in_physical_units() -> None:
    """x = 2 m + 3, so that a deviation is twice as large; a missing truth counts nowhere, whatever σ is there."""
    members = {"gaussian-spread": GaussianSpread(space()), "gaussian-crps": GaussianCrps(space())}
    scoring = Scoring(members, space(), lambda values: 2 * values + 3, 2, 1)
    forecast = np.zeros((1, 1, 1, 48, 4), np.float32)
    forecast[..., 2:] = [0.5, 4.0]
    truth = np.zeros((1, 1, 48, 2), np.float32)
    truth[..., :5, 1] = np.nan
    forecast[..., :5, 3] = 0.0
    scoring.add(forecast, truth, np.zeros((1, 48, 2), np.float32))
    found = {(score.metric, score.variable): score.value for score in scoring.end()}
    at_mean = (np.sqrt(2) - 1) / np.sqrt(np.pi)
    for name, deviation in (("t", 1.0), ("q", 8.0)):
        assert found["gaussian-spread", name] == pytest.approx(deviation)
        assert found["gaussian-crps", name] == pytest.approx(deviation * at_mean)


def test_several_members_make_one_distribution() -> None:
    """The means −1 and 3 with σ = 1 and 2: the variance is (1 + 4) / 2 + 4."""
    scoring = Scoring({"gaussian-spread": GaussianSpread(space(2))}, space(2), lambda values: values, 2, 1)
    forecast = np.zeros((1, 2, 1, 48, 4), np.float32)
    forecast[:, 0], forecast[:, 1] = [-1, -1, 1, 1], [3, 3, 2, 2]
    scoring.add(forecast, np.zeros((1, 1, 48, 2), np.float32), np.zeros((1, 48, 2), np.float32))
    assert [score.value for score in scoring.end()] == pytest.approx([np.sqrt(6.5)] * 2)
