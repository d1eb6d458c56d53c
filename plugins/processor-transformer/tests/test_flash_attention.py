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
    place = torch.arange(query.shape[1])
    seen = (place[:, None] - place).abs() <= (window_size[0] if window_size[0] >= 0 else len(place))
    scores = torch.einsum("bihc,bjhc->bhij", query, key) / query.shape[-1] ** 0.5
    return torch.einsum("bhij,bjhc->bihc", torch.softmax(scores.masked_fill(~seen, -torch.inf), -1), value)


@pytest.fixture
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in = ModuleType("flash_attn")
    stand_in.__spec__ = importlib.machinery.ModuleSpec("flash_attn", None)
    stand_in.flash_attn_func = plain_flash
    monkeypatch.setitem(sys.modules, "flash_attn", stand_in)


def test_refused_where_it_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml_processor_transformer.attention.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="needs the package flash-attn") as caught:
        processor("flash", 3)
    assert "backend: blocks" in caught.value.fix


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("window", [None, 3])
def test_the_same_numbers(window: int | None) -> None:
    state = torch.randn(2, 20, 8, dtype=torch.float64)
    torch.testing.assert_close(processor("flash", window)(state), processor("blocks", window)(state))


@pytest.mark.usefixtures("_installed")
def test_a_window_between_two_node_sets_is_refused() -> None:
    route = Route(nodes(20), nodes(7), EdgeSet.between(nodes(20), nodes(7), [0], [0]))
    channels = MapperChannels(5, 4, 8, 8)
    with pytest.raises(ConfigError, match="no window between two node sets"):
        TransformerMapper(route, channels, window=3, backend="flash")
    assert isinstance(TransformerMapper(route, channels, window=None, backend="flash"), TransformerMapper)
