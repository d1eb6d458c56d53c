"""The conformance kit checks the promises of the interfaces."""

import os

from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_gnn.mapper import GnnMapper
from wxml_processor_gnn.processor import GnnProcessor

EVERY_CODE = "WXML_MACHINE_CODE" in os.environ  # nox -s machine-code


class TestGnnProcessor(ProcessorContract):
    plugin = GnnProcessor
    generates_code = EVERY_CODE
    options = {"num_layers": 2}


class TestGnnMapper(MapperContract):
    plugin = GnnMapper
    generates_code = EVERY_CODE
