"""The conformance kit checks the promises of the interfaces."""

import os
from typing import ClassVar

from wxml.testing import MapperContract, ProcessorContract
from wxml_processor_transformer.transformer_mapper import TransformerMapper
from wxml_processor_transformer.transformer_processor import TransformerProcessor

EVERY_CODE = "WXML_MACHINE_CODE" in os.environ  # nox -s machine-code


class TestTransformerProcessor(ProcessorContract):
    plugin = TransformerProcessor
    options: ClassVar = {"num_layers": 2, "window": 4}
    generates_code = EVERY_CODE


class TestTransformerProcessorWithEverything(ProcessorContract):
    plugin = TransformerProcessor
    options: ClassVar = {
        "num_layers": 2,
        "window": 3,
        "position": "sphere",
        "mlp": "swiglu",
        "mlp_ratio": 2.67,
        "qk_norm": True,
        "norm": "rms-norm",
        "dropout": 0.1,
    }


class TestTransformerMapper(MapperContract):
    plugin = TransformerMapper
    options: ClassVar = {"window": 4, "position": "rank"}
    generates_code = EVERY_CODE
