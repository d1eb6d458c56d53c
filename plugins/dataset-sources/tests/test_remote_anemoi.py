"""The source `anemoi` at an address: the same values as on this machine, with requests for what is asked for."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.remote.options import StorageOptions

pytestmark = pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
DATES = np.datetime64("2020-01-01", "s") + 6 * np.arange(40) * np.timedelta64(1, "h")
QUICK = StorageOptions(attempts=1, timeout=2.0)


def write(path: Path, version: int = 2, fill: float = np.nan, **options: Any) -> None:
    """Forty dates of two variables on twelve nodes, one date a chunk; the second date is missing."""
    root = zarr.open_group(path, mode="w", zarr_format=version)
    root.attrs.update({"variables": ["2t", "t_850"], "missing_dates": [str(DATES[1])], "field_shape": [3, 4]})
    values = np.random.default_rng(0).normal(280, 10, (40, 2, 1, 12)).astype("f4")
    values[1] = np.nan
    usual: dict[str, Any] = {"chunks": (1, 2, 1, 12), "fill_value": fill} | options
    root.create_array("data", shape=values.shape, dtype="f4", **usual)[:] = values
    root.create_array("dates", data=DATES)
    root.create_array("latitudes", data=np.repeat([30.0, 20.0, 10.0], 4))
    root.create_array("longitudes", data=np.tile([0.0, 10.0, 20.0, 30.0], 3))
    root.create_group("_build").create_array("flags", data=np.ones(2, bool))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(path))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    (tmp_path / "served").mkdir()
    with FileServer(tmp_path / "served") as server:
        yield server


def source(server: FileServer, **options: Any) -> AnemoiSource:
    storage = options.pop("storage_options", QUICK)
    return AnemoiSource(path=f"{server.url}/a.zarr", missing_dates="skip", storage_options=storage, **options)


LAYOUTS: dict[str, dict[str, Any]] = {
    "packed": {},
    "plain": {"compressors": None},
    "format 3": {"version": 3},
    "sharded": {"version": 3, "shards": (4, 2, 1, 12)},
}


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("ranges", [True, False])
def test_the_values_are_those_of_the_store(server: FileServer, layout: str, ranges: bool) -> None:
    server.ranges = ranges
    write(server.folder / "a.zarr", **LAYOUTS[layout])
    there, here = source(server), AnemoiSource(path=str(server.folder / "a.zarr"), missing_dates="skip")
    assert there.header.variables == here.header.variables
    np.testing.assert_array_equal(there.header.times, here.header.times)
    for names in (here.header.names, here.header.names[1:]):
        np.testing.assert_array_equal(there.read(there.header.times, names), here.read(here.header.times, names))
    assert there.provenance()["files"][0]["name"] == f"{server.url}/a.zarr"
    assert there.stamp() == source(server).stamp()
    assert there.fingerprint() == source(server).fingerprint() is not None


def test_few_requests_to_open_and_one_for_each_date(server: FileServer) -> None:
    write(server.folder / "a.zarr")
    opened = source(server)
    assert len(server.requests) <= 10
    server.requests.clear()
    opened.read(opened.header.times[5:8], ["2t"])
    assert sorted(request.path for request in server.requests) == [f"/a.zarr/data/{n}.0.0.0" for n in (6, 7, 8)]


def test_many_requests_at_once(server: FileServer) -> None:
    write(server.folder / "a.zarr")
    opened = source(server, storage_options=StorageOptions(concurrency=36))
    server.latency, server.most_at_once = 0.2, 0
    opened.read(opened.header.times, ["2t"])
    assert 32 <= server.most_at_once <= 36


@pytest.mark.parametrize(("status", "message"), [(403, "answers 403"), (503, "answers 503")])
def test_a_failed_request_is_no_missing_chunk(server: FileServer, status: int, message: str) -> None:
    write(server.folder / "a.zarr")
    opened = source(server)
    server.answer = lambda request: Answer(status) if "/data/3." in request.path else None
    with pytest.raises(DataError, match=rf"a.zarr/data/3.0.0.0` .*{message}"):
        opened.read(opened.header.times, ["2t"])


@pytest.mark.parametrize("layout", ["packed", "sharded"])
def test_a_chunk_that_is_not_there(server: FileServer, layout: str) -> None:
    """It is missing where the store fills with NaN, else the store is damaged; as on this machine."""
    for fill in (np.nan, 0.0):
        write(server.folder / "a.zarr", fill=fill, **LAYOUTS[layout])
        name = "2.0.0.0" if layout == "packed" else "c/1/0/0/0"
        (server.folder / "a.zarr" / "data" / name).unlink()
        opened = source(server)
        if np.isnan(fill):
            assert np.isnan(opened.read(DATES[[2 if layout == "packed" else 5]], ["2t"])).all()
        else:
            with pytest.raises(DataError, match="lacks a chunk of its data"):
                opened.read(opened.header.times, ["2t"])


def test_a_chunk_that_was_cut_short(server: FileServer) -> None:
    write(server.folder / "a.zarr")
    chunk = server.folder / "a.zarr" / "data" / "3.0.0.0"
    chunk.write_bytes(chunk.read_bytes()[:30])
    opened = source(server)
    with pytest.raises(DataError, match=rf"`{server.url}/a.zarr` cannot be read"):
        opened.read(opened.header.times, ["2t"])


def test_a_store_that_was_not_built_to_the_end(server: FileServer) -> None:
    write(server.folder / "a.zarr")
    zarr.open_group(str(server.folder / "a.zarr"), mode="r+")["_build/flags"][0] = False
    with pytest.raises(DataError, match="was not built to the end: 1 of its 2 parts"):
        source(server)
