"""Forecasts as tables: what other readers of Parquet find in them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from wxml import Grid
from wxml.errors import ArtefactError, ContractError, DataError
from wxml.forecasting.layout import MemberNumbers
from wxml_forecast_writers import parquet_writer
from wxml_forecast_writers.parquet_writer import ParquetWriter

STATIONS = Grid.unstructured([47.4, 52.1, 38.7], [8.5, 5.2, -9.1])


def at_stations(make_header, **changes):
    return make_header(STATIONS, stations=("Zürich", "De Bilt", "Lisboa"), **changes)


def test_a_row_has_times_place_and_values(tmp_path, make_header, write_forecast) -> None:
    header = at_stations(make_header)
    values = np.array([[[1, 2, np.nan], [10, 20, 30]]])
    path = write_forecast(ParquetWriter(str(tmp_path / "f.parquet")), header, [(1, 2, values), (0, 0, 5)])
    table = pd.read_parquet(path)
    names = ["time", "prediction_timedelta", "node", "station", "latitude", "longitude", "t_850", "msl"]
    assert list(table.columns) == names
    assert len(table) == 6
    row = table[(table.station == "De Bilt") & (table.prediction_timedelta == pd.Timedelta("24h"))].iloc[0]
    assert (row.time, row.latitude, row.longitude) == (pd.Timestamp("2020-01-01T12", tz="UTC"), 52.1, 5.2)
    assert (row.t_850, row.msl) == (2, 20)
    assert table.t_850.isna().sum() == 1
    assert pq.read_table(path).column("t_850").null_count == 0  # NaN, as in other files


def test_members_have_a_number(tmp_path, make_header, write_forecast) -> None:
    header = at_stations(make_header, members=2)
    values = np.arange(12).reshape(2, 2, 3)
    path = write_forecast(ParquetWriter(str(tmp_path / "f.parquet")), header, [(0, 1, values)])
    table = pd.read_parquet(path)
    assert table[(table.number == 1) & (table.station == "Lisboa")].msl.tolist() == [11]
    with ParquetWriter.read(path) as stored:
        assert stored.header.stations == header.stations
        np.testing.assert_array_equal(stored.read(0, "msl")[1], values[:, 1])


@pytest.mark.parametrize("numbers", [(17,), (3, 17)])
def test_members_that_were_chosen_keep_their_numbers(tmp_path, make_header, write_forecast, numbers) -> None:
    numbering = MemberNumbers(numbers, 20, control=True)
    header = replace(at_stations(make_header, members=len(numbers)), numbering=numbering)
    values = np.arange(6 * len(numbers)).reshape(-1, 2, 3)
    path = write_forecast(ParquetWriter(str(tmp_path / "f.parquet")), header, [(0, 1, values)])
    assert sorted(set(pd.read_parquet(path).number)) == list(numbers)
    with ParquetWriter.read(path) as stored:
        assert stored.header.numbering == numbering
        np.testing.assert_array_equal(stored.read(0, "msl")[1], values[:, 1])


def test_rows_are_written_in_groups(tmp_path, make_header, write_forecast, monkeypatch) -> None:
    monkeypatch.setattr(parquet_writer, "ROWS", 6)
    steps = [(time, lead, 1) for time in range(2) for lead in range(3)]
    path = write_forecast(ParquetWriter(str(tmp_path / "f.parquet")), at_stations(make_header), steps)
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [6, 6, 6]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd"])
def test_the_compression_reaches_the_file(tmp_path, make_header, write_forecast, compression) -> None:
    writer = ParquetWriter(str(tmp_path / "f.parquet"), compression=compression)
    path = write_forecast(writer, at_stations(make_header), [(0, 0, 1)])
    found = pq.ParquetFile(path).metadata.row_group(0).column(0).compression
    assert found == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())


@pytest.mark.carries_out(
    "name a file that `wxml forecast` wrote", "name a Parquet file that `wxml forecast` wrote", "write each step once"
)
def test_refusals(tmp_path, make_header, make_fields, write_forecast) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "other.parquet")
    (tmp_path / "note.parquet").write_text("no table")
    with pytest.raises(DataError, match=r"the forecast `.*other\.parquet` cannot be read"):
        ParquetWriter.read(str(tmp_path / "other.parquet"))
    with pytest.raises(ArtefactError, match=r"`.*note\.parquet` cannot be read"):
        ParquetWriter.read_provenance(str(tmp_path / "note.parquet"))
    header, writer = at_stations(make_header), ParquetWriter(str(tmp_path / "f.parquet"))
    writer.open(header)
    writer.write(make_fields(header, 0, 0, 1), header.lead_times[0])
    with pytest.raises(ContractError, match="called twice for one step"):
        writer.write(make_fields(header, 0, 0, 2), header.lead_times[0])
    writer.close()
    assert ParquetWriter.read_provenance(writer.target) == header.provenance
    with ParquetWriter.read(writer.target) as stored:
        assert stored.read(0, "msl")[0].tolist() == [[1, 1, 1]]
