"""The provenance record of a file, and the sentence where there is none."""

import json
import os

import h5py
import netCDF4
import pytest
import xarray as xr
import zarr
from wxml.errors import ArtefactError, ContractError, DataError
from wxml_forecast_writers.netcdf_writer import NetcdfWriter
from wxml_forecast_writers.zarr_writer import ZarrWriter

# Not ASCII, nested, and longer than the 64 KiB that HDF5 once allowed an attribute.
RECORD = {"plugins": [{"name": "Zürich-ε", "options": {"a": None, "b": [1, 2.5, True]}}], "config": "x" * 300_000}


def test_a_record_reads_back(tmp_path, make_writer, make_header, write_forecast) -> None:
    writer = make_writer(tmp_path)
    path = write_forecast(writer, make_header(provenance=RECORD), [])
    assert type(writer).read_provenance(path) == RECORD
    with xr.open_dataset(path) as dataset:
        assert json.loads(dataset.attrs["wxml_provenance"]) == RECORD


def test_a_record_in_a_file_of_scores(tmp_path) -> None:
    path = str(tmp_path / "scores.nc")
    xr.Dataset(attrs={"wxml_provenance": json.dumps(RECORD)}).to_netcdf(path)
    assert NetcdfWriter.read_provenance(path) == RECORD


def test_a_file_that_is_not_there(tmp_path, make_writer) -> None:
    writer = make_writer(tmp_path)
    with pytest.raises(ArtefactError, match="cannot be read"):
        type(writer).read_provenance(writer.target)


def test_a_file_of_another_kind(tmp_path, make_writer) -> None:
    writer = make_writer(tmp_path)
    with open(writer.target, "w") as file:
        file.write("no forecast")
    with pytest.raises(ArtefactError, match="cannot be read"):
        type(writer).read_provenance(writer.target)


@pytest.mark.parametrize("text", ["{", "[1]", '"text"'])
def test_a_damaged_record(tmp_path, text) -> None:
    with netCDF4.Dataset(tmp_path / "a.nc", "w") as file:
        file.setncattr("wxml_provenance", text)
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).update_attributes({"wxml_provenance": text})
    for writer, name in (NetcdfWriter, "a.nc"), (ZarrWriter, "a.zarr"):
        with pytest.raises(ArtefactError, match=r"`wxml_provenance` of .* is damaged"):
            writer.read_provenance(str(tmp_path / name))


def test_a_record_that_is_no_text(tmp_path) -> None:
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).update_attributes({"wxml_provenance": 5})
    with pytest.raises(ArtefactError, match="is damaged"):
        ZarrWriter.read_provenance(str(tmp_path / "a.zarr"))


def test_a_file_that_wxml_did_not_write(tmp_path) -> None:
    netCDF4.Dataset(tmp_path / "a.nc", "w").close()
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    for writer, name in (NetcdfWriter, "a.nc"), (ZarrWriter, "a.zarr"):
        with pytest.raises(ArtefactError, match="wxml did not write it"):
            writer.read_provenance(str(tmp_path / name))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("content", [b"", b"{", b"null", b"[]", b"\xff\xfe"])
def test_a_zarr_group_with_damaged_metadata(tmp_path, make_header, write_forecast, zarr_format, content) -> None:
    path = write_forecast(ZarrWriter(str(tmp_path / "a.zarr"), zarr_format=zarr_format), make_header(), [])
    with open(os.path.join(path, ".zattrs" if zarr_format == 2 else "zarr.json"), "wb") as file:
        file.write(content)
    with pytest.raises(ArtefactError):
        ZarrWriter.read_provenance(path)


@pytest.mark.carries_out("write the data again, as numbers, into one file without links")
@pytest.mark.parametrize("place", ["/", "inner/group"])
@pytest.mark.parametrize("kind", ["external storage", "external link", "virtual variable", "soft link"])
def test_a_netcdf_file_that_leads_elsewhere(tmp_path, make_header, write_forecast, kind, place, lead_elsewhere) -> None:
    os.mkfifo(tmp_path / "other")  # whoever opens this pipe waits without end
    path = write_forecast(NetcdfWriter(str(tmp_path / "a.nc")), make_header(), [])
    lead_elsewhere(path, kind, place, tmp_path / "other")
    with pytest.raises(ArtefactError, match=r"`.*/a\.nc` .*`(inner/group/)?x`.*, so the file is not opened"):
        NetcdfWriter.read_provenance(path)
    with h5py.File(path, "a") as file:
        del file["x" if place == "/" else f"{place}/x"]
    with xr.open_dataset(path) as dataset:
        dataset.to_netcdf(tmp_path / "again.nc")
    assert NetcdfWriter.read_provenance(str(tmp_path / "again.nc")) == {"checkpoint": "abc"}


def test_half_a_netcdf_file(tmp_path, make_header, write_forecast) -> None:
    path = write_forecast(NetcdfWriter(str(tmp_path / "a.nc")), make_header(), [(0, 0, 1.0)])
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(ArtefactError, match="cannot be read"):
        NetcdfWriter.read_provenance(path)


@pytest.mark.parametrize("kind", [ArtefactError, ContractError, DataError])
def test_an_error_of_wxml_keeps_its_words(tmp_path, make_writer, monkeypatch, kind) -> None:
    def fail(target: str) -> None:
        raise kind("its own words", fix="its own fix")

    writer = make_writer(tmp_path)
    monkeypatch.setattr(type(writer), "_read_provenance_text", fail)
    with pytest.raises(kind, match=r"^its own words\n  its own fix$"):
        type(writer).read_provenance(writer.target)
