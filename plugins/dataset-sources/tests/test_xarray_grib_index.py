"""The headers of a GRIB file are read once, and kept in the cache as long as the file is the same."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import cfgrib
import eccodes
import numpy as np
import pytest
from wxml.errors import DataError
from wxml_dataset_sources.xarray_reading import grib, grib_index
from wxml_dataset_sources.xarray_reading.grib_fields import fields
from wxml_dataset_sources.xarray_source import XarraySource


def write(path: Path, start: int = 20200101, days: int = 25, level: int = 500) -> str:
    """Temperature and wind at one level, one time a day; the values count the messages up from 0."""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    eccodes.codes_set(handle, "level", level)
    eccodes.codes_set(handle, "bitsPerValue", 24)
    count = eccodes.codes_get(handle, "numberOfDataPoints")
    with open(path, "wb") as file:
        for number in range(2 * days):
            eccodes.codes_set(handle, "dataDate", start + number // 2)
            eccodes.codes_set(handle, "shortName", ("t", "u")[number % 2])
            eccodes.codes_set_values(handle, np.linspace(number, number + 1, count))
            eccodes.codes_write(handle, file)
    eccodes.codes_release(handle)
    return str(path)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, which keeps the headers of a file that was just written and is small, too."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(grib_index, "SETTLED", -1.0)
    monkeypatch.setattr(grib_index, "WORTH_KEEPING", 0)
    return tmp_path / "cache" / "grib-headers.sqlite"


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose messages were gone through."""
    found: list[str] = []

    def counted(path: str) -> Iterator[tuple[tuple[int, int], cfgrib.Message]]:
        found.append(Path(path).name)
        return fields(path)

    monkeypatch.setattr(grib, "fields", counted)
    return found


def everything(path: str) -> tuple[list[str], np.ndarray, tuple[str, ...]]:
    source = XarraySource(path=path)
    times = source.header.times
    return times.astype(str).tolist(), source.read(times, source.header.names), source.header.names


def assert_same(one: tuple, other: tuple) -> None:
    assert (one[0], one[2]) == (other[0], other[2])
    np.testing.assert_array_equal(one[1], other[1])


@pytest.mark.usefixtures("cache")
def test_the_second_opening_goes_through_no_message_and_gives_the_same(tmp_path: Path, scans: list[str]) -> None:
    path = write(tmp_path / "a.grib2")
    first = everything(path)
    assert scans == ["a.grib2"]
    assert_same(everything(path), first)
    assert scans == ["a.grib2"]
    assert first[1][:, 0, 1, 0].round(3).tolist() == list(range(1, 50, 2))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("change", ["rewritten", "replaced", "appended", "touched"])
def test_a_file_that_changes_is_read_again(tmp_path: Path, scans: list[str], change: str) -> None:
    path = write(tmp_path / "a.grib2")
    before = everything(path)
    status = os.stat(path)
    if change == "rewritten":  # the same size, and the same time of the last write
        write(tmp_path / "a.grib2", start=20200201)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    elif change == "replaced":
        write(tmp_path / "b.grib2", level=850)
        os.replace(tmp_path / "b.grib2", path)
    elif change == "appended":
        with open(path, "ab") as file, open(write(tmp_path / "b.grib2", start=20200201), "rb") as more:
            shutil.copyfileobj(more, file)
    else:
        os.utime(path)
    after = everything(path)
    assert len(scans) == 2
    assert len(after[0]) == (50 if change == "appended" else 25)
    assert (after[0][0][:7], after[2]) == {
        "rewritten": ("2020-02", before[2]),
        "replaced": ("2020-01", ("t_850", "u_850")),
    }.get(change, ("2020-01", before[2]))


@pytest.mark.usefixtures("cache")
def test_keys_that_are_not_kept_are_read_once_and_kept_then(tmp_path: Path, scans: list[str]) -> None:
    path = write(tmp_path / "a.grib2")
    XarraySource(path=path)
    for _ in range(2):
        days = XarraySource(path=path, grib_filter={"dataDate": 20200103, "centre": "ecmf"}).header.times
        assert days.astype(str).tolist() == ["2020-01-03T12:00:00"]
    XarraySource(path=path)
    assert scans == ["a.grib2"] * 2
    with pytest.raises(DataError, match="no message") as caught:
        XarraySource(path=path, grib_filter={"centre": "kwbc"})
    assert "centre is one of ['ecmf']" in caught.value.fix
    assert scans == ["a.grib2"] * 2


def test_what_was_just_written_and_what_is_small_is_not_kept(
    tmp_path: Path, cache: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.grib2")
    for name, value in (("SETTLED", 3600.0), ("WORTH_KEEPING", 2**30)):
        with monkeypatch.context() as patch:
            patch.setattr(grib_index, name, value)
            everything(path)
            everything(path)
    assert scans == ["a.grib2"] * 4
    assert not cache.exists()


@pytest.mark.parametrize(
    "written",
    [b"", b"x\x9c", None, 5, "[]", grib_index._text(grib_index.HeaderRows(("level",), [((1,), [(2**40, 0)])]))],
)
def test_a_damaged_entry_is_read_again(
    tmp_path: Path, cache: Path, scans: list[str], written: object, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.grib2")
    before = everything(path)
    with sqlite3.connect(cache) as connection:
        if written is not None:
            connection.execute("UPDATE headers SET content = ?", (written,))
        else:
            connection.execute("UPDATE headers SET form = 0")
    connection.close()
    assert_same(everything(path), before)
    assert scans == ["a.grib2"] * 2
    assert ("is damaged" in caplog.text) == (written is not None)


def test_a_damaged_cache_is_told_and_not_used(
    tmp_path: Path, cache: Path, scans: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "a.grib2")
    before = everything(path)
    grib_index._table.cache_clear()
    cache.write_bytes(b"no database" * 1000)
    assert_same(everything(path), before)
    assert_same(everything(path), before)
    assert scans == ["a.grib2"] * 3
    assert [text[:29] for text in caplog.messages].count("the headers of GRIB files can") == 1


def test_the_cache_has_a_bound(tmp_path: Path, cache: Path, scans: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grib_index, "MOST", 2)
    paths = [write(tmp_path / f"{number}.grib2", days=2) for number in range(3)]
    for path in (*paths, *paths[1:]):
        XarraySource(path=path)
    assert len(scans) == 3
    XarraySource(path=paths[0])
    assert scans[3:] == ["0.grib2"]
    with sqlite3.connect(cache) as connection:
        assert connection.execute("SELECT count(*) FROM headers").fetchone() == (2,)
    connection.close()
