"""Windowed attention against a dense reference, closed forms and its own promises about memory."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from wxml_kernels import KeyWindow, block_attention
from wxml_kernels import window_attention as attention_of_any_form
from wxml_kernels.windows import _all_at_once as all_at_once
from wxml_kernels.windows import windowed_sdpa

window_attention = partial(attention_of_any_form, backend="blocks")
KERNELS = {"blocks": window_attention, "sdpa": windowed_sdpa, "all at once": all_at_once}


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(7)
    monkeypatch.setattr(block_attention, "QUERIES", 8)
    monkeypatch.setattr(block_attention, "SCORE_BYTES", 2000)  # so that heads go in several steps


def random_parts(queries: int, keys: int, batch: int = 2, heads: int = 3, size: int = 4) -> list[Tensor]:
    shapes = ((batch, heads, nodes, size) for nodes in (queries, keys, keys))
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def dense(query: Tensor, key: Tensor, value: Tensor, seen: Tensor) -> Tensor:
    """softmax(q·k / √d) v written down."""
    scores = torch.einsum("bhic,bhjc->bhij", query, key) / query.shape[-1] ** 0.5
    return torch.softmax(scores.masked_fill(~seen, -torch.inf), dim=-1) @ value


def seen_by(centres: np.ndarray, keys: int, window: int) -> Tensor:
    return torch.from_numpy(np.abs(np.arange(keys) - centres[:, None]) <= window)


def assert_equal_with_gradients(ours: Tensor, expected: Tensor, leaves: list[Tensor]) -> None:
    weights = torch.randn_like(ours)
    torch.testing.assert_close(ours, expected, rtol=1e-11, atol=1e-11)
    both = (torch.autograd.grad(out, leaves, weights) for out in (ours, expected))
    for mine, reference in zip(*both, strict=True):
        torch.testing.assert_close(mine, reference, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=25, deadline=None)
@given(nodes=st.integers(1, 200), window=st.integers(1, 40), batch=st.integers(1, 2))
def test_self_attention_equals_the_dense_form(kernel: str, nodes: int, window: int, batch: int) -> None:
    """Sizes that are no multiple of the block, windows wider than the nodes, a single node."""
    parts = random_parts(nodes, nodes, batch, heads=2)
    ours = KERNELS[kernel](*parts, KeyWindow.among(nodes, window))
    assert_equal_with_gradients(ours, dense(*parts, seen_by(np.arange(nodes), nodes, window)), parts)


@pytest.mark.parametrize("kernel", KERNELS)
@settings(max_examples=25, deadline=None)
@given(
    queries=st.integers(1, 60),
    keys=st.integers(1, 60),
    window=st.integers(1, 70),
    seed=st.integers(0, 99),
)
def test_any_rising_windows_equal_the_dense_form(kernel: str, queries: int, keys: int, window: int, seed: int) -> None:
    """Two node sets of different lengths have such windows, with many places in some parts."""
    centres = np.sort(np.random.default_rng(seed).integers(0, keys, queries))
    parts = random_parts(queries, keys)
    ours = KERNELS[kernel](*parts, KeyWindow(centres, keys, window))
    assert_equal_with_gradients(ours, dense(*parts, seen_by(centres, keys, window)), parts)


@pytest.mark.parametrize("centres", [[0, 2, 1], [-1, 0], [0, 9]])
def test_places_that_fall_or_are_no_keys_are_refused(centres: list[int]) -> None:
    with pytest.raises(ValueError, match="`centres` must never decrease and lie between 0 and 8"):
        KeyWindow(np.array(centres), 9, 1)
    with pytest.raises(ValueError, match="`window` must be at least 0, got -1"):
        KeyWindow(np.arange(3), 3, -1)


@pytest.mark.parametrize("dropout", [0.0, 0.4])
def test_gradients_are_those_of_the_numbers(dropout: float) -> None:
    parts = random_parts(11, 11, batch=1, heads=2, size=3)
    bounds = KeyWindow.among(11, 2).bounds

    def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        torch.manual_seed(3)  # the same weights are dropped in every call
        return block_attention.block_attention(query, key, value, bounds, dropout)

    assert torch.autograd.gradcheck(attention, parts)


@pytest.mark.parametrize("kernel", KERNELS)
def test_equal_scores_give_the_mean_over_the_window(kernel: str) -> None:
    """With q = 0 and v_j = j, node i of 0 … 19 gets the mean of the integers from i - 3 to i + 3 that exist."""
    query, key, _ = random_parts(20, 20, batch=1, heads=1)
    value = torch.arange(20.0, dtype=torch.float64)[:, None].expand(20, 4)[None, None]
    found = KERNELS[kernel](0 * query, key, value, KeyWindow.among(20, 3))[0, 0, :, 0]
    expected = [(max(i - 3, 0) + min(i + 3, 19)) / 2 for i in range(20)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))


def test_large_scores_neither_overflow_nor_lose_the_winner() -> None:
    query, key, value = (part.detach() for part in random_parts(20, 20))
    found = window_attention(1e8 * query, 1e8 * key, value, KeyWindow.among(20, 3))
    torch.testing.assert_close(found, windowed_sdpa(1e8 * query, 1e8 * key, value, KeyWindow.among(20, 3)))


def test_dropout_keeps_the_mean_and_follows_the_seed() -> None:
    parts = [part.detach() for part in random_parts(40, 40)]
    window = KeyWindow.among(40, 5)
    whole = window_attention(*parts, window)
    draws = torch.stack([window_attention(*parts, window, 0.3) for _ in range(400)])
    assert (draws[0] - draws[1]).abs().max() > 0.1
    assert (draws.mean(0) - whole).abs().max() < 6 * draws.std(0).max() / 20
    torch.manual_seed(5)
    first = window_attention(*parts, window, 0.3)
    torch.manual_seed(5)
    assert torch.equal(window_attention(*parts, window, 0.3), first)


def saved_bytes(nodes: int) -> int:
    """The bytes that the forward pass saves for the backward pass."""
    kept: dict[int, int] = {}

    def pack(values: Tensor) -> Tensor:
        storage = values.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return values

    parts = random_parts(nodes, nodes, batch=1, heads=2, size=8)
    window = KeyWindow.among(nodes, 64)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda values: values):
        window_attention(*parts, window)
    return sum(kept.values())


def test_memory_is_linear_in_nodes() -> None:
    """It saves q, k, v and o of 2 heads · 8 channels in float64, and two bounds; nothing of nodes × window."""
    for nodes in (300, 600, 1200):
        assert saved_bytes(nodes) == nodes * (4 * 16 * 8 + 2 * 8)


def test_no_tensor_of_nodes_times_window_is_ever_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of a step stay within the budget, whatever the nodes."""
    sizes: list[int] = []
    softmax = torch.softmax

    def spy(scores: Tensor, dim: int) -> Tensor:
        sizes.append(scores.numel() * scores.element_size())
        return softmax(scores, dim=dim)

    monkeypatch.setattr(torch, "softmax", spy)
    monkeypatch.setattr(block_attention, "SCORE_BYTES", 20_000)
    parts = random_parts(500, 500)
    window_attention(*parts, KeyWindow.among(500, 20)).sum().backward()
    assert len(sizes) > 2 * 500 / 8
    assert max(sizes) <= 20_000


def test_deterministic_to_the_bit() -> None:
    parts = random_parts(100, 100)
    window = KeyWindow.among(100, 9)
    runs = [torch.autograd.grad(window_attention(*parts, window).square().sum(), parts) for _ in range(2)]
    assert all(torch.equal(first, second) for first, second in zip(*runs, strict=True))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.long())])
def test_compiled(backend: str) -> None:
    """The block kernel stays one operator; the compiler fuses the operations around it."""
    parts = [part.detach().float().requires_grad_() for part in random_parts(50, 50)]
    window = KeyWindow.among(50, 6)

    def work(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return window_attention(2 * query, key, value, window).tanh()

    torch.compiler.reset()
    expected = torch.autograd.grad(work(*parts).square().sum(), parts)
    found = torch.autograd.grad(torch.compile(work, backend=backend, fullgraph=True)(*parts).square().sum(), parts)
    for ours, reference in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, reference, rtol=1e-4, atol=1e-5)


def test_tensors_without_data_pass_through() -> None:
    """A plan of memory runs the model on such tensors, with nodes that would need a day."""
    window = KeyWindow.among(10**6, 512)
    query = torch.empty(1, 4, 10**6, 8, device="meta", requires_grad=True)
    out = window_attention(query, query, query, window.to("meta"))
    out.sum().backward()
    assert (out.shape, query.grad.shape) == (query.shape, query.shape)
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = torch.empty(1, 4, 1000, 8, requires_grad=True)
        window_attention(fake, fake, fake, KeyWindow.among(1000, 9)).sum().backward()
        assert fake.grad.shape == fake.shape


def test_bfloat16_is_computed_in_float32() -> None:
    parts = [part.detach().bfloat16() for part in random_parts(60, 60)]
    window = KeyWindow.among(60, 7)
    with torch.autocast("cpu", torch.bfloat16):
        found = window_attention(*parts, window)
    assert found.dtype == torch.bfloat16
    expected = window_attention(*(part.float() for part in parts), window)
    torch.testing.assert_close(found, expected.bfloat16(), rtol=0, atol=0)


def test_runs_of_a_band_are_its_borders_and_its_middle() -> None:
    """1000 nodes in blocks of 64 with a window of 10: a first block, 14 alike, and the last 40 nodes."""
    runs = [(run.start, run.low, run.queries, run.keys, run.blocks) for run in KeyWindow.among(1000, 10).runs]
    assert runs == [(0, 0, 64, 74, 1), (64, 54, 64, 84, 14), (960, 950, 40, 50, 1)]


@pytest.mark.parametrize(
    ("nodes", "window", "at_once"),
    [(70, 64, True), (162, 512, True), (642, 512, True), (642, 64, False), (2562, 512, False)],
)
def test_few_pairs_are_made_at_once(nodes: int, window: int, at_once: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The choice that `benchmarks/window_forms.py` has measured; the numbers are those of blocks."""
    monkeypatch.setattr(block_attention, "QUERIES", 128)
    parts, seen = (
        [part.detach().float() for part in random_parts(nodes, nodes, batch=1)],
        KeyWindow.among(nodes, window),
    )
    calls: list[int] = []
    sdpa = torch.nn.functional.scaled_dot_product_attention

    def spy(*arguments: Tensor, attn_mask: Tensor | None) -> Tensor:
        calls.append(1)
        return sdpa(*arguments, attn_mask=attn_mask)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    found = attention_of_any_form(*parts, seen)
    assert bool(calls) == at_once
    torch.testing.assert_close(found, window_attention(*parts, seen), rtol=1e-4, atol=1e-5)


def test_at_once_half_precision_is_computed_in_float32() -> None:
    parts, window = [part.detach().bfloat16() for part in random_parts(60, 60)], KeyWindow.among(60, 7)
    with torch.autocast("cpu", torch.bfloat16):
        found = attention_of_any_form(*parts, window)
    expected = attention_of_any_form(*(part.float() for part in parts), window)
    torch.testing.assert_close(found, expected.bfloat16(), rtol=0, atol=0)
