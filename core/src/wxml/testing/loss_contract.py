"""The contract of losses, as tests."""

__all__ = ["LossContract"]

import unittest
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from wxml.plugins.create import parse_options
from wxml.testing.contract import Contract, NotClaimed, require
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml.training.loss import Loss, LossSums
from wxml.training.loss_space import LossSpace
from wxml.training.loss_weight import LossWeights

CLOSE = 1e-5
"""Relative; float32 keeps 6e-8, and a loss adds some thousand values."""
COARSE = 0.05
"""Relative, for forecasts in bfloat16, which keeps 4e-3."""
UNITS = 1e-2
"""Relative, for values in other units, beside which a floor of a loss may be another one."""
Values = tuple[Tensor, Tensor]


class LossContract(Contract):
    """Checks of a Loss, on three variables, of which one has gaps in the truth, and two samples of three steps.

    A loss that takes members is given three, one that takes a spread a mean and a standard deviation, any other one.
    """

    interface: ClassVar[type[Any]] = Loss
    batch: ClassVar[int] = 2
    steps: ClassVar[int] = 3

    def space(self) -> LossSpace:
        """Return the space of the checks: 6 × 8 nodes around the globe; override it for a loss that refuses these."""
        return tiny_loss_space(self.steps, 3 if self.plugin.takes_members else 1)

    def weights(self, space: LossSpace) -> LossWeights:
        """Return the weights that the loss is given, along the axes that it can use: areas, a factor by variable."""
        factors = np.linspace(1.0, 0.5, len(space.variables))
        return LossWeights((space.area[None, :, None],), (factors[None, None],)).along(self.plugin.weighs)

    def sample(self) -> Any:
        """Make a loss for `space()` with `weights()`."""
        space = self.space()
        return self.make(space, self.weights(space))

    def rehearse(self) -> None:
        """Compare once."""
        loss = self.sample()
        loss.value(loss(*self._values()))

    def test_sums_have_a_number_for_each_term(self) -> None:
        """`forward` gives two finite rows of one length, the weights not negative; `value` gives one finite number."""
        loss = self.sample()
        sums = loss(*self._values())
        require(isinstance(sums, LossSums), f"`forward` must return LossSums, got {type(sums).__name__}")
        found = tuple(sums.total.shape), tuple(sums.weight.shape)
        require(found[0] == found[1] and len(found[0]) == 1, f"sums must have shape [term], got {found}")
        require(sums.total.isfinite().all() and sums.weight.isfinite().all(), "sums are not finite")
        require((sums.weight >= 0).all(), f"a sum of weights is negative: {sums.weight.tolist()}")
        require(not sums.weight.requires_grad, "the sums of weights depend on the forecast")
        value = loss.value(sums)
        require(value.ndim == 0 and value.isfinite(), f"`value` must be one finite number, got {value}")

    def test_a_batch_is_the_sum_of_its_samples(self) -> None:
        """The sums of a batch are those of its samples, added up: the loss is the same however samples are divided."""
        loss, (forecast, truth) = self.sample(), self._values()
        whole = loss(forecast, truth)
        parts = loss(forecast[:1], truth[:1]) + loss(forecast[1:], truth[1:])
        _require_close(parts, whole, "the sums of a batch are not the sums of its samples, added up")

    def test_no_truth_is_no_loss(self) -> None:
        """If no truth is there, the loss and all gradients are 0."""
        forecast, truth = self._values()
        value, gradient = _graded(self.sample(), forecast, torch.full_like(truth, torch.nan))
        require(value == 0, f"without any truth the loss is {value:.3g}, must be 0")
        require((gradient == 0).all(), "without any truth the gradient is not 0")

    def test_a_missing_truth_touches_nothing(self) -> None:
        """Where the truth is NaN, the forecast may be anything: the loss stays the same, the gradient is 0 there."""
        loss, (forecast, truth) = self.sample(), self._values()
        value, gradient = _graded(loss, forecast, truth)
        gap = truth.isnan()[:, None].expand_as(forecast)
        require(gradient.isfinite().all(), "a missing truth makes gradients that are not finite")
        require((gradient[gap] == 0).all(), "the forecast has a gradient where the truth is missing")
        other = _graded(loss, torch.where(gap, forecast + 1000, forecast), truth)[0]
        require(abs(other - value) <= CLOSE * abs(value), "the forecast changes the loss where the truth is missing")

    def test_every_number_of_steps(self) -> None:
        """The loss compares fewer steps than the greatest number, too, down to one."""
        loss, (forecast, truth) = self.sample(), self._values()
        for steps in range(1, self.steps + 1):
            value, gradient = _graded(loss, forecast[:, :, :steps], truth[:, :steps])
            require(np.isfinite(value) and gradient.isfinite().all(), f"of {steps} steps the loss is not finite")

    def test_the_truth_is_the_best_forecast(self) -> None:
        """A forecast that is the truth has no greater loss than one that is far off at each place."""
        loss, (forecast, _) = self.sample(), self._values()
        truth = _noise(*forecast[:, 0].shape, seed=2)
        perfect, apart = truth[:, None].expand_as(forecast), 10 * _noise(*truth.shape, seed=3)[:, None]
        far = perfect + apart
        if loss.takes_spread:
            perfect, far = (torch.cat((mean[:, :1], forecast[:, 1:]), 1) for mean in (perfect, far))
        best, other = (float(loss.value(loss(made, truth))) for made in (perfect, far))
        require(best <= other, f"the loss of the truth is {best:.3g}, of a forecast ten deviations off {other:.3g}")

    def test_gradients_are_those_of_the_value(self) -> None:
        """In float64, the gradient is that of finite differences."""
        loss, (forecast, truth) = self.sample().double(), self._values()
        double = forecast.double().requires_grad_()
        total = loss(double, truth.double()).total
        require(total.dtype == torch.float64, f"forecasts in float64 give sums in {total.dtype}")

        def value(made: Tensor) -> Tensor:
            found: Tensor = loss.value(loss(made, truth.double()))
            return found

        torch.autograd.gradcheck(value, (double,), atol=1e-8, fast_mode=True)

    def test_half_precision_is_summed_in_single(self) -> None:
        """Forecasts in bfloat16 give float32 sums near to those of float32, also within autocast."""
        loss, (forecast, truth) = self.sample(), self._values()
        half = forecast.bfloat16()
        expected, found = loss(half.float(), truth), loss(half, truth)
        require(found.total.dtype == torch.float32, f"forecasts in bfloat16 give sums in {found.total.dtype}")
        _require_close(found, expected, "bfloat16 has other sums than the same numbers in float32", COARSE)
        with torch.autocast("cpu", torch.bfloat16):
            cast = loss(half, truth)
        require(cast.total.dtype == torch.float32, f"within autocast the sums are {cast.total.dtype}")
        _require_close(cast, expected, "within autocast the sums differ", COARSE)

    def test_inputs_are_not_modified(self) -> None:
        """Neither the forecast nor the truth is changed, and the same values give the same bits again."""
        loss, values = self.sample(), self._values()
        kept = [value.clone() for value in values]
        first, second = loss(*values).total, loss(*values).total
        for name, before, after in zip(("forecast", "truth"), kept, values, strict=True):
            require(torch.equal(before.nan_to_num(7), after.nan_to_num(7)), f"the loss changed the {name} in place")
        require(torch.equal(first, second), "the same values give other sums the second time")

    def test_members_have_no_order(self) -> None:
        """Members in another order have the same sums, and their gradients in that order."""
        loss, (forecast, truth) = self.sample(), self._values()
        if not loss.takes_members:
            raise NotClaimed("it compares one forecast: `takes_members` is not set")
        order = [2, 0, 1]
        (value, gradient), (other, turned) = (_graded(loss, f, truth) for f in (forecast, forecast[:, order]))
        require(abs(value - other) <= CLOSE * max(abs(value), CLOSE), "members in another order have another loss")
        off = float((gradient[:, order] - turned).abs().max())
        require(off <= CLOSE * float(gradient.abs().max()), "members in another order have other gradients")

    def test_weights_weigh(self) -> None:
        """A variable with the factor 0 has no gradient, and all variables with the factor 0 have no loss."""
        if "variable" not in self.plugin.weighs:
            raise NotClaimed("`weighs` has no `variable`")
        space, (forecast, truth) = self.space(), self._values()
        for without in (slice(0, 1), slice(None)):
            factor = np.ones((1, 1, len(space.variables)))
            factor[..., without] = 0.0
            value, gradient = _graded(self.make(space, LossWeights((), (factor,))), forecast, truth)
            require((gradient[..., without] == 0).all(), "a variable with the factor 0 has a gradient")
        require(value == 0, f"the loss is {value:.3g} if each variable has the factor 0")

    def test_another_unit_is_weighed_off(self) -> None:
        """A variable in another unit has the same sums, if its factor is the unit to the power −`degree_of`.

        Those of a loss of degree 0 may differ by a constant, the logarithm of the unit: they do so alike for a forecast
        and for one that is far off.
        """
        if "variable" not in self.plugin.weighs:
            raise NotClaimed("`weighs` has no `variable`")
        degree = self.plugin.degree_of(parse_options(self.plugin, self.options))
        if degree is None:
            raise NotClaimed("`degree` is None: the loss is in no power of a unit")
        space, (forecast, truth) = self.space(), self._values()
        units = np.array([4.0, 0.25, 2.0])[None, None]
        area = LossWeights((space.area[None, :, None],), (np.ones(units.shape),)).along(self.plugin.weighs)
        scale = torch.tensor(units.ravel(), dtype=torch.float32)
        here, there = self.make(space, area), self.make(space, LossWeights(area.measures, (units**-degree,)))

        def differ(made: Tensor) -> tuple[LossSums, LossSums]:
            return there(made * scale, truth * scale), here(made, truth)

        found, expected = differ(forecast)
        if degree == 0:
            far, expected_far = differ(torch.cat((3 * forecast[:, :1] + 1, forecast[:, 1:]), 1))
            found = LossSums(far.total - found.total, found.weight)
            expected = LossSums(expected_far.total - expected.total, expected.weight)
        _require_close(found, expected, f"with `degree` {degree:g} a variable counts otherwise in another unit", UNITS)

    def test_it_runs_on_a_gpu(self) -> None:
        """On a GPU the sums are there, and near to those of the CPU."""
        if not torch.cuda.is_available():
            raise unittest.SkipTest("no GPU")
        loss, values = self.sample(), self._values()
        expected, found = loss(*values), loss.cuda()(*(value.cuda() for value in values))
        require(found.total.is_cuda and found.weight.is_cuda, "the sums have left the GPU")
        _require_close(LossSums(found.total.cpu(), found.weight.cpu()), expected, "the GPU has other sums", 1e-4)

    def _values(self) -> Values:
        """Draw forecasts and truth; some of the last variable is missing, and all of one sample at the first step."""
        loss, space = self.sample(), self.space()
        members = 3 if loss.takes_members else 2 if loss.takes_spread else 1
        places = (self.steps, len(space.grid), len(space.variables))
        truth = _noise(self.batch, *places, seed=1)
        truth[:, 1:, ::5, -1] = torch.nan
        truth[0, 0, :, -1] = torch.nan
        forecast = _noise(self.batch, members, *places)
        if loss.takes_spread:
            forecast[:, 1] = forecast[:, 1].exp()
        return forecast, truth


def _noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def _graded(loss: Any, forecast: Tensor, truth: Tensor) -> tuple[float, Tensor]:
    """The loss, and its gradient with respect to the forecast, 0 if there is none."""
    made = forecast.clone().requires_grad_()
    value = loss.value(loss(made, truth))
    if not value.requires_grad:
        return float(value.detach()), torch.zeros_like(made)
    (gradient,) = torch.autograd.grad(value, made, materialize_grads=True)
    return float(value.detach()), gradient


def _require_close(found: LossSums, expected: LossSums, message: str, tolerance: float = CLOSE) -> None:
    for name in ("total", "weight"):
        ours, theirs = (getattr(sums, name).detach() for sums in (found, expected))
        off, scale = float((ours - theirs).abs().max()), float(theirs.abs().max())
        require(off <= tolerance * scale, f"{message}: `{name}` is {off:.3g} off, the largest is {scale:.3g}")
