"""The conformance kit checks the promises of the interfaces."""

import os

from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor


class TestGnnProcessor(ProcessorContract):
    plugin = GnnProcessor
    options = {"num_layers": 2}


class TestGnnMapper(MapperContract):
    plugin = GnnMapper
    generates_code = "WXML_MACHINE_CODE" in os.environ  # nox -s machine-code
