"""FlexAttention in windows: its numbers and gradients, its block mask, and when it is chosen."""

import copy
import itertools

import numpy as np
import pytest
import torch
import torch.nn.attention.flex_attention as torch_flex
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from wxml_kernels import BackendError, KeyWindow, flex_windows, window_attention
from wxml_kernels.flex_windows import block_mask, flex_attention_in_window, why_not_flex

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch itself


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(7)


@pytest.fixture
def _written_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """FlexAttention as torch writes it out, with all scores at once: on a CPU, this form alone has a backward pass."""
    monkeypatch.setattr(flex_windows, "_compiled", lambda: torch_flex.flex_attention)
    monkeypatch.setattr(torch_flex, "_validate_device", lambda *_: None)
    monkeypatch.setattr(torch_flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)


def parts(queries: int, keys: int, width: int = 5, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    shapes = ((2, 3, nodes, width) for nodes in (queries, keys, keys))
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for shape in shapes]


def some_window(queries: int, keys: int, window: int) -> KeyWindow:
    """With as many queries as keys, that of self-attention; else places with gaps and with crowds."""
    if queries == keys:
        return KeyWindow.among(queries, window)
    return KeyWindow(np.sort(np.random.default_rng(queries).integers(0, keys, queries)), keys, window)


SIZES = [(1, 1, 1), (130, 130, 20), (300, 300, 128), (257, 257, 400), (70, 300, 9), (300, 40, 3)]
"""Queries, keys, window: one node, no multiple of a block, windows wider than the nodes, two node sets."""


@pytest.mark.usefixtures("_written_out")
@pytest.mark.parametrize(("queries", "keys", "window"), SIZES)
def test_it_equals_the_form_for_cpus_with_gradients(queries: int, keys: int, window: int) -> None:
    given, seen = parts(queries, keys), some_window(queries, keys, window)
    outputs = (flex_attention_in_window(*given, seen), window_attention(*given, seen, backend="blocks"))
    results = [[out, *torch.autograd.grad(out, given, torch.ones_like(out).cumsum(-1))] for out in outputs]
    for flex, blocks in zip(*results, strict=True):
        torch.testing.assert_close(flex, blocks, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(("queries", "keys", "window"), SIZES)
def test_the_block_mask_is_the_one_that_torch_finds(queries: int, keys: int, window: int) -> None:
    """Torch looks at each query and key; a gap between two windows of a block may be in ours, all of it masked."""
    seen = some_window(queries, keys, window)
    ours, (first, last) = block_mask(seen), seen.bounds
    theirs = torch_flex.create_block_mask(
        lambda _b, _h, i, j: (first[i] <= j) & (j <= last[i]), None, None, queries, keys, device="cpu"
    )
    assert ours.seq_lengths == theirs.seq_lengths
    assert torch.equal(ours.full_kv_num_blocks, theirs.full_kv_num_blocks)
    assert bool((ours.to_dense() >= theirs.to_dense()).all())
    if queries == keys:
        assert torch.equal(ours.to_dense(), theirs.to_dense())
        assert torch.equal(ours.q_num_blocks, theirs.q_num_blocks)


@pytest.mark.long("test_inside_of_a_compiled_model")
def test_compiled_for_a_cpu_it_has_the_same_numbers() -> None:
    """With its own code, which follows the block mask; without gradients, of which there are none on a CPU."""
    given, window = [part.detach() for part in parts(300, 300, dtype=torch.float32)], KeyWindow.among(300, 20)
    expected = window_attention(*given, window, backend="blocks")
    torch.testing.assert_close(window_attention(*given, window, backend="flex"), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("made_before", [False, True])
def test_inside_of_a_compiled_model(made_before: bool) -> None:
    given, window = [part.detach() for part in parts(140, 140, dtype=torch.float32)], KeyWindow.among(140, 20)
    if made_before:
        block_mask(window)

    def model(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return window_attention(2 * query, key, value, window, backend="flex").tanh()

    torch.compiler.reset()
    found = torch.compile(model, backend="aot_eager", fullgraph=True, dynamic=False)(*given)
    query, key, value = given
    torch.testing.assert_close(found, window_attention(2 * query, key, value, window).tanh(), rtol=1e-4, atol=1e-5)


def test_a_copy_of_a_window_makes_its_own_block_mask() -> None:
    """The mask holds a function, which a copy for another process could not take along."""
    window = KeyWindow.among(300, 20)
    assert block_mask(window) is block_mask(window)
    twin = copy.deepcopy(window)
    assert torch.equal(block_mask(twin).kv_indices, block_mask(window).kv_indices)
    assert block_mask(twin) is not block_mask(window)


def test_asked_for_where_it_cannot_run_it_says_why() -> None:
    given, window = parts(20, 20), KeyWindow.among(20, 3)
    with pytest.raises(BackendError, match="`backend` cannot be 'flex': on a cpu it has no backward pass"):
        window_attention(*given, window, backend="flex")
    with torch.no_grad(), pytest.raises(BackendError, match="`backend` cannot be 'flex': it has no dropout"):
        window_attention(*given, window, 0.1, backend="flex")


def test_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTensorMode():
        on = {name: torch.empty(1, 1, 4, 8, device=name) for name in ("cuda", "xpu", "cpu")}
        double = torch.empty(1, 1, 4, 8, device="cuda", dtype=torch.float64)
    assert why_not_flex(on["cpu"]) is None
    assert why_not_flex(on["xpu"]) == "it runs on cuda, and without gradients on a cpu, and the device is xpu"
    assert why_not_flex(double) == "on cuda it has no float64"
    for has_triton, reason in ((False, "the package triton is not installed"), (True, None)):
        monkeypatch.setattr(flex_windows, "HAS_TRITON", has_triton)
        assert why_not_flex(on["cuda"], gradients=True) == reason


def test_a_plan_of_memory_holds_what_flex_holds() -> None:
    """Queries, keys, values and results, without the copies of keys and values that the form of torch makes."""
    sizes: list[int] = []

    def pack(values: Tensor) -> Tensor:
        sizes.append(values.numel())
        return values

    with FakeTensorMode(allow_non_fake_inputs=True):
        query = torch.empty(1, 2, 1000, 16, requires_grad=True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda values: values):
            out = window_attention(query, query, query, KeyWindow.among(1000, 64), backend="flex")
        out.sum().backward()
    assert sorted(sizes) == [2000, *[query.numel()] * 4]


def test_a_plan_for_a_gpu_expects_flex_where_there_is_triton(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml_kernels.windows.windowed_sdpa", lambda *_: pytest.fail("another form was planned"))
    monkeypatch.setattr(flex_windows, "HAS_TRITON", True)
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
        window = KeyWindow.among(1000, 64)
        query = torch.empty(1, 2, 1000, 16, device="cuda")
        assert window_attention(query, query, query, window).device.type == "cuda"


@pytest.mark.parametrize("fault", ["none", "numbers", "error"])
def test_auto_follows_a_trial_that_is_made_once(
    fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A form that gives other numbers, or none, is left out, and the log tells it."""
    calls = itertools.count()

    def flex(query: Tensor, key: Tensor, value: Tensor, window: KeyWindow) -> Tensor:
        next(calls)
        if fault == "error":
            raise RuntimeError("no shared memory\nmore of it")
        return window_attention(query, key, value, window) * (1.1 if fault == "numbers" else 1.0)

    monkeypatch.setattr(flex_windows, "flex_attention_in_window", flex)
    flex_windows._tell.cache_clear()
    window, value = KeyWindow.among(50, 4), torch.zeros(2, 3, 50, 8)
    reasons = {
        "none": None,
        "numbers": "it gave other numbers in a trial",
        "error": "a trial failed: RuntimeError: no shared memory",
    }
    assert [flex_windows._fault_of_trial(value, window) for _ in range(3)] == [reasons[fault]] * 3
    assert next(calls) == 1
    with caplog.at_level("INFO", logger="wxml.kernels"):
        flex_windows._tell("cuda:7", reasons[fault])
    assert ("FlexAttention on cuda:7" in caplog.text) == (fault == "none")
    flex_windows._tell.cache_clear()
