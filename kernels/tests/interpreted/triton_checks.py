"""The fused kernels on edges in Triton's interpreter, on a CPU: `TRITON_INTERPRET=1 pytest triton_checks.py`.

`test_fused_edges.py` starts it, since the variable must be set before Triton is imported. The reference is the form
for CPUs, which has tests of its own. With WXML_TRITON_EXAMPLES, so many random graphs are tried instead of 4, and
inductor compiles the kernels too.
"""

import os

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck
from wxml_kernels import AttentionEdges, EdgeBackend, EdgeIndex, LayerStack, edge_attention, edge_network, fused_trial
from wxml_kernels.fused import why_not_triton

EXAMPLES = int(os.environ.get("WXML_TRITON_EXAMPLES", "4"))
SOURCES, TARGETS, FEATURES = 5, 6, 3
Pairs = list[tuple[int, int]]
PAIRS = [(0, 0), (1, 0), (4, 0), (1, 1), (3, 2), (0, 4), (4, 4)]  # nothing starts at source 2, or ends at 3 and 5
some_pairs = st.lists(st.tuples(st.integers(0, SOURCES - 1), st.integers(0, TARGETS - 1)), max_size=12)
few = settings(deadline=None, max_examples=EXAMPLES, derandomize=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(5)


def index(pairs: Pairs) -> AttentionEdges:
    pairs = sorted(pairs, key=lambda pair: pair[1])
    return AttentionEdges([s for s, _ in pairs], [t for _, t in pairs], SOURCES, TARGETS)


def random(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, requires_grad=True)


def compare(fused: tuple[Tensor, ...], plain: tuple[Tensor, ...], leaves: list[Tensor], tolerance: float) -> None:
    """The same outputs, and the same gradients of their sums with random weights."""
    weights = [torch.randn_like(one) for one in plain]
    for ours, expected in zip(fused, plain, strict=True):
        assert ours.dtype == expected.dtype
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)
    both = (torch.autograd.grad(side, leaves, weights) for side in (fused, plain))
    for ours, expected in zip(*both, strict=True):
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)


# Attention


def attention_parts(
    edges: int, heads: int, width: int, lead: tuple[int, ...] = (), batch: int = 2, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """Query, key, value, features of edges, W."""
    c = heads * width
    shapes = (batch, TARGETS, c), (batch, SOURCES, c), (batch, SOURCES, c), (*lead, edges, FEATURES), (c, FEATURES)
    return [random(*shape, dtype=dtype) for shape in shapes]


def attend(parts: list[Tensor], edges: AttentionEdges, heads: int, backend: EdgeBackend) -> Tensor:
    query, key, value, features, weight = parts
    return edge_attention(query, key, value, edges.arranged(features), weight, edges, heads, backend=backend)


@few
@given(some_pairs, st.sampled_from([1, 3]), st.sampled_from([1, 4, 5]), st.booleans())
def test_attention_equals_the_form_for_cpus(pairs: Pairs, heads: int, width: int, differ: bool) -> None:
    """Widths that are no power of two, edges that occur twice, nodes and graphs without edges, features by item."""
    edges, parts = index(pairs), attention_parts(len(pairs), heads, width, (2,) if differ else ())
    fused, plain = (attend(parts, edges, heads, backend) for backend in ("triton", "blocks"))
    compare((fused,), (plain,), parts, 1e-12)


def test_gradients_of_attention_are_those_of_finite_differences() -> None:
    edges, parts = index(PAIRS[:4]), attention_parts(4, 1, 2, batch=1)
    assert gradcheck(lambda *tensors: attend(list(tensors), edges, 1, "triton"), parts, fast_mode=True)


def test_large_logits_neither_overflow_nor_lose_the_winner() -> None:
    edges, parts = index(PAIRS), [part.detach() for part in attention_parts(len(PAIRS), 2, 4)]
    parts[0] *= 1e8
    torch.testing.assert_close(attend(parts, edges, 2, "triton"), attend(parts, edges, 2, "blocks"))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_attention_under_autocast(dtype: torch.dtype) -> None:
    """Queries have half the bits, as of a linear layer under autocast; sums have those of float32."""
    edges, parts = index(PAIRS), attention_parts(len(PAIRS), 2, 4, dtype=torch.float32)
    half = [*(part.to(dtype) for part in parts[:3]), *parts[3:]]
    with torch.autocast("cpu", torch.bfloat16):
        fused = attend(half, edges, 2, "triton")
    assert fused.dtype == dtype
    expected = attend([part.float() for part in half], edges, 2, "blocks")
    torch.testing.assert_close(fused.float(), expected, rtol=2e-2, atol=2e-2)
    fused.float().square().sum().backward()
    grads = torch.autograd.grad(attend(parts, edges, 2, "blocks").square().sum(), parts)
    for part, expected in zip(parts, grads, strict=True):
        assert part.grad is not None
        assert (part.grad - expected).abs().max() < 3e-2 * expected.abs().max()


# The network on edges


def stack_of(channels: int, hidden: int, norm: bool, dtype: torch.dtype = torch.float64) -> LayerStack:
    weights = random(hidden, channels, dtype=dtype), random(channels, hidden, dtype=dtype)
    biases = random(hidden, dtype=dtype), random(channels, dtype=dtype)
    affine = (random(channels, dtype=dtype), random(channels, dtype=dtype)) if norm else ()
    return LayerStack("silu", weights, biases, affine)


def network_parts(
    edges: int, channels: int, lead: tuple[int, ...] = (2,), batch: int = 2, dtype: torch.dtype = torch.float64
) -> list[Tensor]:
    """t, s, e and W."""
    c = channels
    shapes = (batch, TARGETS, c), (batch, SOURCES, c), (*lead, edges, c), (c, c)
    return [random(*shape, dtype=dtype) for shape in shapes]


def run(
    stack: LayerStack, edges: EdgeIndex, tensors: list[Tensor], backend: EdgeBackend, keeps: bool = True
) -> tuple[Tensor, ...]:
    t, s, e, weight = tensors
    received, updated = edge_network((t, s), e, weight, stack, edges, keeps_edges=keeps, backend=backend)
    return (received, updated) if keeps else (received,)


@few
@given(some_pairs, st.sampled_from([1, 4, 5]), st.booleans(), st.booleans(), st.booleans())
def test_the_network_equals_the_form_for_cpus(
    pairs: Pairs, channels: int, norm: bool, keeps: bool, shared: bool
) -> None:
    """With and without a layer norm and new edges; edges that are the same for the whole batch."""
    edges, stack = index(pairs), stack_of(channels, 3, norm)
    parts = network_parts(len(pairs), channels, () if shared else (2,))
    fused, plain = (run(stack, edges, parts, backend, keeps) for backend in ("triton", "blocks"))
    compare(fused, plain, [*parts, *stack.parameters], 1e-11)


def test_every_part_of_the_network_at_once() -> None:
    """Sure to have a norm, new edges, and odd channels: the random graphs above may all have been small."""
    for shared in (False, True):
        edges, stack = index(PAIRS), stack_of(5, 3, norm=True)
        parts = network_parts(len(PAIRS), 5, () if shared else (2,))
        fused, plain = (run(stack, edges, parts, backend) for backend in ("triton", "blocks"))
        compare(fused, plain, [*parts, *stack.parameters], 1e-11)


def test_gradients_of_the_network_are_those_of_finite_differences() -> None:
    edges, stack, parts = index(PAIRS[:4]), stack_of(3, 2, norm=True), network_parts(4, 3, batch=1, lead=(1,))

    def network(*tensors: Tensor) -> tuple[Tensor, ...]:
        return run(stack.with_parameters(tensors[4:]), edges, list(tensors[:4]), "triton")

    assert gradcheck(network, [*parts, *stack.parameters], fast_mode=True)


def test_the_network_under_autocast_has_sums_in_float32() -> None:
    edges, stack = index(PAIRS), stack_of(4, 8, norm=True, dtype=torch.float32)
    parts = network_parts(len(PAIRS), 4, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        fused, plain = (run(stack, edges, parts, backend) for backend in ("triton", "blocks"))
    for ours, expected in zip(fused, plain, strict=True):
        assert ours.dtype == torch.float32
        assert (ours - expected).abs().max() < 3e-2 * expected.abs().max()


def test_few_programs_share_many_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each adds up the gradients of the norm over several targets."""
    monkeypatch.setattr("wxml_kernels.triton_network.PROGRAMS", 5)
    edges, stack, parts = index(PAIRS), stack_of(4, 3, norm=True), network_parts(len(PAIRS), 4)
    fused, plain = (run(stack, edges, parts, backend) for backend in ("triton", "blocks"))
    compare(fused, plain, [*parts, *stack.parameters], 1e-11)


# Both


def both_kernels(parts: list[Tensor], stack: LayerStack, edges: AttentionEdges) -> Tensor:
    """A model of one attention and one network along the same edges."""
    x, features, w, on_edge = parts
    x = x + edge_attention(x, x, x.sin(), edges.arranged(features), w, edges, 2, backend="triton")
    e = features @ w.T
    received, updated = edge_network((x, 2 * x), e, on_edge, stack, edges, backend="triton")
    return torch.cat([received, updated], 1).tanh()


def small_model(dtype: torch.dtype = torch.float32) -> tuple[list[Tensor], LayerStack, AttentionEdges]:
    pairs = [(0, 0), (2, 0), (1, 1)]
    edges = AttentionEdges([s for s, _ in pairs], [t for _, t in pairs], 3, 3)
    shapes = (1, 3, 4), (3, FEATURES), (4, FEATURES), (4, 4)
    return [random(*shape, dtype=dtype) for shape in shapes], stack_of(4, 3, norm=True, dtype=dtype), edges


def test_results_repeat_to_the_bit() -> None:
    parts, stack, edges = small_model()
    runs = [torch.autograd.grad(both_kernels(parts, stack, edges).square().sum(), parts) for _ in range(2)]
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
@pytest.mark.parametrize("backend", ["aot_eager", "inductor"] if EXAMPLES > 4 else ["aot_eager"])
def test_compiled(backend: str) -> None:
    parts, stack, edges = small_model()
    expected = torch.autograd.grad(both_kernels(parts, stack, edges).square().sum(), parts)
    torch.compiler.reset()
    compiled = torch.compile(both_kernels, backend=backend, fullgraph=True, dynamic=False)
    found = torch.autograd.grad(compiled(parts, stack, edges).square().sum(), parts)
    for ours, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-5)


def test_a_plan_of_memory_runs_on_tensors_without_values() -> None:
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        parts, stack, edges = small_model()
        parts = [mode.from_tensor(part) for part in parts]
        out = both_kernels(parts, stack, edges)
        assert [grad.shape for grad in torch.autograd.grad(out.sum(), parts)] == [part.shape for part in parts]
    assert out.shape == (1, 6, 4)


def test_the_trial_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("NODES", 5), ("EDGES", 9), ("HEADS", 2), ("WIDTH", 3)):
        monkeypatch.setattr(fused_trial, name, value)
    assert why_not_triton(torch.device("cpu")) is None
    assert fused_trial.fault_of_edge_kernels(torch.device("cpu")) is None


def test_a_trial_notices_other_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    right = fused_trial._network  # the trial of a GPU whose compiler is wrong

    def wrong(device: torch.device, backend: str) -> list[Tensor]:
        return [one * (1.1 if backend == "triton" else 1.0) for one in right(device, "blocks")]

    monkeypatch.setattr(fused_trial, "_attention", lambda device, _: [torch.ones(1)])
    monkeypatch.setattr(fused_trial, "_network", wrong)
    fault = fused_trial.fault_of_edge_kernels(torch.device("cpu"))
    assert fault == "the network on edges gave other numbers by Triton in a trial"
