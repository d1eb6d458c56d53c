"""Attention along edges against loops over edges, closed forms and its promises about memory and precision."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import gradcheck
from wxml_kernels import AttentionEdges, degree_blocks, edge_attention, plain_attention

SOURCES, TARGETS, FEATURES = 7, 6, 3
Pairs = list[tuple[int, int]]
Parts = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]
PAIRS = [(0, 0), (1, 0), (2, 0), (6, 0), (1, 1), (3, 2), (4, 2), (0, 4), (5, 4), (6, 4)]
"""(source, target), sorted by target: four edges into the first, none into the fourth and the last."""


@pytest.fixture(autouse=True, params=["few channels", "many channels"])
def _form(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with both forms for CPUs, whatever the number of channels."""
    monkeypatch.setattr(plain_attention, "FEW", 10**9 if request.param == "few channels" else 0)
    torch.manual_seed(7)


def attention_edges(pairs: Pairs, sources: int = SOURCES, targets: int = TARGETS) -> AttentionEdges:
    return AttentionEdges([s for s, _ in pairs], [t for _, t in pairs], sources, targets)


def parts(edges: int, channels: int = 6, batch: int = 2, dtype: torch.dtype = torch.float64) -> Parts:
    """Query, key, value, features of edges, W."""
    shapes = (
        (batch, TARGETS, channels),
        (batch, SOURCES, channels),
        (batch, SOURCES, channels),
        (edges, FEATURES),
        (channels, FEATURES),
    )
    query, key, value, features, weight = (torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes)
    return query, key, value, features, weight


def attend(parts: Parts, edges: AttentionEdges, heads: int) -> Tensor:
    query, key, value, features, weight = parts
    return edge_attention(query, key, value, edges.arranged(features), weight, edges, heads)


def loops(parts: Parts, pairs: Pairs, heads: int) -> Tensor:
    """The formula, target by target and head by head; pairs in the order of the edge set."""
    query, key, value, features, weight = parts
    width = query.shape[-1] // heads
    out = []
    for item in range(len(query)):
        projected = (features if features.ndim == 2 else features[item]) @ weight.T
        for i in range(query.shape[1]):
            into = [number for number, (_, target) in enumerate(pairs) if target == i]
            for head in range(heads):
                c = slice(head * width, (head + 1) * width)
                if not into:
                    out.append(query.new_zeros(width))
                    continue
                k = torch.stack([key[item, pairs[n][0], c] + projected[n, c] for n in into])
                v = torch.stack([value[item, pairs[n][0], c] + projected[n, c] for n in into])
                out.append(torch.softmax(k @ query[item, i, c] / math.sqrt(width), 0) @ v)
    return torch.stack(out).view_as(query) + 0 * query  # so that every target has a gradient, even without edges


def assert_equal_with_gradients(ours: Tensor, expected: Tensor, leaves: Parts) -> None:
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(ours)
    found, plain = (torch.autograd.grad(out, leaves, weights, allow_unused=True) for out in (ours, expected))
    for leaf, mine, reference in zip(leaves, found, plain, strict=True):
        zero = torch.zeros_like(leaf)
        assert mine is not None
        torch.testing.assert_close(mine, zero if reference is None else reference, rtol=1e-10, atol=1e-10)


some_pairs = st.lists(
    st.tuples(st.integers(0, SOURCES - 1), st.integers(0, TARGETS - 1)), min_size=0, max_size=30, unique=True
)


@settings(deadline=None, max_examples=25)
@given(some_pairs, st.integers(1, 2), st.sampled_from([1, 2, 3, 6]))
def test_it_equals_loops_over_edges(pairs: Pairs, batch: int, heads: int) -> None:
    pairs = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    given_parts = parts(len(pairs), batch=batch)
    ours = attend(given_parts, attention_edges(pairs), heads)
    assert_equal_with_gradients(ours, loops(given_parts, pairs, heads), given_parts)


def test_features_may_differ_between_the_items_of_a_batch() -> None:
    query, key, value, _, weight = parts(0)
    features = torch.randn(2, len(PAIRS), FEATURES, dtype=torch.float64, requires_grad=True)
    given_parts = query, key, value, features, weight
    ours = attend(given_parts, attention_edges(PAIRS), 2)
    assert_equal_with_gradients(ours, loops(given_parts, PAIRS, 2), given_parts)


@pytest.mark.parametrize("heads", [1, 3])
def test_its_gradients_are_those_of_finite_differences(heads: int) -> None:
    edges = attention_edges(PAIRS)
    assert gradcheck(lambda *tensors: attend(tensors, edges, heads), parts(len(PAIRS)))


def test_the_form_for_other_devices_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU and a compiler run this form; here it runs in float64 on a CPU."""
    edges, given_parts = attention_edges(PAIRS), parts(len(PAIRS))
    ours = attend(given_parts, edges, 2)
    monkeypatch.setattr("wxml_kernels.graph_attention.runs_in_ranges", lambda values: False)
    assert_equal_with_gradients(ours, attend(given_parts, edges, 2), given_parts)


@pytest.mark.parametrize("budget", [1, 200, 600])
def test_the_size_of_blocks_changes_nothing(budget: int, monkeypatch: pytest.MonkeyPatch) -> None:
    edges, given_parts = attention_edges(PAIRS), parts(len(PAIRS))
    whole = attend(given_parts, edges, 2)
    monkeypatch.setattr(degree_blocks, "WORKING_SET", budget)
    assert_equal_with_gradients(attend(given_parts, edges, 2), whole, given_parts)


def test_no_query_means_the_mean_of_values() -> None:
    """With q = 0 every edge has the same weight: o_i is the mean of v_j + e_ij."""
    _, key, value, features, weight = parts(len(PAIRS), batch=1)
    query = torch.zeros(1, TARGETS, 6, dtype=torch.float64)
    out = attend((query, key, value, features, weight), attention_edges(PAIRS), 3)
    received = [value[0, s] + weight @ features[n] for n, (s, t) in enumerate(PAIRS) if t == 4]
    torch.testing.assert_close(out[0, 4], torch.stack(received).mean(0))


def test_one_edge_hands_on_its_value() -> None:
    """Whatever the query says, the softmax over one edge is one."""
    given_parts = parts(len(PAIRS))
    _, _, value, features, weight = given_parts
    out = attend(given_parts, attention_edges(PAIRS), 2)
    torch.testing.assert_close(out[:, 1], value[:, 1] + weight @ features[4])


def test_a_target_without_edges_receives_nothing_and_asks_for_nothing() -> None:
    given_parts = parts(len(PAIRS))
    out = attend(given_parts, attention_edges(PAIRS), 2)
    assert torch.equal(out[:, [3, 5]], torch.zeros(2, 2, 6, dtype=torch.float64))
    grad_query = torch.autograd.grad(out.square().sum(), given_parts[0])[0]
    assert torch.equal(grad_query[:, [3, 5]], torch.zeros(2, 2, 6, dtype=torch.float64))


def test_a_constant_feature_is_a_bias_of_the_values() -> None:
    """A bias of e adds to every logit of a target alike, so it cancels there and remains in the values."""
    query, key, value, features, weight = parts(len(PAIRS))
    edges, bias = attention_edges(PAIRS), torch.randn(6, dtype=torch.float64)
    extended = torch.cat([features, torch.ones(len(PAIRS), 1)], 1), torch.cat([weight, bias[:, None]], 1)
    with_bias = attend((query, key, value, *extended), edges, 2)
    torch.testing.assert_close(with_bias, attend((query, key, value + bias, features, weight), edges, 2))


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_large_logits_neither_overflow_nor_vanish(sign: float) -> None:
    """Logits of ±10 000: the largest takes everything, even if all are far below zero."""
    query, key, value, features, weight = parts(len(PAIRS), channels=1, dtype=torch.float32)
    query = torch.full_like(query, sign * 100.0)
    key = torch.arange(1.0, SOURCES + 1).view(1, -1, 1).expand(2, -1, -1) * 100
    leaves = query, key, value, features * 0, weight
    out = attend(leaves, attention_edges(PAIRS), 1)
    torch.testing.assert_close(out[:, 0], value[:, 6 if sign > 0 else 0])
    for gradient in torch.autograd.grad(out.sum(), (value, features, weight)):
        assert torch.isfinite(gradient).all()


def test_the_order_of_nodes_does_not_matter() -> None:
    query, key, value, features, weight = parts(len(PAIRS))
    out = attend((query, key, value, features, weight), attention_edges(PAIRS), 2)
    of_source, of_target = torch.randperm(SOURCES), torch.randperm(TARGETS)
    renamed = [(of_source.tolist().index(s), of_target.tolist().index(t)) for s, t in PAIRS]
    order = sorted(range(len(PAIRS)), key=lambda n: (renamed[n][1], renamed[n][0]))
    moved = query[:, of_target], key[:, of_source], value[:, of_source], features[order], weight
    torch.testing.assert_close(attend(moved, attention_edges([renamed[n] for n in order]), 2), out[:, of_target])


def many_edges() -> AttentionEdges:
    return attention_edges([(s, t) for t in range(60) for s in range(0, 50, 1 + t % 5)], 50, 60)


def random_parts_of(edges: AttentionEdges, channels: int) -> Parts:
    query, (key, value) = torch.randn(1, 60, channels), torch.randn(2, 1, 50, channels)
    features, weight = torch.randn(edges.edge_count, 5), torch.randn(channels, 5)
    return tuple(t.requires_grad_() for t in (query, key.clone(), value.clone(), features, weight))  # type: ignore[return-value]


def test_nothing_of_edges_times_channels_is_kept() -> None:
    edges = many_edges()
    kept: list[int] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda tensor: kept.append(tensor.numel()) or tensor, lambda t: t):
        attend(random_parts_of(edges, 64), edges, 4)
    assert max(kept) < edges.edge_count * 64 / 3


def test_a_result_repeats_bit_for_bit() -> None:
    edges = many_edges()
    leaves = random_parts_of(edges, 16)
    runs = []
    for _ in range(2):
        out = attend(leaves, edges, 4)
        runs.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


def test_half_precision_keeps_the_softmax_in_float32() -> None:
    """bfloat16 holds 8 bits: logits near 300 would be rounded by 1, and their weights be wrong by a factor of e."""
    edges = many_edges()
    query, key, value, features, weight = random_parts_of(edges, 8)
    exact = [tensor.detach().bfloat16().double() for tensor in (query * 30, key * 10, value, features, weight)]
    expected = edge_attention(*exact[:3], edges.arranged(exact[3]), exact[4], edges, 2)
    halves = [tensor.bfloat16() for tensor in exact]
    found = edge_attention(*halves[:3], edges.arranged(halves[3]), halves[4], edges, 2)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.double(), expected, rtol=2**-8, atol=2**-8)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # by torch itself
def test_compiling_changes_nothing() -> None:
    edges, given_parts = attention_edges(PAIRS), parts(len(PAIRS))
    with torch.inference_mode():
        attend(given_parts, edges, 2)  # a forecast first must not spoil training
    torch._dynamo.reset()
    compiled = torch.compile(attend, backend="aot_eager", fullgraph=True)
    assert_equal_with_gradients(compiled(given_parts, edges, 2), attend(given_parts, edges, 2), given_parts)


def test_tensors_without_values_pass() -> None:
    """A memory planner runs a model in this way."""
    leaves = random_parts_of(many_edges(), 16)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        edges = many_edges()
        fakes = tuple(mode.from_tensor(leaf.detach()).requires_grad_() for leaf in leaves)
        out = attend(fakes, edges, 4)  # type: ignore[arg-type]
        out.sum().backward()
    assert out.shape == leaves[0].shape
    assert [fake.grad.shape for fake in fakes if fake.grad is not None] == [leaf.shape for leaf in leaves]
