"""The contract of optimizers, as tests."""

__all__ = ["OptimizerContract"]

from copy import deepcopy
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from wxml.testing.contract import Contract, require
from wxml.training.optimizer import Optimizer, WeightGroup

RATE, STEPS = 1e-2, 1000
DECAYS = (0.1, 0.0)


def tiny_groups(network: nn.Sequential) -> list[WeightGroup]:
    """Make groups of the weights of a network: its matrices, which decay, and its vectors, which do not."""
    weights = list(network.parameters())
    matrices, vectors = ([one for one in weights if (one.ndim > 1) is is_matrix] for is_matrix in (True, False))
    return [WeightGroup(tuple(matrices), True, DECAYS[0]), WeightGroup(tuple(vectors), False, DECAYS[1])]


class OptimizerContract(Contract):
    """Checks of an Optimizer, on a network of two linear layers and a layer norm, with the learning rate 0.01."""

    interface: ClassVar[type[Any]] = Optimizer

    def sample(self) -> Any:
        """Make an optimizer; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Make one step."""
        network = _network()
        self._steps(network, self._optimizer(network), 1)

    def test_every_weight_is_in_one_group(self) -> None:
        """The optimizer has all weights, each once, each with the decay of its group, and no group mixes two."""
        network = _network()
        groups = tiny_groups(network)
        optimizer = self.sample().make(groups, STEPS)
        require(isinstance(optimizer, torch.optim.Optimizer), "`make` must return a torch.optim.Optimizer")
        held = [id(weight) for group in optimizer.param_groups for weight in group["params"]]
        require(sorted(held) == sorted(id(weight) for weight in network.parameters()), "weights are missing or doubled")
        where = {id(weight): number for number, group in enumerate(groups) for weight in group.weights}
        for group in optimizer.param_groups:
            numbers = {where[id(weight)] for weight in group["params"]}
            require(len(numbers) <= 1, "a group of the optimizer holds weights of two groups")
            for number in numbers:
                found = group["weight_decay"]
                require(found == DECAYS[number], f"a group has the decay {found}, must have {DECAYS[number]}")

    def test_the_loss_falls(self) -> None:
        """Fifty steps make the squared error of a small network smaller."""
        network = _network()
        before = _loss(network, 0).item()
        self._steps(network, self._optimizer(network), 50)
        after = _loss(network, 0).item()
        require(after < before, f"after 50 steps the error is {after:.4g}, it was {before:.4g}")

    def test_moments_are_those_it_tells(self) -> None:
        """After two steps the state of each weight has the moments that `moments` tells, of their shapes and types."""
        network, sample = _network(), self.sample()
        optimizer = sample.make(tiny_groups(network), STEPS)
        self._steps(network, optimizer, 2)
        for weight in network.parameters():
            told = {moment.name: moment for moment in sample.moments(of_matrix=weight.ndim > 1)}
            found = optimizer.state.get(weight, {})
            require(set(found) == set(told), f"the state has {sorted(found)}, `moments` tells {sorted(told)}")
            for name, value in found.items():
                self._check_moment(name, value, torch.zeros(()) if told[name].is_count else weight)
                negative = told[name].is_never_negative and bool((value < 0).any())
                require(not negative, f"the moment `{name}` has a negative value")

    def test_a_state_goes_on_bit_by_bit(self) -> None:
        """Six steps in one go move weights as three do, and three of a new optimizer with the state of the first."""
        whole, broken = _network(), _network()
        self._steps(whole, self._optimizer(whole), 6)
        first = self._optimizer(broken)
        self._steps(broken, first, 3)
        second = self._optimizer(broken)
        groups = second.state_dict()["param_groups"]
        second.load_state_dict({"state": deepcopy(first.state_dict()["state"]), "param_groups": groups})
        self._steps(broken, second, 3, first=3)
        same = all(map(torch.equal, whole.parameters(), broken.parameters()))
        require(same, "with the tensors of its state alone the optimizer goes on in another way: keep all in `state`")

    def test_without_a_learning_rate_nothing_moves(self) -> None:
        """A step with `lr` 0 leaves every weight as it is."""
        network = _network()
        before = deepcopy(list(network.parameters()))
        self._steps(network, self._optimizer(network), 2, rate=0.0)
        require(all(map(torch.equal, before, network.parameters())), "weights moved though `lr` was 0")

    def test_a_weight_without_a_gradient_stays(self) -> None:
        """A weight whose gradient is None is not moved and has no state."""
        network = _network()
        optimizer = self._optimizer(network)
        idle = next(network.parameters())
        before = idle.detach().clone()
        _loss(network, 0).backward()  # type: ignore[no-untyped-call]
        idle.grad = None
        self._set_rate(optimizer, RATE)
        optimizer.step()
        require(torch.equal(idle, before), "a weight without a gradient was moved")
        require(not optimizer.state.get(idle), "a weight without a gradient has a state")

    def test_decay_shrinks_its_own_weights(self) -> None:
        """Where every gradient is zero, weights with a decay shrink, and the others stay."""
        network = _network()
        before = [weight.detach().clone() for weight in network.parameters()]
        optimizer = self._optimizer(network)
        self._set_rate(optimizer, RATE)
        for weight in network.parameters():
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        for old, new in zip(before, network.parameters(), strict=True):
            if new.ndim > 1:
                require(new.detach().norm().item() < old.norm().item(), "a weight with a decay does not shrink")
            else:
                require(torch.equal(old, new), "a weight without a decay moves where its gradient is zero")

    def _optimizer(self, network: nn.Sequential) -> torch.optim.Optimizer:
        optimizer: torch.optim.Optimizer = self.sample().make(tiny_groups(network), STEPS)
        return optimizer

    def _steps(
        self, network: nn.Sequential, optimizer: torch.optim.Optimizer, count: int, first: int = 0, rate: float = RATE
    ) -> None:
        self._set_rate(optimizer, rate)
        for number in range(first, first + count):
            optimizer.zero_grad()
            _loss(network, number).backward()  # type: ignore[no-untyped-call]
            optimizer.step()

    def _set_rate(self, optimizer: torch.optim.Optimizer, rate: float) -> None:
        for group in optimizer.param_groups:
            group["lr"] = rate

    def _check_moment(self, name: str, value: Any, like: Tensor) -> None:
        require(isinstance(value, Tensor), f"the moment `{name}` must be a tensor, got {type(value).__name__}")
        found, wanted = (value.dtype, tuple(value.shape)), (like.dtype, tuple(like.shape))
        require(found == wanted, f"the moment `{name}` has type and shape {found}, must have {wanted}")


def _network() -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 3))


def _inputs(number: int) -> Tensor:
    return torch.randn(64, 12, generator=torch.Generator().manual_seed(number))


def _loss(network: nn.Sequential, number: int) -> Tensor:
    """The mean squared error of batch `number`, whose truth is linear in the input."""
    inputs = _inputs(number)
    error: Tensor = network(inputs) - inputs[:, :3] - 0.5
    return error.square().mean()
