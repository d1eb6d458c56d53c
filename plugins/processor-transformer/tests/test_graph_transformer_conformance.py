"""The conformance kit checks the promises of the interfaces."""

import os

from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_transformer.graph_transformer_mapper import GraphTransformerMapper
from wxml_processor_transformer.graph_transformer_processor import GraphTransformerProcessor

EVERY_CODE = "WXML_MACHINE_CODE" in os.environ  # nox -s machine-code


class TestGraphTransformerProcessor(ProcessorContract):
    plugin = GraphTransformerProcessor
    options = {"num_layers": 2}
    generates_code = EVERY_CODE


class TestGraphTransformerMapper(MapperContract):
    plugin = GraphTransformerMapper
    generates_code = EVERY_CODE
