"""The names of the weights of a model are found by the names of its plugins."""

from types import SimpleNamespace

import pytest
from wxml import MapperChannels, ModelConfig, ProcessorChannels
from wxml.testing import tiny_graph, tiny_grid
from wxml_anemoi.names import names_of_parts
from wxml_anemoi.tables import GnnNames, TransformerNames
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor

GRAPH = tiny_graph(tiny_grid(4, 6), mesh_nodes=10)
MODEL = SimpleNamespace(
    encoder=GnnMapper(GRAPH.route("grid", "mesh"), MapperChannels(5, 6, 8, 8)),
    processor=TransformerProcessor(GRAPH.mesh(), ProcessorChannels(8)),
    decoder=GnnMapper(GRAPH.route("mesh", "grid"), MapperChannels(8, 8, 8, 3, decode=True)),
)


def config(processor: str) -> ModelConfig:
    mapper = {"plugin": "wxml-processor-gnn:gnn"}
    return ModelConfig.model_validate(
        {"encoder": {"plugin": "gnn"}, "processor": {"plugin": processor}, "decoder": mapper}
    )


@pytest.mark.parametrize("processor", ["transformer", "wxml-processor-transformer:transformer", "Transformer"])
def test_bare_and_full_names_lead_to_the_same_names(processor: str) -> None:
    assert names_of_parts(MODEL, config(processor)) == {
        "encoder": GnnNames().of_part(MODEL.encoder),
        "processor": TransformerNames().of_part(MODEL.processor),
        "decoder": GnnNames().of_part(MODEL.decoder),
    }


def test_a_plugin_that_nobody_named_the_weights_of_has_none() -> None:
    assert names_of_parts(MODEL, config("pyg"))["processor"] is None
