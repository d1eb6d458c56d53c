"""The backend `flash`: refused without flash_attn; with a function of its signature, the same numbers as `blocks`."""

import importlib.machinery
import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor
from wxml import ConfigError, EdgeSet, MapperChannels, Mesh, NodeSet, Route
from wxml.model.processor import ProcessorChannels
from wxml_processor_transformer.transformer_mapper import TransformerMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor


def nodes(count: int) -> NodeSet:
    return NodeSet(np.linspace(-80, 80, count), 50.0 * np.arange(count) % 360)


def processor(backend: str, window: int | None) -> TransformerProcessor:
    torch.manual_seed(7)
    mesh = Mesh(nodes(20), EdgeSet.between(nodes(20), nodes(20), [0], [0]))
    options = {"num_layers": 2, "num_heads": 2, "window": window, "qk_norm": True}
    return TransformerProcessor(mesh, ProcessorChannels(8), backend=backend, **options).double()


def plain_flash(query: Tensor, key: Tensor, value: Tensor, dropout_p: float, window_size: tuple[int, int]) -> Tensor:
    """The documented form of flash_attn: `[batch, node, head, channel]`, a window of (left, right), -1 for none."""
    assert dropout_p == 0
    place, other = torch.arange(query.shape[1]), torch.arange(key.shape[1])
    seen = (place[:, None] - other).abs() <= (window_size[0] if window_size[0] >= 0 else len(place) + len(other))
    scores = torch.einsum("bihc,bjhc->bhij", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("bhij,bjhc->bihc", torch.softmax(scores.masked_fill(~seen, -torch.inf), -1), value)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a stand-in."""
    stand_in = ModuleType("flash_attn")
    stand_in.__spec__ = importlib.machinery.ModuleSpec("flash_attn", None)
    stand_in.flash_attn_func = plain_flash
    monkeypatch.setitem(sys.modules, "flash_attn", stand_in)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)


@pytest.mark.carries_out("install flash-attn (CUDA only), or use `backend: blocks`: the same numbers")
def test_refused_until_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        without.setattr("wxml_processor_transformer.attention.find_spec", lambda _: None)
        with pytest.raises(ConfigError, match="needs the package flash-attn"):
            processor("flash", 3)
    state = torch.randn(2, 20, 8, dtype=torch.float64)
    expected = processor("blocks", 3)(state)
    install(monkeypatch)
    torch.testing.assert_close(processor("flash", 3)(state), expected)


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("window", [None, 3])
def test_the_same_numbers(window: int | None) -> None:
    state = torch.randn(2, 20, 8, dtype=torch.float64)
    torch.testing.assert_close(processor("flash", window)(state), processor("blocks", window)(state))


@pytest.mark.usefixtures("_installed")
@pytest.mark.carries_out("use `backend: blocks`, or `window: null`")
def test_a_window_between_two_node_sets_is_refused() -> None:
    route = Route(nodes(20), nodes(7), EdgeSet.between(nodes(20), nodes(7), [0], [0]))
    channels = MapperChannels(5, 4, 8, 8)
    with pytest.raises(ConfigError, match="no window between two node sets"):
        TransformerMapper(route, channels, window=3, backend="flash")
    source, target = torch.randn(1, 20, 5), torch.randn(1, 7, 4)
    for options in ({"window": None, "backend": "flash"}, {"window": 3, "backend": "blocks"}):
        _, mapped = TransformerMapper(route, channels, **options)(source, target)
        assert mapped.shape == (1, 7, 8)
