"""The conformance kit checks the promises of the interfaces."""

from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor


class TestGraphTransformerProcessor(ProcessorContract):
    plugin = GraphTransformerProcessor
    options = {"num_layers": 2}


class TestGraphTransformerMapper(MapperContract):
    plugin = GraphTransformerMapper
