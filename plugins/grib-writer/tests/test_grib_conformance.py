"""The conformance kit on the writer."""

from wxml.testing import ForecastWriterContract
from wxml_grib_writer.writer import Grib2Writer


class TestGrib2(ForecastWriterContract):
    plugin = Grib2Writer
    suffix = ".grib2"
    options = {"packing": "ieee"}


class TestPacked(TestGrib2):
    options = {"bits": 24}
