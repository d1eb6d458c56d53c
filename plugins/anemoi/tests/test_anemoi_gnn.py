"""The GNN gives the numbers that anemoi-models 0.19.0 gives for the same weights and inputs, all by formula.

`answers_gnn.json` was written where anemoi-models is installed, by `python peer-tests/reference_cases.py`.
"""

import json
from pathlib import Path

import pytest
from torch import nn
from wxml import MapperChannels
from wxml.model.processor import ProcessorChannels
from wxml.testing import tiny_graph, tiny_grid
from wxml_anemoi.closed_form import closed_form, fill_as_anemoi, response
from wxml_anemoi.tables import GnnNames
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor

ANSWERS = json.loads(Path(__file__).with_name("answers_gnn.json").read_text())
CHANNELS, LEARNED, BATCH = 8, 3, 2
GRAPH = tiny_graph(tiny_grid(4, 6), mesh_nodes=10)
ROUTES = {"encoder": GRAPH.route("grid", "mesh"), "decoder": GRAPH.route("mesh", "grid")}


def check(part: nn.Module, name: str, call, shapes: dict[str, tuple[int, int]]) -> None:
    fill_as_anemoi(part.double(), GnnNames().of_part(part))
    inputs = [closed_form(kind, (BATCH, *shape)) for kind, shape in shapes.items()]
    for kind, numbers in response(call, inputs, part.parameters()).items():
        assert numbers == pytest.approx(ANSWERS[name][kind], rel=1e-9, abs=1e-12), kind


def test_the_processor() -> None:
    part = GnnProcessor(
        GRAPH.mesh(), ProcessorChannels(CHANNELS, edge_features=LEARNED), num_layers=2, activation="gelu"
    )
    check(part, "processor", lambda state: [part(state)], {"state": (10, CHANNELS)})


def test_the_encoder() -> None:
    channels = MapperChannels(5, 6, CHANNELS, CHANNELS, edge_features=LEARNED)
    part = GnnMapper(ROUTES["encoder"], channels, activation="gelu")
    check(part, "encoder", part, {"source": (24, 5), "target": (10, 6)})


def test_the_decoder() -> None:
    channels = MapperChannels(CHANNELS, CHANNELS, CHANNELS, 3, decode=True, edge_features=LEARNED)
    part = GnnMapper(ROUTES["decoder"], channels, activation="gelu")
    check(part, "decoder", lambda *nodes: part(*nodes)[1:], {"source": (10, CHANNELS), "target": (24, CHANNELS)})


@pytest.mark.parametrize("hidden_layers", [1, 2, 4])
def test_every_parameter_has_a_name_of_its_own(hidden_layers: int) -> None:
    for part in (
        GnnProcessor(GRAPH.mesh(), ProcessorChannels(CHANNELS), num_layers=3, hidden_layers=hidden_layers),
        GnnMapper(ROUTES["encoder"], MapperChannels(5, 6, 8, 8, edge_features=LEARNED), hidden_layers=hidden_layers),
        GnnMapper(ROUTES["decoder"], MapperChannels(8, 8, 8, 3, True, LEARNED), hidden_layers=hidden_layers),
    ):
        weights = GnnNames().of_part(part).weights
        learned = {"edge_features.trainable"}
        assert set(weights) == {name for name, _ in part.named_parameters()} - learned
        theirs = [name for weight in weights.values() for name in weight.names]
        assert len(set(theirs)) == len(theirs)
