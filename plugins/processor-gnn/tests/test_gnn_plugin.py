"""The GNN as a plugin: found by name, options checked, and a model of its parts that learns."""

import numpy as np
import pytest
import torch
from wxml import ConfigError, Graph, MapperChannels
from wxml.model.bounding import Bounding
from wxml.model.encode_process_decode import EncodeProcessDecode
from wxml.model.features import GridFeatures, MeshFeatures
from wxml.model.processor import ProcessorChannels
from wxml.model.residual import Persistence
from wxml.model.tensors import to_tensor
from wxml.plugins.create import parse_options
from wxml.plugins.load import load
from wxml.plugins.resolve import resolve
from wxml.testing import TravellingWaves, tiny_graph, tiny_grid
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor


@pytest.mark.parametrize(("kind", "plugin"), [("processor", GnnProcessor), ("mapper", GnnMapper)])
def test_found_by_name(kind: str, plugin: type) -> None:
    assert load(resolve(kind, "gnn")) is plugin


def test_defaults() -> None:
    networks = {"hidden_layers": 2, "activation": "silu", "precision": "float32", "recompute": False, "backend": "auto"}
    assert parse_options(GnnProcessor, {}) == {"num_layers": 4, **networks}
    assert parse_options(GnnMapper, {}) == networks


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_layers": 0}, "num_layers"),
        ({"activation": "tanh"}, "'gelu', 'relu' or 'silu'"),
        ({"precision": "float16"}, "'float32' or 'bfloat16'"),
        ({"layers": 3}, "layers"),
        ({"backend": "pyg"}, "'auto', 'blocks' or 'triton'"),
    ],
)
def test_wrong_options_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_options(GnnProcessor, options)


@pytest.mark.carries_out("use `backend: auto`: the same numbers")
def test_triton_is_refused_on_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    mesh = tiny_graph(tiny_grid()).mesh()
    state = torch.randn(1, len(mesh.nodes), 8)
    with pytest.raises(ConfigError, match="`backend` cannot be 'triton'"):
        GnnProcessor(mesh, ProcessorChannels(8), num_layers=1, backend="triton")(state)
    assert GnnProcessor(mesh, ProcessorChannels(8), num_layers=1, backend="auto")(state).shape == state.shape


def gnn_model(graph: Graph, channels: int = 16) -> EncodeProcessDecode:
    """One variable, two input steps, no forcings."""
    grid, mesh = GridFeatures(graph.nodes["grid"], 0, 2, 1, 0), MeshFeatures(graph.nodes["mesh"], 0)
    encoder = GnnMapper(graph.route("grid", "mesh"), MapperChannels(grid.channels, mesh.channels, channels, channels))
    decoding = MapperChannels(channels, encoder.source_out, channels, 1, decode=True)
    decoder = GnnMapper(graph.route("mesh", "grid"), decoding)
    processor = GnnProcessor(graph.mesh(), ProcessorChannels(channels), num_layers=2)
    unbounded = Bounding(np.full(1, -np.inf, np.float32), np.full(1, np.inf, np.float32))
    return EncodeProcessDecode((grid, mesh), (encoder, processor, decoder), Persistence(0), unbounded, torch.ones(1))


def test_a_model_of_its_parts_learns_how_a_wave_travels() -> None:
    """Twelve hours of a wave that goes around in 48: learned on every second time, tested on the others."""
    waves = TravellingWaves(days=3)
    graph = tiny_graph(waves.header.grid)
    states = to_tensor((waves.read(waves.header.times, ["t"])[:, 0] - 280) / 10)
    windows = torch.stack([states[:-2], states[1:-1], states[2:]], dim=1)  # [initial time, window, node, 1]
    model = gnn_model(graph)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)

    def error(samples: torch.Tensor) -> torch.Tensor:
        forcings = samples.new_zeros(len(samples), 2, samples.shape[2], 0)
        return (model(samples[:, :2], forcings) - samples[:, 2:]).square().mean()

    for _ in range(60):
        optimizer.zero_grad()
        error(windows[::2]).backward()
        optimizer.step()
    persistence = (windows[1::2, 1] - windows[1::2, 2]).square().mean()
    assert error(windows[1::2]) < 0.1 * persistence
