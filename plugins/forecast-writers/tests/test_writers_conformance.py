"""The conformance kit on the writers."""

from wxml.testing import ForecastWriterContract
from wxml_forecast_writers.maps_writer import MapsWriter
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.parquet_writer import ParquetWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter


class TestNetcdf(ForecastWriterContract):
    plugin = NetcdfWriter
    suffix = ".nc"


class TestParquet(ForecastWriterContract):
    plugin = ParquetWriter
    suffix = ".parquet"


class TestMaps(ForecastWriterContract):
    plugin = MapsWriter
    suffix = ".maps"
    options = {"dots": 30}


class TestZarr(ForecastWriterContract):
    plugin = ZarrWriter
    suffix = ".zarr"


class TestZarr2(TestZarr):
    options = {"zarr_format": 2}
