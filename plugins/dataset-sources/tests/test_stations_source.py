"""The source `stations`: tables of observations with the right values, and what it says about tables with faults."""

import logging
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.stations_source import StationsSource
from wxml_dataset_sources.xarray_reading.second_60 import tell_second_60

SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")
carries_out = pytest.mark.carries_out

WIDE = """station,time,latitude,longitude,elevation,t,wind
OSLO,2020-01-01T00:00:00Z,59.9,10.7,94,270.5,3
BERN,2020-01-01T00:00:00Z,46.9,7.4,553,272,NA
OSLO,2020-01-01 01:00,59.9,10.7,94,,4
BERN,2020-01-01T03:00+02:00,46.9,7.4,553,271.5,5
OSLO,2020-01-01T02:00,59.9,10.7,94,269,
"""
LONG = """station;time;latitude;longitude;variable;value;quality
OSLO;2020-01-01T00;59.9;10.7;t;270.5;0
BERN;2020-01-01T00;46.9;7.4;t;272;1
OSLO;2020-01-01T00;59.9;10.7;wind;3;0
OSLO;2020-01-01T01;59.9;10.7;wind;99;3
BERN;2020-01-01T01;46.9;7.4;t;271.5;0
"""
NAN = np.nan


def table(folder: Path, text: str = WIDE, name: str = "table.csv") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def values(source: StationsSource, name: str) -> list[list[float]]:
    return source.read(source.header.times, [name])[:, 0, 0].tolist()


class TestStations(DataSourceContract):
    plugin = StationsSource
    missing = [("2020-01-01T00", "wind")]

    @pytest.fixture(autouse=True, params=["wide", "long"])
    def _file(self, request, tmp_path):
        self.options = {"path": table(tmp_path, WIDE if request.param == "wide" else LONG)}


def test_a_column_for_each_variable(tmp_path: Path) -> None:
    source = StationsSource(path=table(tmp_path), units={"t": "K"})
    header = source.header
    assert header.names == ("t", "wind", "elevation")
    assert [variable.units for variable in header.variables] == ["K", "", "m"]
    assert header.times.astype(str).tolist() == [f"2020-01-01T0{hour}:00:00" for hour in (0, 1, 2)]
    assert header.grid.latitudes.tolist() == [46.9, 59.9]  # in the order of their names
    assert header.grid.longitudes.tolist() == [7.4, 10.7]
    np.testing.assert_array_equal(values(source, "t"), [[272, 270.5], [271.5, NAN], [NAN, 269]])
    np.testing.assert_array_equal(values(source, "wind"), [[NAN, 3], [5, 4], [NAN, NAN]])
    assert values(source, "elevation") == [[553, 94]] * 3


def test_a_row_for_each_value(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = StationsSource(path=table(tmp_path, LONG), variables=["wind", "t"])
    assert source.header.names == ("wind", "t")
    np.testing.assert_array_equal(values(source, "wind"), [[NAN, 3], [NAN, 99]])
    with caplog.at_level(logging.WARNING, logger="wxml"):
        good = StationsSource(path=table(tmp_path, LONG), quality=[0, 1])
    np.testing.assert_array_equal(values(good, "wind"), [[NAN, 3], [NAN, NAN]])
    np.testing.assert_array_equal(values(good, "t"), [[272, 270.5], [271.5, NAN]])
    assert "1 values of another `quality` count as missing" in caplog.text


def test_names_of_columns_and_places_from_another_table(tmp_path: Path) -> None:
    rows = "when,who,t\n2020-01-01,B,1\n2020-01-01,A,2\n"
    places = "station,latitude,longitude\nC,0,0\nB,10,20\nA,-10,-20\n"
    columns = {"station": "who", "time": "when"}
    path, where = table(tmp_path, rows), table(tmp_path, places, "places.csv")
    source = StationsSource(path=path, columns=columns, places=where)
    assert source.header.grid.latitudes.tolist() == [-10, 10]
    assert source.header.grid.longitudes.tolist() == [340, 20]
    assert values(source, "t") == [[2, 1]]
    assert len(source.provenance()["files"]) == 2


def test_several_files_and_equal_rows_are_one(tmp_path: Path) -> None:
    first, *rows = WIDE.splitlines()
    paths = [table(tmp_path, "\n".join([first, *rows[start : start + 3]]), f"{start}.csv") for start in (0, 2)]
    whole, joined = (StationsSource(path=path) for path in (table(tmp_path), paths))
    for name in whole.header.names:
        np.testing.assert_array_equal(values(joined, name), values(whole, name))


@carries_out("write which of {} it is: `columns: {{}: NAME}`")
def test_a_column_of_another_name_is_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, WIDE.replace("station,", "origin,"))
    with pytest.raises(DataError, match="no column 'station'") as caught:
        StationsSource(path=path)
    assert "origin, time" in caught.value.fix
    assert StationsSource(path=path, columns={"station": "origin"}).header.names


@carries_out("write a table of the stations, with station, latitude and longitude, and name it in `places`")
def test_places_are_asked_for(tmp_path: Path) -> None:
    path = table(tmp_path, "station,time,t\nA,2020-01-01,1\n")
    with pytest.raises(DataError, match="no column 'latitude'"):
        StationsSource(path=path)
    where = table(tmp_path, "station,latitude,longitude\nA,1,2\n", "places.csv")
    assert values(StationsSource(path=path, places=where), "t") == [[1]]


@carries_out(
    "name its columns station, latitude, longitude", "add their latitudes and longitudes to the table of places"
)
def test_a_table_of_places_that_lacks_something(tmp_path: Path) -> None:
    path = table(tmp_path, "station,time,t\nA,2020-01-01,1\nB,2020-01-01,1\n")
    with pytest.raises(DataError, match="no column 'longitude'"):
        StationsSource(path=path, places=table(tmp_path, "station,latitude,lon\nA,1,2\n", "places.csv"))
    with pytest.raises(DataError, match="the stations B"):
        StationsSource(path=path, places=table(tmp_path, "station,latitude,longitude\nA,1,2\n", "places.csv"))
    where = table(tmp_path, "station,latitude,longitude\nA,1,2\nB,3,4\n", "places.csv")
    assert len(StationsSource(path=path, places=where).header.grid) == 2


@carries_out("give the two places two names, or write one place into `places`")
def test_a_station_that_moves_is_refused(tmp_path: Path) -> None:
    path = table(tmp_path, WIDE.replace("01:00,59.9", "01:00,60.1"))
    with pytest.raises(DataError, match=r"'OSLO' has the latitude 59.9 in one row and 60.1 in another"):
        StationsSource(path=path)
    where = table(tmp_path, "station,latitude,longitude\nOSLO,60,10\nBERN,46.9,7.4\n", "places.csv")
    assert StationsSource(path=path, places=where).header.grid.latitudes.tolist() == [46.9, 60]
    renamed = WIDE.replace("OSLO,2020-01-01 01:00,59.9", "OSLO-2,2020-01-01 01:00,60.1")
    assert len(StationsSource(path=table(tmp_path, renamed)).header.grid) == 3


@carries_out("choose with `repeated: first` or `repeated: last`, or by `quality`")
def test_two_values_for_one_time_are_refused_until_one_is_chosen(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    twice = LONG + "OSLO;2020-01-01T00;59.9;10.7;t;271;2\nBERN;2020-01-01T00;46.9;7.4;t;272;2\n"
    path = table(tmp_path, twice)
    with pytest.raises(DataError, match=r"'OSLO' reports two values of `t` for 2020-01-01T00: 270.5 and 271"):
        StationsSource(path=path)
    assert values(StationsSource(path=path, quality=["0", "1"]), "t")[0] == [272, 270.5]
    caplog.clear()
    assert values(StationsSource(path=path, repeated="first"), "t")[0] == [272, 270.5]
    assert caplog.messages == [f"`{path}`: 1 values that are not the first one of their time count as missing"]
    assert values(StationsSource(path=path, repeated="last"), "t")[0] == [272, 271]


@carries_out("correct the entry, or leave `{}` out with `variables`")
def test_an_entry_that_is_no_number_is_named(tmp_path: Path) -> None:
    path = table(tmp_path, WIDE.replace("269,", "cold,"))
    with pytest.raises(DataError, match=r"`t` of .*table.csv` holds 'cold' in row 6"):
        StationsSource(path=path)
    assert StationsSource(path=path, variables=["wind"]).header.names == ("wind",)
    assert values(StationsSource(path=table(tmp_path)), "t")[2][1] == 269


REPORTS = """station,time,latitude,longitude,t,tq,note
A,2020-01-01T00:52,1,2,10,V,early
A,2020-01-01T01:03,1,2,11,V,nearest to one
A,2020-01-01T01:05,1,2,12,X,
A,2020-01-01T02:25,1,2,13,V,far from two
A,2020-01-01T05:58+03:00,1,2,14,V,near to three
B,2020-01-01T02:00,3,4,-999,V,
B,2020-01-01T01:02,3,4,,V,
B,2020-01-01T00:55,3,4,21,V,
C,2020-01-01T01:00,5,6,30,V,
"""


def test_the_nearest_report_counts_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    source = StationsSource(
        path=table(tmp_path, REPORTS),
        variables=["t"],
        quality=["V"],
        quality_columns={"t": "tq"},
        without=["C"],
        limits={"t": (-90, 60)},
        every="1h",
        within="10min",
    )
    assert source.header.grid.names == ("A", "B")
    assert [str(time)[11:13] for time in source.header.times] == ["01", "02", "03"]
    np.testing.assert_array_equal(values(source, "t"), [[11, 21], [NAN, NAN], [14, NAN]])
    assert source.provenance()["dropped"] == {
        "of stations that are left out": 1,
        "of another `quality`": 1,
        "beyond `limits`": 1,
        "far from the times": 1,
    }


@carries_out(
    "widen `within`",
    "write `every: 1h`, say",
    "shorten `within`, or widen `every`",
    "leave some of them out of it",
)
def test_options_of_reports_that_leave_nothing(tmp_path: Path) -> None:
    path = table(tmp_path, REPORTS)
    read = {"path": path, "variables": ["t"], "repeated": "first"}
    far = table(tmp_path, "station,time,latitude,longitude,t\nA,2020-01-01T00:20,1,2,3\n", "far.csv")
    with pytest.raises(DataError, match="no report is within 1 minutes of a multiple"):
        StationsSource(path=far, every="1h", within="1min")
    assert values(StationsSource(path=far, every="1h", within="20min"), "t") == [[3]]
    with pytest.raises(DataError, match="beside `every` alone"):
        StationsSource(**read, within="5min")
    with pytest.raises(DataError, match="more than half of `every`"):
        StationsSource(**read, every="1h", within="40min")
    assert StationsSource(**read, every="1h").header.names == ("t",)
    with pytest.raises(DataError, match="names all stations"):
        StationsSource(**read, without=["A", "B", "C"])
    with pytest.raises(DataError, match="'D', which has no row"):
        StationsSource(**read, without=["D"])
    with pytest.raises(DataError, match="`quality_columns` names 'q'"):
        StationsSource(**read, quality=["V"], quality_columns={"t": "q"})
    with pytest.raises(DataError, match="`limits` names 'u', which is not read"):
        StationsSource(**read, limits={"u": (0, 1)})


def test_netcdf_has_the_values_of_the_table(tmp_path: Path) -> None:
    """Stations by times, with names as characters and times as numbers, are the same stations."""
    dataset = xr.Dataset(
        {
            "t": (("station", "time"), [[270.5, NAN, 269], [272, 271.5, NAN]], {"units": "degF"}),
            "wind": (("station", "time"), [[3, 4, NAN], [NAN, 5, NAN]]),
            "latitude": ("station", [59.9, 46.9]),
            "longitude": ("station", [10.7, 7.4]),
            "elevation": ("station", [94.0, 553.0]),
            "time": ("time", [0, 1, 2], {"units": "hours since 2020-01-01", "calendar": "standard"}),
            "name": ("station", np.array(["OSLO", "BERN"])),
        }
    )
    dataset.to_netcdf(tmp_path / "stations.nc")
    tables, netcdf = (
        StationsSource(path=table(tmp_path)),
        StationsSource(path=str(tmp_path / "stations.nc"), columns={"station": "name"}, variables=["t", "wind"]),
    )
    assert netcdf.header.grid.names == tables.header.grid.names
    assert netcdf.header.variables[0].units == "degF"
    for name in ("t", "wind"):
        np.testing.assert_array_equal(values(netcdf, name), values(tables, name))
    by_position = StationsSource(path=str(tmp_path / "stations.nc"), variables=["t"])
    assert by_position.header.grid.names == ("0", "1")


def test_the_second_60_is_the_first_of_the_next_minute(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    tell_second_60.cache_clear()
    texts = ["2016-12-31T23:59:60", "2017-01-01T00:59:59.9999999Z", "2017-01-01T02:59:60+01:00", "201701010259:60"]
    rows = "\n".join(f"A,{text},1,2,{number}" for number, text in enumerate(texts))
    source = StationsSource(path=table(tmp_path, f"station,time,latitude,longitude,t\n{rows}\n"))
    assert [str(time)[11:13] for time in source.header.times] == ["00", "01", "02", "03"]
    assert values(source, "t") == [[0.0], [1.0], [2.0], [3.0]]
    assert "`time` has the second 60 (2016-12-31T23:59:60)" in caplog.text


def test_a_time_zone_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"whose time zone does not exist: zones are from -14:00 to \+14:00"):
        StationsSource(path=table(tmp_path, WIDE.replace("03:00+02:00", "03:00+25:00")))


def test_a_time_that_is_no_date_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the text 'yesterday'"):
        StationsSource(path=table(tmp_path, WIDE.replace("2020-01-01 01:00", "yesterday")))


@carries_out("fetch or write the file again")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (WIDE[:150], "7 columns, and 2 in row 4"),
        ("station,time,latitude,longitude,t\n", "has no rows"),
        ("\udc80,\udc81\n", "cannot be read as a table"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=says):
        StationsSource(path=str(path))
    assert StationsSource(path=table(tmp_path)).header.names


@carries_out("write the names of the columns into the first line")
def test_a_table_without_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no line of different names"):
        StationsSource(path=table(tmp_path, "1,1,1\n2,2,2\n"))
    assert StationsSource(path=table(tmp_path)).header.names


@carries_out("read tables of the same columns, each kind with a source of its own, and join these")
def test_tables_of_other_columns_are_refused(tmp_path: Path) -> None:
    other = table(tmp_path, WIDE.replace("wind", "gust"), "other.csv")
    with pytest.raises(DataError, match=r"other.csv` has no column 'wind'"):
        StationsSource(path=[table(tmp_path), other])
    both = [StationsSource(path=path).header for path in (table(tmp_path), other)]
    assert both[0].grid.identity == both[1].grid.identity


@carries_out("{}known: {}", "leave `variables` out")
def test_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path)
    with pytest.raises(DataError, match="`variables` names 'winds'"):
        StationsSource(path=path, variables=["winds"])
    with pytest.raises(DataError, match="`units` names 'T'"):
        StationsSource(path=path, units={"T": "K"})
    with pytest.raises(DataError, match="`columns` names 'lat'"):
        StationsSource(path=path, columns={"lat": "latitude"})
    with pytest.raises(DataError, match="`variables` is empty"):
        StationsSource(path=path, variables=[])
    assert StationsSource(path=path, variables=["wind"], units={"wind": "m/s"}, columns={"latitude": "latitude"})


@carries_out("install the extra `parquet` of wxml-dataset-sources, or write the table as CSV")
def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = table(tmp_path, name="table.parquet")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(DataError, match="is read with pyarrow"):
        StationsSource(path=path)
    assert StationsSource(path=table(tmp_path)).header.names


def test_parquet_gives_the_values_of_the_same_csv(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import csv, parquet

    assert pyarrow.__version__
    parquet.write_table(csv.read_csv(table(tmp_path)), tmp_path / "table.parquet")
    text, binary = (StationsSource(path=str(tmp_path / f"table.{kind}")) for kind in ("csv", "parquet"))
    for name in text.header.names:
        np.testing.assert_array_equal(values(binary, name), values(text, name))


def test_a_year_of_three_airports(tmp_path: Path) -> None:
    path = SHARED / "stations-nyc-2013" / "weather.csv"
    if not path.exists():
        pytest.skip(f"real data are not here: {path}")
    places = "station,latitude,longitude,elevation\nEWR,40.69,-74.17,3\nJFK,40.64,-73.78,4\nLGA,40.78,-73.87,3\n"
    source = StationsSource(
        path=str(path),
        columns={"station": "origin", "time": "time_hour"},
        places=table(tmp_path, places, "places.csv"),
        variables=["temp", "pressure", "wind_gust"],
        units={"temp": "degF", "pressure": "hPa"},
    )
    assert str(source.header.times[0]) == "2013-01-01T06:00:00"
    assert str(source.header.times[-1]) == "2013-12-30T23:00:00"
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    found = source.read(source.header.times, ["temp", "pressure", "wind_gust"])
    for column, field in ((0, 5), (1, 12), (2, 10)):
        assert np.isfinite(found[:, 0, column]).sum() == sum(line[field] != "NA" for line in lines)
    line = lines[20000]
    station = ["EWR", "JFK", "LGA"].index(line[0])
    assert source.read([np.datetime64(line[14].rstrip("Z"))], ["temp"])[0, 0, 0, station] == np.float32(line[5])


def test_a_month_of_reports_in_parquet() -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = SHARED / "stations-metar-2020" / "2020-01.parquet"
    if not path.exists():
        pytest.skip(f"real data are not here: {path}")
    source = StationsSource(
        path=str(path),
        columns={"station": "stationName", "time": "timeNominal"},
        variables=["temperature", "seaLevelPress", "elevation"],
        repeated="last",
    )
    rows = parquet.read_table(path).to_pylist()
    names = sorted({row["stationName"] for row in rows})
    assert len(source.header.grid) == len(names) == 12
    found = source.read(source.header.times, ["temperature", "seaLevelPress"])
    expected = np.full_like(found, np.nan)
    for row in rows:
        time = np.searchsorted(source.header.times, np.datetime64(row["timeNominal"].replace(tzinfo=None)))
        for column, name in enumerate(("temperature", "seaLevelPress")):
            if row[name] is not None:
                expected[time, 0, column, names.index(row["stationName"])] = row[name]
    np.testing.assert_array_equal(found, expected)
    assert np.isfinite(found).mean() > 0.4
