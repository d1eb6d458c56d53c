"""The contract of optimizers: good ones pass, each broken one fails the check of its fault and no other."""

import pytest
import torch
from torch.optim import SGD, AdamW
from wxml import Optimizer, OptimizerMoment, WeightGroup
from wxml.testing import OptimizerContract

MOMENTS = (
    OptimizerMoment("step", is_count=True),
    OptimizerMoment("exp_avg"),
    OptimizerMoment("exp_avg_sq", is_never_negative=True),
)


class Plain(Optimizer):
    """Gradient descent with a momentum."""

    rule = SGD

    def make(self, groups, steps):
        return self.rule([group.to_dict() for group in groups], momentum=0.9)

    def moments(self, *, of_matrix):
        return (OptimizerMoment("momentum_buffer"),)


class Adam(Optimizer):
    rule = AdamW

    def make(self, groups, steps):
        return self.rule([group.to_dict() for group in groups])

    def moments(self, *, of_matrix):
        return MOMENTS


class TestPlain(OptimizerContract):
    plugin = Plain


class TestAdam(OptimizerContract):
    plugin = Adam


class NoOptimizer(Plain):
    class rule:  # noqa: N801
        """Has all that is asked of it but the base class."""

        def __init__(self, *arguments, **named) -> None:
            self.inner = SGD(*arguments, **named)

        def __getattr__(self, name):
            return getattr(self.inner, name)


class Merges(Plain):
    """Has one group, in which a weight that has no decay is told by its shape."""

    class rule(SGD):  # noqa: N801
        @torch.no_grad()
        def step(self, closure=None):
            vectors = [w for w in self.param_groups[0]["params"] if w.ndim == 1 and w.grad is not None]
            before = [(weight, weight.clone()) for weight in vectors]
            super().step(closure)
            for weight, old in before:
                weight.add_(old, alpha=0.1 * self.param_groups[0]["lr"])

    def make(self, groups, steps):
        weights = tuple(weight for group in groups for weight in group.weights)
        return super().make([WeightGroup(weights, True, groups[0].weight_decay)], steps)


class OtherDecay(Plain):
    def make(self, groups, steps):
        changed = [WeightGroup(group.weights, group.are_matrices, 2 * group.weight_decay) for group in groups]
        return super().make(changed, steps)


class Uphill(Plain):
    class rule(SGD):  # noqa: N801
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.grad.neg_()
            super().step(closure)


class Untold(Adam):
    def moments(self, *, of_matrix):
        return MOMENTS[:2]


class Counted(Adam):
    """Says that each value has a count of its own."""

    def moments(self, *, of_matrix):
        return (OptimizerMoment("step"), *MOMENTS[1:])


class Negative(Adam):
    def moments(self, *, of_matrix):
        return (*MOMENTS[:1], OptimizerMoment("exp_avg", is_never_negative=True), *MOMENTS[2:])


class Forgets(Plain):
    """Moves less and less, by a count of its own."""

    class rule(SGD):  # noqa: N801
        count = 0

        def step(self, closure=None):
            self.count += 1
            rates = [group["lr"] for group in self.param_groups]
            for group in self.param_groups:
                group["lr"] /= self.count
            super().step(closure)
            for group, rate in zip(self.param_groups, rates, strict=True):
                group["lr"] = rate


class Restless(Plain):
    """Its decay does not follow the learning rate."""

    class rule(SGD):  # noqa: N801
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.mul_(1 - 1e-4 * group["weight_decay"])
            super().step(closure)


class Zeroes(Plain):
    """Takes zero for a gradient that is not there."""

    class rule(SGD):  # noqa: N801
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is None:
                        weight.grad = torch.zeros_like(weight)
            super().step(closure)


class Undecayed(Plain):
    class rule(SGD):  # noqa: N801
        def step(self, closure=None):
            decays = [group["weight_decay"] for group in self.param_groups]
            for group in self.param_groups:
                group["weight_decay"] = 0
            super().step(closure)
            for group, decay in zip(self.param_groups, decays, strict=True):
                group["weight_decay"] = decay


class AllDecay(Undecayed):
    class rule(SGD):  # noqa: N801
        @torch.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.mul_(1 - 0.1 * group["lr"])
            super().step(closure)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (NoOptimizer, "every_weight_is_in_one_group", "`make` must return a torch.optim.Optimizer"),
        (Merges, "every_weight_is_in_one_group", "a group of the optimizer holds weights of two groups"),
        (OtherDecay, "every_weight_is_in_one_group", "a group has the decay 0.2, must have 0.1"),
        (Uphill, "the_loss_falls", "after 50 steps the error is"),
        (Untold, "moments_are_those_it_tells", r"the state has \['exp_avg', 'exp_avg_sq', 'step'\], `moments` tells"),
        (Counted, "moments_are_those_it_tells", "the moment `step` has type and shape"),
        (Negative, "moments_are_those_it_tells", "the moment `exp_avg` has a negative value"),
        (Forgets, "a_state_goes_on_bit_by_bit", "the optimizer goes on in another way: keep all in `state`"),
        (Restless, "without_a_learning_rate_nothing_moves", "weights moved though `lr` was 0"),
        (Zeroes, "a_weight_without_a_gradient_stays", "a weight without a gradient was moved"),
        (Undecayed, "decay_shrinks_its_own_weights", "a weight with a decay does not shrink"),
        (AllDecay, "decay_shrinks_its_own_weights", "a weight without a decay moves where its gradient is zero"),
    ],
)
def test_a_broken_optimizer_is_found_out(fails_alone, plugin, check, message) -> None:
    fails_alone(OptimizerContract, plugin, check, message)


class Half(Plain):
    def make(self, groups, steps):
        return super().make(groups[:1], steps)


def test_a_weight_that_is_forgotten_is_missed(find_out) -> None:
    """Nothing moves it, so that a check of its decay could not fail."""
    find_out(OptimizerContract, Half, "every_weight_is_in_one_group", "weights are missing or doubled")
