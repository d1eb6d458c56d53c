"""The record of a forecast of each shipped format, without the plugin of the format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from wxml.files.record_file import plain_record, record_path, record_text, write_record
from wxml.testing.tiny_forecast import tiny_header, tiny_steps
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

WRITERS: dict[str, Callable[[Path], Any]] = {
    "netcdf": lambda folder: NetcdfWriter(str(folder / "f.nc")),
    "zarr-2": lambda folder: ZarrWriter(str(folder / "f.zarr")),
    "zarr-3": lambda folder: ZarrWriter(str(folder / "f.zarr"), zarr_format=3),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_store_tells_its_record_itself_and_a_file_has_it_beside(name: str, tmp_path: Path) -> None:
    header, writer = tiny_header(), WRITERS[name](tmp_path)
    writer.open(header)
    for step in tiny_steps(header):
        writer.write(step.fields, step.lead_time)
    writer.close()
    path, is_store = Path(writer.target), name != "netcdf"
    assert (plain_record(path) == header.provenance) == is_store
    beside = record_text(path, header.provenance)
    assert (beside is None) == is_store
    write_record(path, beside)
    assert plain_record(path) == header.provenance
    assert record_path(path).exists() != is_store
