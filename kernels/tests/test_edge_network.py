"""Messages along edges, in ranges: against a concatenated plain form, finite differences and torch's own gradients."""

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck
from torch.nn import functional
from wxml_kernels import Activation, EdgeIndex, LayerStack, edge_network

SOURCES, TARGETS, CHANNELS = 5, 4, 3
PAIRS = [(0, 0), (1, 0), (4, 0), (2, 2), (3, 2), (0, 3), (1, 3), (4, 3), (2, 3)]  # nothing ends at target 1
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "relu": functional.relu,
    "silu": functional.silu,
}


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(3)


@pytest.fixture(params=["one range", "a range for each target"])
def _ranges(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param != "one range":
        monkeypatch.setattr("wxml_kernels.networks.LIVE_TENSORS", 10**9)


def edge_index(pairs: list[tuple[int, int]] | None = None) -> EdgeIndex:
    pairs = PAIRS if pairs is None else pairs
    return EdgeIndex([s for s, _ in pairs], [t for _, t in pairs], SOURCES, TARGETS)


def random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def random_stack(
    layers: int, activation: Activation = "silu", *, norm: bool = True, dtype: torch.dtype = torch.float64
) -> LayerStack:
    """Hidden layers of 4, 3, 4, … channels and an output as wide as an edge."""
    widths = [CHANNELS, *[4 - layer % 2 for layer in range(layers - 1)], CHANNELS] if layers else [CHANNELS]
    weights = tuple(random(after, before, dtype=dtype) for before, after in pairwise(widths))
    biases = tuple(random(after, dtype=dtype) for after in widths[1:])
    affine = (random(CHANNELS, dtype=dtype), random(CHANNELS, dtype=dtype)) if norm else ()
    return LayerStack(activation, weights, biases, affine)


def inputs(batch: int, edges: int, *, shared: bool = False, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """t, s, e and W."""
    lead = () if shared else (batch,)
    shapes = ((batch, TARGETS, CHANNELS), (batch, SOURCES, CHANNELS), (*lead, edges, CHANNELS), (CHANNELS, CHANNELS))
    return [random(*shape, dtype=dtype) for shape in shapes]


def run(stack: LayerStack, edges: EdgeIndex, *tensors: Tensor, **options: object) -> tuple[Tensor, Tensor]:
    target, source, edge, weight, *parameters = tensors
    return edge_network((target, source), edge, weight, stack.with_parameters(parameters), edges, **options)  # type: ignore[arg-type]


def plain(stack: LayerStack, edges: EdgeIndex, *tensors: Tensor) -> tuple[Tensor, Tensor]:
    """Gather, apply the layers one by one, index_add."""
    target, source, edge, weight, *parameters = tensors
    stack = stack.with_parameters(parameters)
    z = target[:, edges.target] + source[:, edges.source] + edge @ weight.T
    for layer, bias in zip(stack.weights, stack.biases, strict=True):
        z = ACTIVATIONS[stack.activation](z) @ layer.T + bias
    if stack.norm:
        centred = z - z.mean(-1, keepdim=True)
        z = centred / torch.sqrt(centred.square().mean(-1, keepdim=True) + 1e-5) * stack.norm[0] + stack.norm[1]
    updated = edge + z
    return torch.zeros_like(target).index_add(1, edges.target, updated), updated


def gradients(outputs: tuple[Tensor, ...], wanted: list[Tensor]) -> list[Tensor]:
    """The gradients of one projection of the outputs; the projection is the same at each call."""
    torch.manual_seed(11)
    loss = sum(torch.sum(out * torch.randn_like(out)) for out in outputs)
    return list(torch.autograd.grad(loss, wanted))  # type: ignore[arg-type]


@pytest.mark.usefixtures("_ranges")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("layers", [0, 1, 2, 3])
def test_it_equals_the_plain_form(
    layers: int, activation: Activation, norm: bool, shared: bool, recompute: bool
) -> None:
    edges, stack = edge_index(), random_stack(layers, activation, norm=norm)
    tensors = [*inputs(2, len(PAIRS), shared=shared), *stack.parameters]
    ours, expected = run(stack, edges, *tensors, recompute=recompute), plain(stack, edges, *tensors)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, tensors), gradients(expected, tensors))


@pytest.mark.usefixtures("_ranges")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("layers", "activation"), [(0, "relu"), (1, "gelu"), (2, "silu"), (3, "gelu")])
def test_gradients_equal_finite_differences(layers: int, activation: Activation, recompute: bool) -> None:
    edges, stack = edge_index(), random_stack(layers, activation)
    tensors = [*inputs(2, len(PAIRS)), *stack.parameters]
    assert gradcheck(lambda *ts: run(stack, edges, *ts, recompute=recompute), tensors)


def test_operations_of_torch_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other devices and a compiler run this form."""
    edges, stack = edge_index(), random_stack(2)
    tensors = [*inputs(2, len(PAIRS)), *stack.parameters]
    ours = run(stack, edges, *tensors)
    monkeypatch.setattr("wxml_kernels.networks.runs_in_ranges", lambda _: False)
    elsewhere = run(stack, edges, *tensors)
    torch.testing.assert_close(ours, elsewhere)
    torch.testing.assert_close(gradients(ours, tensors), gradients(elsewhere, tensors))


@pytest.mark.parametrize("pairs", [[], [(1, 3)], [(s, 2) for s in range(SOURCES)]])
def test_odd_edge_sets(pairs: list[tuple[int, int]]) -> None:
    edges, stack = edge_index(pairs), random_stack(2)
    tensors = [*inputs(2, len(pairs)), *stack.parameters]
    ours, expected = run(stack, edges, *tensors), plain(stack, edges, *tensors)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, tensors), gradients(expected, tensors))


def test_edges_that_nobody_keeps_come_back_as_they_were() -> None:
    edges, stack = edge_index(), random_stack(2)
    tensors = [*inputs(2, len(PAIRS)), *stack.parameters]
    received, same = run(stack, edges, *tensors, keeps_edges=False)
    expected, _ = run(stack, edges, *tensors)
    assert torch.equal(same, tensors[2])
    assert torch.equal(received, expected)
    torch.testing.assert_close(gradients((received,), tensors), gradients((expected,), tensors))


@pytest.mark.usefixtures("_ranges")
def test_a_forecast_gives_the_same_and_repeats_bit_for_bit() -> None:
    edges, stack = edge_index(), random_stack(2)
    tensors = [*inputs(2, len(PAIRS)), *stack.parameters]
    trained = run(stack, edges, *tensors)
    with torch.inference_mode():
        forecast = run(stack, edges, *tensors)
    assert all(torch.equal(a, b) for a, b in zip(forecast, trained, strict=True))
    first, second = (gradients(run(stack, edges, *tensors), tensors) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("how", ["autocast", "dtype"])
def test_bfloat16_products_stay_close(how: str) -> None:
    edges, stack = edge_index(), random_stack(2, dtype=torch.float32)
    tensors = [*inputs(2, len(PAIRS), dtype=torch.float32), *stack.parameters]
    exact = run(stack, edges, *tensors)
    with torch.autocast("cpu", torch.bfloat16, enabled=how == "autocast"):
        rough = run(stack, edges, *tensors, **({"dtype": torch.bfloat16} if how == "dtype" else {}))
    for found, expected in zip(rough, exact, strict=True):
        assert found.dtype == torch.float32
        assert 0 < (found - expected).norm() / expected.norm() < 0.02  # bfloat16 keeps 8 bits, 0.4 %
    for found, expected in zip(gradients(rough, tensors), gradients(exact, tensors), strict=True):
        assert (found - expected).norm() / expected.norm() < 0.1


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch itself
def test_a_compiler_finds_one_graph() -> None:
    edges, stack = edge_index(), random_stack(2)
    tensors = [*inputs(2, len(PAIRS)), *stack.parameters]
    torch._dynamo.reset()
    compiled = torch.compile(lambda *ts: run(stack, edges, *ts), backend="aot_eager", fullgraph=True)
    ours, expected = compiled(*tensors), run(stack, edges, *tensors)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradients(ours, tensors), gradients(expected, tensors))


def test_tensors_without_values_pass_through() -> None:
    """A planner learns shapes and sizes, in a few operations however many ranges there are."""
    edges, stack = edge_index(), random_stack(2)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        tensors = [mode.from_tensor(tensor) for tensor in (*inputs(2, len(PAIRS)), *stack.parameters)]
        received, updated = run(stack, edges, *tensors)
        found = torch.autograd.grad(received.sum() + updated.sum(), tensors)
    assert (received.shape, updated.shape) == ((2, TARGETS, CHANNELS), (2, len(PAIRS), CHANNELS))
    assert [grad.shape for grad in found] == [tensor.shape for tensor in tensors]
    assert torch.isfinite(run(stack, edges, *inputs(2, len(PAIRS)), *stack.parameters)[0]).all()
