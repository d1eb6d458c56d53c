"""The contract of losses: good ones pass, each broken one is found out."""

import pytest
import torch
from wxml import LossSums, PointwiseLoss, SpreadLoss
from wxml.testing import LossContract


class Absolute(PointwiseLoss):
    degree = 1

    def errors(self, forecast, truth):
        return (forecast.squeeze(1) - truth).abs()


class Ensemble(PointwiseLoss):
    """The absolute error of the members, less half their mean distance from each other."""

    takes_members = True

    def errors(self, forecast, truth):
        apart = (forecast[:, :, None] - forecast[:, None]).abs().mean((1, 2))
        return (forecast - truth[:, None]).abs().mean(1) - apart / 2


class Likelihood(SpreadLoss):
    """Without a constant, in which another unit adds its logarithm."""

    degree = 0

    def errors(self, mean, deviation, truth):
        return deviation.log() + ((truth - mean) / deviation).square() / 2


class TestLikelihood(LossContract):
    plugin = Likelihood


class TestAbsolute(LossContract):
    plugin = Absolute


class TestEnsemble(LossContract):
    plugin = Ensemble


class Unreduced(Absolute):
    def reduced(self, errors, present):
        return LossSums(errors, present.float())


class OverBatch(Absolute):
    def errors(self, forecast, truth):
        return super().errors(forecast, truth) / len(forecast)


class AddsOne(Absolute):
    def value(self, sums):
        return super().value(sums) + 1


class Naive(Absolute):
    def forward(self, forecast, truth):
        errors = (forecast[:, 0] - truth).square().sqrt()
        return LossSums(errors.nansum((0, 1, 2)), truth.isnan().logical_not().sum((0, 1, 2)).float())


class ZeroForMissing(Absolute):
    def forward(self, forecast, truth):
        return super().forward(forecast, truth.nan_to_num())


class AllSteps(Absolute):
    def errors(self, forecast, truth):
        late = super().errors(forecast, truth)[:, 1:].mean(1, keepdim=True)
        return super().errors(forecast, truth) + late


class Backwards(Absolute):
    def errors(self, forecast, truth):
        return -super().errors(forecast, truth)


class WrongGradient(Absolute):
    def errors(self, forecast, truth):
        error = super().errors(forecast, truth)
        return error.detach() + 2 * (error - error.detach())


class Half(Absolute):
    def forward(self, forecast, truth):
        return super().forward(forecast, truth.to(forecast.dtype))

    def reduced(self, errors, present):
        sums = super().reduced(errors, present)
        return LossSums(sums.total.to(errors.dtype), sums.weight)


class InPlace(Absolute):
    def forward(self, forecast, truth):
        sums = super().forward(forecast, truth)
        truth.add_(1)
        return sums


class FirstMember(Ensemble):
    def errors(self, forecast, truth):
        return super().errors(forecast, truth) + 0.1 * (forecast[:, 0] - truth).abs()


class OtherUnit(Absolute):
    degree = 2


class OtherUnitOfSpread(Likelihood):
    degree = 1


class NoUnit(Absolute):
    degree = 0


class LogOfNothing(Likelihood):
    def forward(self, forecast, truth):
        mean, deviation = forecast.unbind(1)
        return self.reduced(self.errors(mean, deviation, truth).nan_to_num(), ~truth.isnan())


class Weightless(Absolute):
    def reduced(self, errors, present):
        return LossSums((errors * present).sum((0, 1, 2)), present.sum((0, 1, 2)).float())


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Unreduced, "sums_have_a_number_for_each_term", r"sums must have shape \[term\], got"),
        (OverBatch, "a_batch_is_the_sum_of_its_samples", "`total` is .* off, the largest is"),
        (AddsOne, "no_truth_is_no_loss", "without any truth the loss is 1, must be 0"),
        (Naive, "a_missing_truth_touches_nothing", "gradient.* not finite"),
        (ZeroForMissing, "a_missing_truth_touches_nothing", "has a gradient where the truth is missing"),
        (AllSteps, "every_number_of_steps", "of 1 steps the loss is not finite"),
        (Backwards, "the_truth_is_the_best_forecast", "the loss of the truth is .*, of a forecast ten"),
        (WrongGradient, "gradients_are_those_of_the_value", "Jacobian mismatch"),
        (Half, "half_precision_is_summed_in_single", "forecasts in bfloat16 give sums in torch.bfloat16"),
        (InPlace, "inputs_are_not_modified", "the loss changed the truth in place"),
        (FirstMember, "members_have_no_order", "members in another order have another loss"),
        (OtherUnit, "another_unit_is_weighed_off", "with `degree` 2 a variable counts otherwise in another unit"),
        (OtherUnitOfSpread, "another_unit_is_weighed_off", "with `degree` 1 a variable counts otherwise"),
        (NoUnit, "another_unit_is_weighed_off", "with `degree` 0 a variable counts otherwise"),
        (LogOfNothing, "a_missing_truth_touches_nothing", "gradient.* not finite"),
        (Weightless, "weights_weigh", "a variable with the factor 0 has a gradient"),
    ],
)
def test_a_broken_loss_is_found_out(find_out, plugin, check, message) -> None:
    find_out(LossContract, plugin, check, message)


def test_terms_without_truth_do_not_count() -> None:
    """The mean over terms is over those that have any truth, and two sums add up."""
    loss = TestAbsolute().sample()
    sums = LossSums(torch.tensor([2.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 1.0]))
    assert float(loss.value(sums)) == 1.5
    assert float(loss.value(sums + LossSums(torch.zeros(3), torch.ones(3)))) == pytest.approx((1 + 0 + 0.5) / 3)
