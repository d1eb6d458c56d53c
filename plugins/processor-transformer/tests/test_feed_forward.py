"""The network on nodes, written out."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from wxml_processor_transformer.options import BlockOptions
from wxml_processor_transformer.transformer_block import FeedForward


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def gelu(x: Tensor) -> Tensor:
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


def relu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, 0.0)


def silu(x: Tensor) -> Tensor:
    return x * sigmoid(x)


ACTIVATIONS = {"gelu": gelu, "relu": relu, "silu": silu}
GATES = {"glu": sigmoid, "swiglu": silu, "geglu": gelu, "reglu": relu}


def network(mlp: str, activation: str = "gelu", dropout: float = 0.0) -> FeedForward:
    torch.manual_seed(7)
    options = BlockOptions(1, 2.25, mlp, activation, qk_norm=False, dropout=dropout, norm="layer-norm")
    return FeedForward(4, options).double()


def assert_same(ours: FeedForward, hidden: Callable[[Tensor], Tensor]) -> None:
    values = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    expected = hidden(values) @ ours.out.weight.T + ours.out.bias
    torch.testing.assert_close(ours(values), expected, rtol=1e-12, atol=1e-12)
    leaves = [values, *ours.parameters()]
    both = (torch.autograd.grad(out.square().sum(), leaves) for out in (ours(values), expected))
    for mine, reference in zip(*both, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_plain_form(activation: str) -> None:
    ours = network("mlp", activation)
    assert_same(ours, lambda x: ACTIVATIONS[activation](x @ ours.value.weight.T + ours.value.bias))


@pytest.mark.parametrize("mlp", GATES)
def test_the_gated_forms(mlp: str) -> None:
    ours = network(mlp)
    assert ours.gate is not None
    gate = ours.gate
    assert_same(
        ours,
        lambda x: GATES[mlp](x @ gate.weight.T + gate.bias) * (x @ ours.value.weight.T + ours.value.bias),
    )


@pytest.mark.parametrize("mlp", ["mlp", "swiglu"])
def test_dropout_is_for_training_alone_and_right_on_average(mlp: str) -> None:
    ours, without = network(mlp, dropout=0.5), network(mlp)
    values = torch.randn(1, 1, 4, dtype=torch.float64)
    assert torch.equal(ours.eval()(values), without(values))
    many = ours.train()(values.expand(1, 40_000, 4)).detach()
    assert many.std(1).min() > 0.01
    torch.testing.assert_close(many.mean(1), without(values)[:, 0], atol=0.02, rtol=0.0)
