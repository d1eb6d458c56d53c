"""A network on rows with several inputs: against the concatenated form and finite differences."""

from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck
from torch.nn import functional
from wxml_kernels import LayerStack, row_network

ROWS, WIDTHS, CHANNELS = 7, (3, 2), 4


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(5)


@pytest.fixture(params=["one range", "a range for each row"])
def _ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one range":
        monkeypatch.setattr("wxml_kernels.networks.LIVE_TENSORS", 10**9)


def random_stack(hidden: int, out: int = 3, *, norm: bool = True) -> LayerStack:
    widths = [CHANNELS] * hidden + [out]
    pairs = list(pairwise(widths))
    weights, biases = tuple(random(b, a) for a, b in pairs), tuple(random(b) for _, b in pairs)
    last = widths[-1] if hidden else CHANNELS
    return LayerStack("silu", weights, biases, (random(last), random(last)) if norm else ())


def tensors_for(stack: LayerStack) -> list[Tensor]:
    """Two inputs, two weights, a bias and the stack's parameters."""
    inputs, weights = [random(2, ROWS, w) for w in WIDTHS], [random(CHANNELS, w) for w in WIDTHS]
    return [*inputs, *weights, random(CHANNELS), *stack.parameters]


def run(stack: LayerStack, *tensors: Tensor, **options: bool) -> Tensor:
    return row_network(tensors[:2], tensors[2:4], tensors[4], stack.with_parameters(tensors[5:]), **options)


def plain(stack: LayerStack, *tensors: Tensor, residual: bool) -> Tensor:
    z = torch.cat(tensors[:2], -1) @ torch.cat(tensors[2:4], 1).T + tensors[4]
    stack = stack.with_parameters(tensors[5:])
    for weight, bias in zip(stack.weights, stack.biases, strict=True):
        z = functional.silu(z) @ weight.T + bias
    if stack.norm:
        centred = z - z.mean(-1, keepdim=True)
        z = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5) * stack.norm[0] + stack.norm[1]
    return tensors[0] + z if residual else z


@pytest.mark.usefixtures("_ranges")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("hidden", "residual", "norm"), [(0, False, True), (1, True, False), (2, True, True)])
def test_it_equals_the_concatenated_form(hidden: int, residual: bool, norm: bool, recompute: bool) -> None:
    stack = random_stack(hidden, norm=norm)
    tensors = tensors_for(stack)
    ours = run(stack, *tensors, residual=residual, recompute=recompute)
    expected = plain(stack, *tensors, residual=residual)
    torch.testing.assert_close(ours, expected)
    weights = torch.randn_like(ours)
    torch.testing.assert_close(
        torch.autograd.grad(ours, tensors, weights), torch.autograd.grad(expected, tensors, weights)
    )
    with torch.inference_mode():
        assert torch.equal(run(stack, *tensors, residual=residual), ours)


@pytest.mark.usefixtures("_ranges")
@pytest.mark.parametrize("recompute", [False, True])
def test_gradients_equal_finite_differences(recompute: bool) -> None:
    stack = random_stack(2)
    assert gradcheck(lambda *ts: run(stack, *ts, residual=True, recompute=recompute), tensors_for(stack))


def test_operations_of_torch_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other devices and a compiler run this form."""
    stack = random_stack(2)
    tensors = tensors_for(stack)
    ours = run(stack, *tensors, residual=True)
    monkeypatch.setattr("wxml_kernels.networks.runs_in_ranges", lambda _: False)
    elsewhere = run(stack, *tensors, residual=True)
    torch.testing.assert_close(ours, elsewhere)
    torch.testing.assert_close(torch.autograd.grad(ours.sum(), tensors), torch.autograd.grad(elsewhere.sum(), tensors))


def test_inputs_that_need_no_gradient_get_none() -> None:
    stack = random_stack(1)
    tensors = tensors_for(stack)
    tensors[0] = tensors[0].detach()
    grads = torch.autograd.grad(run(stack, *tensors).square().sum(), tensors[1:])
    expected = torch.autograd.grad(plain(stack, *tensors, residual=False).square().sum(), tensors[1:])
    torch.testing.assert_close(grads, expected)


def test_no_rows_give_no_rows() -> None:
    stack = random_stack(1)
    tensors = tensors_for(stack)
    tensors[:2] = [random(2, 0, width) for width in WIDTHS]
    out = run(stack, *tensors)
    assert out.shape == (2, 0, 3)
    assert not any(grad.any() for grad in torch.autograd.grad(out.sum(), tensors))
