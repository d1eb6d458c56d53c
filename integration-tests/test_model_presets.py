"""The presets of the model families: each makes a model, and the published sizes have the published weights."""

from pathlib import Path

import pytest
import torch
from wxml.config.load import load_config
from wxml.config.model_schema import ModelConfig
from wxml.model.mapper import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml.plugins.create import create
from wxml.testing import tiny_graph, tiny_grid

EXPERIMENT = """
data:
  source: {plugin: simulated-atmosphere}
  split: {training: [2000-01-01, 2000-01-10]}
graph: {plugin: icosahedral}
training: {plugin: lightning}
"""
FAMILIES = ("gnn", "graph-transformer", "transformer")
SIZES = ("", "-tiny", "-small", "-full")


def model_config(folder: Path, preset: str) -> ModelConfig:
    path = folder / "experiment.yaml"
    path.write_text(EXPERIMENT)
    return load_config(path, [f"model={preset}"]).config.model


def weights(config: ModelConfig) -> dict[str, int]:
    """How many weights each part has on a graph of few nodes, without memory for any."""
    graph, hidden = tiny_graph(tiny_grid()), config.channels
    encoding = MapperChannels(source=10, target=4, hidden=hidden, out=hidden)
    with torch.device("meta"):
        choice, width = config.processor, ProcessorChannels(hidden)
        processor = create("processor", choice.plugin, choice.options, graph.mesh(), width)
        route = graph.route("grid", "mesh")
        encoder = create("mapper", config.encoder.plugin, config.encoder.options, route, encoding)
        decoding = MapperChannels(hidden, encoder.source_out, hidden, 3, decode=True)
        back = graph.route("mesh", "grid")
        decoder = create("mapper", config.decoder.plugin, config.decoder.options, back, decoding)
    parts = {"encoder": encoder, "processor": processor, "decoder": decoder}
    return {name: sum(weight.numel() for weight in part.parameters()) for name, part in parts.items()}


@pytest.mark.parametrize("family", FAMILIES)
def test_sizes_grow_and_small_is_the_bare_name(family: str, tmp_path: Path) -> None:
    bare, tiny, small, full = (weights(model_config(tmp_path, family + size)) for size in SIZES)
    assert bare == small
    assert all(tiny[part] < small[part] < full[part] for part in small)


@pytest.mark.parametrize(
    ("family", "channels", "per_layer"), [("gnn", 512, 9), ("graph-transformer", 1024, 13), ("transformer", 1024, 12)]
)
def test_the_full_size_is_the_published_one(family: str, channels: int, per_layer: int, tmp_path: Path) -> None:
    """16 layers of 9, 13 and 12 matrices of channels × channels; biases, norms and edges add less than 3 %."""
    config = model_config(tmp_path, f"{family}-full")
    matrices = 16 * per_layer * channels**2
    assert config.channels == channels
    assert matrices < weights(config)["processor"] < 1.03 * matrices
