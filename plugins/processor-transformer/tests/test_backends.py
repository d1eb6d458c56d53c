"""The choice of a backend: the same numbers from each, an error where one cannot run, and what `auto` takes."""

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from wxml import ConfigError, EdgeSet, Mesh, NodeSet
from wxml.model.processor import ProcessorChannels
from wxml_kernels import KeyWindow
from wxml_processor_transformer import attention
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor
from wxml_processor_transformer.transformer_processor import TransformerProcessor


@pytest.fixture
def mesh() -> Mesh:
    nodes = NodeSet(np.linspace(-80, 80, 20), 50.0 * np.arange(20) % 360)
    return Mesh(nodes, EdgeSet.between(nodes, nodes, np.arange(20), (np.arange(20) + 1) % 20))


def transformer(mesh: Mesh, backend: str, dropout: float = 0.0) -> TransformerProcessor:
    torch.manual_seed(3)
    return TransformerProcessor(
        mesh, ProcessorChannels(8), num_layers=1, num_heads=2, window=3, backend=backend, dropout=dropout
    )


@pytest.mark.carries_out("use `backend: auto`: the same numbers")
def test_flex_on_a_cpu_forecasts_and_does_not_train(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled it has a test in wxml-kernels; here it is written out."""
    from torch.nn.attention.flex_attention import flex_attention

    monkeypatch.setattr("wxml_kernels.flex_windows._compiled", lambda: flex_attention)
    monkeypatch.setattr("torch.nn.attention.flex_attention._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True)
    state, flex, auto = torch.randn(2, 20, 8), transformer(mesh, "flex"), transformer(mesh, "auto")
    with torch.no_grad():
        found = flex(state)
    torch.testing.assert_close(found, auto(state), rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="on a cpu it has no backward pass"):
        flex(state)


@pytest.mark.carries_out("use `backend: auto`, or `dropout: 0`")
def test_flex_has_no_dropout(mesh: Mesh) -> None:
    with pytest.raises(ConfigError, match="`flex` has no dropout of weights, got `dropout`"):
        transformer(mesh, "flex", dropout=0.1)
    assert transformer(mesh, "auto", dropout=0.1).layers[0].attention.backend == "auto"
    assert transformer(mesh, "flex").layers[0].attention.backend == "flex"


@pytest.mark.carries_out("use `backend: auto`: the same numbers")
def test_triton_is_refused_on_a_cpu(mesh: Mesh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    state = torch.randn(1, 20, 8)
    with pytest.raises(ConfigError, match="`backend` cannot be 'triton'"):
        GraphTransformerProcessor(mesh, ProcessorChannels(8), num_layers=1, num_heads=2, backend="triton")(state)
    GraphTransformerProcessor(mesh, ProcessorChannels(8), num_layers=1, num_heads=2, backend="auto")(state)


def test_auto_takes_flash_for_half_precision_on_a_new_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not in single precision, on a CPU, for wide heads, or in a window between two node sets."""
    monkeypatch.setattr(attention, "_found_flash", lambda _: True)
    band, between = KeyWindow.among(40, 3), KeyWindow(np.zeros(9, np.int64), 40, 3)
    with FakeTensorMode():
        half = torch.empty(1, 2, 40, 8, device="cuda", dtype=torch.bfloat16)
        wide = torch.empty(1, 2, 40, 512, device="cuda", dtype=torch.bfloat16)
        full = torch.empty(1, 2, 40, 8, device="cuda")
        on_cpu = torch.empty(1, 2, 40, 8, dtype=torch.bfloat16)
    chosen = [attention._has_flash(half, window) for window in (band, None, between)]
    assert chosen == [True, True, False]
    assert not any(attention._has_flash(values, band) for values in (wide, full, on_cpu))


@pytest.mark.parametrize(
    ("spec", "available", "capability", "found"),
    [(None, True, (9, 0), False), ("here", False, (9, 0), False), ("here", True, (7, 5), False)],
)
def test_flash_needs_its_package_and_a_new_gpu(
    spec: str | None, available: bool, capability: tuple[int, int], found: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    attention._found_flash.cache_clear()
    monkeypatch.setattr(attention, "find_spec", lambda _: spec)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    assert attention._runs_flash("cuda:0") == found
    attention._found_flash.cache_clear()


def test_a_flash_that_cannot_be_imported_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is not installed here, though its name is said to be known."""
    attention._found_flash.cache_clear()
    monkeypatch.setattr(attention, "find_spec", lambda _: "here")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (9, 0))
    assert not attention._runs_flash("cuda:0")
    assert "flash_attn is installed and cannot be imported" in caplog.text
    attention._found_flash.cache_clear()
