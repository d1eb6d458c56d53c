"""The transformers give the numbers that anemoi-models 0.19.0 gives for the same weights and inputs, all by formula.

`answers_transformer.json` was written where anemoi-models is installed, by `python peer-tests/reference_cases.py`.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn
from wxml import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml.testing import tiny_graph, tiny_grid
from wxml_anemoi.closed_form import closed_form, fill_as_anemoi, response
from wxml_anemoi.tables import GraphTransformerNames, TransformerNames
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor
from wxml_processor_transformer.transformer_mapper import TransformerMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor

ANSWERS = json.loads(Path(__file__).with_name("answers_transformer.json").read_text())
CHANNELS, LEARNED, BATCH = 8, 3, 2
GRAPH = tiny_graph(tiny_grid(4, 6), mesh_nodes=10)
MESH, DOWN, UP = GRAPH.mesh(), GRAPH.route("grid", "mesh"), GRAPH.route("mesh", "grid")
ENCODE = MapperChannels(5, 6, CHANNELS, CHANNELS, edge_features=LEARNED)
DECODE = MapperChannels(CHANNELS, 5, CHANNELS, 3, decode=True, edge_features=LEARNED)
PROCESS = ProcessorChannels(CHANNELS, edge_features=LEARNED)
AS_ANEMOI = {"num_heads": 2, "order": "as-is"}


def names_of(part: nn.Module) -> Any:
    is_graph = isinstance(part, GraphTransformerMapper | GraphTransformerProcessor)
    return (GraphTransformerNames if is_graph else TransformerNames)().of_part(part)


def check(part: nn.Module, name: str, call: Callable[..., Any], shapes: dict[str, tuple[int, int]]) -> None:
    fill_as_anemoi(part.double(), names_of(part))
    inputs = [closed_form(kind, (BATCH, *shape)) for kind, shape in shapes.items()]
    for kind, numbers in response(call, inputs, part.parameters()).items():
        assert numbers == pytest.approx(ANSWERS[name][kind], rel=1e-9, abs=1e-12), kind


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("full", {"window": None}),
        ("window", {"window": 3}),
        ("qk_norm swiglu", {"window": None, "qk_norm": True, "mlp": "swiglu"}),
    ],
)
def test_the_transformer(name: str, options: dict[str, Any]) -> None:
    part = TransformerProcessor(MESH, PROCESS, num_layers=2, **AS_ANEMOI, **options)
    check(part, f"transformer {name}", lambda state: [part(state)], {"state": (10, CHANNELS)})


@pytest.mark.parametrize(("name", "options"), [("", {}), (" qk_norm glu", {"qk_norm": True, "mlp": "glu"})])
def test_the_graph_transformer(name: str, options: dict[str, Any]) -> None:
    part = GraphTransformerProcessor(MESH, PROCESS, num_layers=2, num_heads=2, **options)
    check(part, f"graph-transformer{name}", lambda state: [part(state)], {"state": (10, CHANNELS)})


def mappers(channels: MapperChannels) -> dict[str, nn.Module]:
    route = UP if channels.decode else DOWN
    return {
        "transformer": TransformerMapper(route, channels, window=None, **AS_ANEMOI),
        "graph-transformer": GraphTransformerMapper(route, channels, num_heads=2),
    }


@pytest.mark.parametrize("family", ["transformer", "graph-transformer"])
def test_the_encoder(family: str) -> None:
    part = mappers(ENCODE)[family]
    check(part, f"{family} encoder", part, {"source": (24, 5), "target": (10, 6)})


@pytest.mark.parametrize("family", ["transformer", "graph-transformer"])
def test_the_decoder(family: str) -> None:
    part = mappers(DECODE)[family]
    shapes = {"source": (10, CHANNELS), "target": (24, 5)}
    check(part, f"{family} decoder", lambda *nodes: part(*nodes)[1:], shapes)


@pytest.mark.parametrize("mlp", ["mlp", "geglu"])
@pytest.mark.parametrize("qk_norm", [False, True])
@pytest.mark.parametrize("condition", [0, 4])
def test_every_parameter_has_a_name_of_its_own(mlp: str, qk_norm: bool, condition: int) -> None:
    channels = replace(PROCESS, condition=condition)
    for part in (
        TransformerProcessor(MESH, channels, mlp=mlp, qk_norm=qk_norm),
        GraphTransformerProcessor(MESH, channels, mlp=mlp, qk_norm=qk_norm),
        *mappers(ENCODE).values(),
        *mappers(DECODE).values(),
    ):
        weights = names_of(part).weights
        assert set(weights) == {name for name, _ in part.named_parameters()} - {"edge_features.trainable"}
        theirs = [name for weight in weights.values() for name in weight.names]
        assert len(set(theirs)) == len(theirs)


def test_layers_that_share_a_projection_have_no_counterpart() -> None:
    assert names_of(GraphTransformerProcessor(MESH, PROCESS, edge_projection="once")) is None
