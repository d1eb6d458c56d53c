"""What every part of its kind must do, and what these do in numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from acme_training.diary import Diary
from acme_training.quantile import Quantile
from acme_training.student import Student
from acme_training.surface import Surface
from acme_training.within import Within
from wxml import Grid, LossWeights, MetricSpace, Validated, Variable
from wxml.testing import CallbackContract, LossContract, LossWeightContract, MetricContract, tiny_loss_space


class TestQuantile(LossContract):
    plugin = Quantile


class TestStudent(LossContract):
    plugin = Student


class TestSurface(LossWeightContract):
    plugin = Surface


class TestWithin(MetricContract):
    plugin = Within


class TestDiary(CallbackContract):
    plugin = Diary


def loss_of(forecast: torch.Tensor, truth: torch.Tensor, **options: Any) -> float:
    loss = Quantile(tiny_loss_space(1), LossWeights(), **options)
    return float(loss.value(loss(forecast, truth)))


@pytest.mark.parametrize(("error", "expected"), [(-2.0, 1.8), (2.0, 0.2)])
def test_too_low_costs_nine_times_as_much_as_too_high(error: float, expected: float) -> None:
    truth = torch.zeros(1, 1, 48, 3)
    assert loss_of(truth[:, None] + error, truth) == pytest.approx(expected)


def test_the_best_constant_is_the_quantile() -> None:
    """Of outcomes 1 … 99 the 0.8-quantile, 80 of 99 below or at it, has the least loss."""
    truth = torch.arange(1.0, 100.0)[:, None, None, None].expand(-1, 1, 48, 3)
    losses = {
        guess: loss_of(torch.full((99, 1, 1, 48, 3), float(guess)), truth, quantile=0.8) for guess in range(1, 100)
    }
    assert min(losses, key=losses.__getitem__) == 80


def test_the_likelihood_of_heavy_tails_is_that_of_torch() -> None:
    """The distribution has the mean 1 and the standard deviation 2."""
    mean, deviation, truth = (torch.full((1, 1, 48, 3), value).double() for value in (1.0, 2.0, 7.0))
    torch_says = torch.distributions.StudentT(5.0, mean, 2 * 0.6**0.5)
    assert torch_says.stddev.flatten()[0] == pytest.approx(2.0)
    loss = Student(tiny_loss_space(1), LossWeights())
    torch.testing.assert_close(loss.errors(mean, deviation, truth), -torch_says.log_prob(truth))  # type: ignore[no-untyped-call]


def test_the_sea_counts_a_quarter_and_a_shore_between() -> None:
    land = np.linspace(0.0, 1.0, 48)
    space = replace(tiny_loss_space(), field=lambda _: land.astype(np.float32))
    factor = Surface(space).factor()
    assert factor.shape == (1, 48, 1)
    np.testing.assert_allclose(factor[0, [0, -1], 0], [0.25, 1.0])
    np.testing.assert_allclose(factor[0, :, 0], 0.25 + 0.75 * land, rtol=1e-6)


def test_half_of_the_nodes_are_within_two_kelvin() -> None:
    grid = Grid.unstructured([0.0, 0.0], [0.0, 180.0])
    space = MetricSpace(
        (Variable("t", units="K"),),
        grid,
        {"all": grid.area_weights},
        np.timedelta64(6, "h"),
        1,
        lambda: np.zeros((2, 1)),
    )
    near = Within(space).statistics(np.array([[[[282.0], [282.1]]]]), np.full((1, 2, 1), 280.0))
    assert near.tolist() == [[[[1.0], [0.0]]]]


class View:
    """As much of a training as the diary looks at."""

    def __init__(self, run_dir: Path | None, *losses: float) -> None:
        self.run_dir = run_dir
        self.validations = [Validated(10 * n, {"validation_loss": loss}) for n, loss in enumerate(losses, 1)]


def test_the_diary_has_a_line_for_each_validation(tmp_path: Path) -> None:
    diary = Diary()
    for count in (1, 2, 3):
        diary.on_validation(View(tmp_path, *[3.0, 2.5, 2.75][:count]))  # type: ignore[arg-type]
    expected = "step 10: 3\nstep 20: 2.5, 0.5 better than ever\nstep 30: 2.75\n"
    assert (tmp_path / "diary.txt").read_text() == expected


def test_the_diary_of_a_resumed_training_goes_on(tmp_path: Path) -> None:
    """Another diary that sees all validations writes the same as one that was there from the beginning."""
    Diary().on_validation(View(tmp_path, 3.0))  # type: ignore[arg-type]
    Diary().on_validation(View(tmp_path, 3.0, 1.0))  # type: ignore[arg-type]
    assert (tmp_path / "diary.txt").read_text() == "step 10: 3\nstep 20: 1, 2 better than ever\n"


def test_the_diary_writes_nothing_in_other_processes() -> None:
    Diary().on_validation(View(None, 3.0))  # type: ignore[arg-type]
