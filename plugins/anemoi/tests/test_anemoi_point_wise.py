"""The names of the ablations' weights."""

from wxml import MapperChannels, ProcessorChannels
from wxml.testing import tiny_graph, tiny_grid
from wxml_anemoi.tables import NoOpNames, PointWiseNames
from wxml_processor_gnn.ablations import NoOpProcessor, PointWiseMapper, PointWiseProcessor

GRAPH = tiny_graph(tiny_grid(4, 6), mesh_nodes=10)


def test_every_weight_has_a_name_of_anemoi() -> None:
    processor = PointWiseProcessor(GRAPH.mesh(), ProcessorChannels(6), num_layers=2)
    encoder = PointWiseMapper(GRAPH.route("grid", "mesh"), MapperChannels(5, 4, 6, 6))
    decoder = PointWiseMapper(GRAPH.route("mesh", "grid"), MapperChannels(6, 5, 6, 2, decode=True))
    for part in (processor, encoder, decoder):
        assert PointWiseNames().of_part(part).weights.keys() == {name for name, _ in part.named_parameters()}
    assert PointWiseNames().of_part(processor).weights["layers.1.3.bias"].names == ("proc.1.mlp.3.bias",)
    assert PointWiseNames().of_part(encoder).weights["layers.0.weight"].reads == "source"
    outputs = {name: weight.is_output for name, weight in PointWiseNames().of_part(decoder).weights.items()}
    assert [name for name, is_output in outputs.items() if is_output] == ["layers.1.weight", "layers.1.bias"]


def test_a_processor_without_weights_has_no_names() -> None:
    assert NoOpNames().of_part(NoOpProcessor(GRAPH.mesh(), ProcessorChannels(6))).weights == {}
