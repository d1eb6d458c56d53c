"""Messages of GRIB with several fields: each is read as it is, in threads, beside readers that use ecCodes' switch."""

import sqlite3  # noqa: F401  # before eccodes, which would load an old one for all tests of the process
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import eccodes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.xarray_reading.grib_fields import field_at, fields, open_grib
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(__file__).parents[4] / "shared" / "data"
GFS = SHARED / "gfs-2p5deg-full" / "gfs.t12z.pgrbf120.2p5deg.grib2"
NAM = SHARED / "grib-samples" / "nam.t00z.awp21100.tm00.grib2"
ENS = SHARED / "era5-ens-global" / "era5-levels-members.grib"
PRECIPITATION = SHARED / "meteonet-nw" / "arpege_PRECIP_NW_20180501000000.grib"
KEYS = ("shortName", "typeOfLevel", "level", "stepRange", "md5GridSection", "numberOfMissing", "units", "dataDate")
real = pytest.mark.skipif(not GFS.exists(), reason=f"{SHARED} with the real data is not there")


@contextmanager
def switch_on() -> Iterator[None]:
    eccodes.codes_grib_multi_support_on()
    try:
        yield
    finally:
        eccodes.codes_grib_multi_support_off()


def described(handle: int) -> tuple[Any, ...]:
    eccodes.codes_set(handle, "missingValue", 1e20)
    return (*(eccodes.codes_get(handle, key) for key in KEYS), eccodes.codes_get_values(handle).tobytes())


def of_eccodes(path: Path) -> list[tuple[Any, ...]]:
    """What ecCodes itself gives, field by field, alone in the process and with its switch on."""
    found = []
    with switch_on(), path.open("rb") as file:
        eccodes.codes_grib_multi_support_reset_file(file)
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            found.append(described(handle))
            eccodes.codes_release(handle)
    return found


@real
@pytest.mark.parametrize(
    ("path", "count"),
    [(GFS, 343), (NAM, 181), (ENS, 160), (PRECIPITATION, 24)],
    ids=["gfs", "nam", "era5 in GRIB 1", "arpege in GRIB 1"],
)
def test_each_field_of_a_real_file_is_that_of_eccodes(path: Path, count: int) -> None:
    """36 messages of GFS and 27 of NAM hold two fields, five of them with the bitmap of the one before."""
    expected = of_eccodes(path)
    found = [(place, described(message.codes_id)) for place, message in fields(str(path))]
    assert len(found) == count
    assert [one for _, one in found] == expected
    with open_grib(str(path)) as file:  # in another order, each by itself
        for place, one in found[::-7]:
            assert described(field_at(file, place).codes_id) == one


@pytest.fixture(scope="module")
def winds() -> dict[str, np.ndarray]:
    """The winds on pressure levels, which share messages, as ecCodes gives them field by field."""
    expected = {}
    with switch_on(), GFS.open("rb") as file:
        eccodes.codes_grib_multi_support_reset_file(file)
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            name, kind, level = (eccodes.codes_get(handle, key) for key in ("shortName", "typeOfLevel", "level"))
            if name in "uv" and kind == "isobaricInhPa":
                expected[f"{name}_{level}"] = eccodes.codes_get_values(handle).astype("f4")
            eccodes.codes_release(handle)
    return expected


def opened() -> XarraySource:
    return XarraySource(path=str(GFS), grib_filter={"typeOfLevel": "isobaricInhPa"}, variables=["u", "v"])


@real
def test_the_switch_has_no_say(winds: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """Another reader has left it on: the headers and the values are the same."""
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", 0)
    with switch_on():
        source = opened()
        assert set(source.header.names) == set(winds)
        for name in source.header.names:
            assert np.array_equal(source.read(source.header.times, [name])[0, 0, 0], winds[name]), name
    headers = opened().header
    assert headers.names == source.header.names


@real
def test_threads_read_beside_a_reader_that_uses_the_switch(
    winds: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three threads read the winds in any order; the fourth goes through the file as others do, again and again.

    Nobody gets a wrong field, and it gets all of its own: it is not disturbed either.
    """
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", 0)
    source, start, is_over = opened(), threading.Barrier(4), threading.Event()

    def ours(seed: int) -> list[str]:
        names = np.random.default_rng(seed).permutation(source.header.names).tolist() * 2
        start.wait()
        read = ((name, source.read(source.header.times, [name])[0, 0, 0]) for name in names)
        return [name for name, values in read if not np.array_equal(values, winds[name])]

    def theirs() -> list[int]:
        start.wait()
        counts: list[int] = []
        while not (is_over.is_set() and counts):
            counts.append(len(of_eccodes(GFS)))
        return counts

    with ThreadPoolExecutor(4) as pool:
        foreign = pool.submit(theirs)
        wrong = list(pool.map(ours, range(3)))
        is_over.set()
        assert wrong == [[], [], []]
        assert set(foreign.result(300)) == {343}


def write_message(file: BinaryIO, values: list[np.ndarray]) -> None:
    """A message with a field of t for each of `values`, at levels 1, 2, …"""
    handle = eccodes.codes_grib_new_from_samples("regular_ll_pl_grib2")
    multi = eccodes.codes_grib_multi_new()
    for level, field in enumerate(values, 1):
        eccodes.codes_set(handle, "shortName", "t")
        eccodes.codes_set(handle, "level", level)
        eccodes.codes_set(handle, "bitsPerValue", 16)
        missing = np.isnan(field)
        eccodes.codes_set(handle, "bitmapPresent", int(missing.any()))
        eccodes.codes_set(handle, "missingValue", 1e20)
        eccodes.codes_set_values(handle, np.where(missing, 1e20, field))
        eccodes.codes_grib_multi_append(handle, 4, multi)
    eccodes.codes_grib_multi_write(multi, file)
    eccodes.codes_grib_multi_release(multi)
    eccodes.codes_release(handle)


COUNT = 496  # nodes of the sample


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=4), st.integers(0, 2**31))
def test_messages_of_any_number_of_fields(
    tmp_path_factory: pytest.TempPathFactory, layout: list[list[bool]], seed: int
) -> None:
    """`layout` says, message by message, whether each of its fields lacks values."""
    random = np.random.default_rng(seed)
    path = tmp_path_factory.mktemp("fields") / "a.grib2"
    expected = []
    with path.open("wb") as file:
        for has_holes in layout:
            values = [random.normal(280, 10, COUNT) for _ in has_holes]
            for one, lacks in zip(values, has_holes, strict=True):
                one[random.integers(0, COUNT, 9 * lacks)] = np.nan
            write_message(file, values)
            expected += values
    found = list(fields(str(path)))
    assert [number for (_, number), _ in found] == [n for one in layout for n in range(len(one))]
    for (_, one), wanted in zip(found, expected, strict=True):
        got = np.where(one["values"] == one["missingValue"], np.nan, one["values"])
        np.testing.assert_allclose(got, wanted, atol=0.01)
