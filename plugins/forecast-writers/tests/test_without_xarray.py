"""A forecast is written without xarray, and read once it is there."""

import sys

import numpy as np
import pytest
from wxml.errors import DataError


@pytest.mark.carries_out("install the extra `{}` of {}")
def test_reading_says_what_to_install(tmp_path, make_writer, make_header, make_fields, monkeypatch) -> None:
    writer, header = make_writer(tmp_path), make_header()
    writer.open(header)
    writer.write(make_fields(header, 0, 0, 5.0), np.timedelta64(6, "h"))
    writer.close()
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "wxml_forecast_writers.reading", raising=False)
        patch.setitem(sys.modules, "xarray", None)
        with pytest.raises(DataError, match="needs the package xarray, which is not installed"):
            type(writer).read(writer.target)
    with type(writer).read(writer.target) as forecast:
        assert (forecast.read(0, header.variables[0].name)[0] == 5.0).all()
