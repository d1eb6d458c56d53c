"""Whether data at addresses are the same: told by what the server says of the files, and by none of their bytes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import DataSource
from wxml.config.data_schema import DataConfig
from wxml.data.statistics import compute_statistics
from wxml.testing.file_server import FileServer
from wxml.training_statistics import TrainingStatistics
from wxml_dataset_sources.xarray_source import XarraySource

STORE = "bucket/a.zarr"


def world(shift: float = 0.0) -> xr.Dataset:
    values = np.arange(96, dtype="f4").reshape(8, 3, 4) + np.float32(shift)
    return xr.Dataset(
        {"t": (("time", "latitude", "longitude"), values, {"units": "K"})},
        {
            "time": np.datetime64("2020-01-01", "ns") + np.timedelta64(6, "h") * np.arange(8),
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """A server of a store and a file."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    (folder / "bucket").mkdir(parents=True)
    world().to_zarr(folder / STORE, zarr_format=2, encoding={"t": {"chunks": (1, 3, 4)}})
    with FileServer(folder) as server:
        yield server


def opened(server: FileServer, path: str = STORE, **options: Any) -> XarraySource:
    return XarraySource(path=path if "://" in path else f"{server.url}/{path}", **options)


def touched(path: Path) -> None:
    """Write the same bytes later."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))


def test_it_is_the_same_for_the_same_store_and_no_chunk_is_read(server: FileServer) -> None:
    first, second = opened(server), opened(server)
    server.requests.clear()
    assert first.fingerprint() == second.fingerprint() is not None
    assert {request.method for request in server.requests} == {"HEAD"}
    assert opened(server, variables=["t"]).fingerprint() != first.fingerprint()


@pytest.mark.parametrize("name", ["t/0.0.0", "t/5.0.0", "t/7.0.0", "time/0", ".zmetadata"])
def test_a_file_that_was_written_again_changes_it(server: FileServer, name: str) -> None:
    before = opened(server).fingerprint()
    touched(server.folder / STORE / name)
    assert opened(server).fingerprint() != before


def test_a_chunk_that_is_not_there_any_more_changes_it(server: FileServer) -> None:
    before = opened(server).fingerprint()
    (server.folder / STORE / "t/3.0.0").unlink()
    assert opened(server).fingerprint() != before


def test_another_store_has_another(server: FileServer) -> None:
    world().to_zarr(server.folder / "bucket/b.zarr", zarr_format=2, encoding={"t": {"chunks": (1, 3, 4)}})
    assert opened(server).fingerprint() != opened(server, "bucket/b.zarr").fingerprint()


def test_a_server_that_tells_nothing_gives_none(server: FileServer) -> None:
    server.tells_versions = False
    assert opened(server).fingerprint() is None


@pytest.mark.parametrize("protocol", ["s3", "gs"])
def test_buckets_have_one(server: FileServer, protocol: str) -> None:
    pytest.importorskip("s3fs" if protocol == "s3" else "gcsfs")
    reached = {"storage_options": {"endpoint": server.url, "anonymous": True}}
    from wxml import create

    def fingerprint() -> str | None:
        source: DataSource = create("data-source", "xarray", {"path": f"{protocol}://{STORE}", **reached})
        return source.fingerprint()

    before = fingerprint()
    assert before == fingerprint() is not None
    touched(server.folder / STORE / "t/4.0.0")
    assert fingerprint() != before


def write_references(server: FileServer) -> Path:
    """References to the store, beside it."""
    files = [path for path in (server.folder / STORE).rglob("*") if path.is_file() and path.name != ".zmetadata"]
    refs: dict[str, Any] = {}
    for path in files:
        key = path.relative_to(server.folder / STORE).as_posix()
        refs[key] = path.read_text() if path.name.startswith(".z") else [f"a.zarr/{key}", 0, path.stat().st_size]
    target = server.folder / "bucket/a.json"
    target.write_text(json.dumps({"version": 1, "refs": refs}))
    return target


@pytest.mark.parametrize("is_remote", [True, False])
def test_references_have_one_that_changes_with_what_they_refer_to(server: FileServer, is_remote: bool) -> None:
    path = write_references(server)
    where = f"{server.url}/bucket/a.json" if is_remote else str(path)
    before = XarraySource(path=where).fingerprint()
    assert before == XarraySource(path=where).fingerprint() is not None
    touched(server.folder / STORE / "t/4.0.0")
    assert XarraySource(path=where).fingerprint() != before
    server.tells_versions = False
    assert (XarraySource(path=where).fingerprint() is None) == is_remote


@pytest.mark.parametrize("tells_versions", [True, False])
def test_the_statistics_of_a_store_at_an_address_are_computed_once(
    server: FileServer, tells_versions: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.tells_versions = tells_versions
    reads, read = [], XarraySource._read_part

    def counted(self: XarraySource, *arguments: Any) -> None:
        reads.append(arguments)
        read(self, *arguments)

    monkeypatch.setattr(XarraySource, "_read_part", counted)
    choice = {"plugin": "xarray", "path": f"{server.url}/{STORE}"}
    data = {"source": choice, "split": {"training": ["2020-01-01", "2020-01-02"]}, "timestep": "6h"}

    def statistics() -> tuple[float, int]:
        source = opened(server)
        reads.clear()
        config = DataConfig.model_validate(data)
        found = TrainingStatistics(config, source, source.header.names, source.header.times, [])()
        return float(found.mean[0]), len(reads)

    (first, reads_of_first), (second, reads_of_second) = statistics(), statistics()
    step = np.timedelta64(6, "h")
    expected = compute_statistics(opened(server), ("t",), opened(server).header.times, step).mean[0]
    assert first == second == expected
    assert reads_of_first > 0
    assert (reads_of_second == 0) == tells_versions
    world(shift=5).to_zarr(server.folder / STORE, mode="w", zarr_format=2, encoding={"t": {"chunks": (1, 3, 4)}})
    assert statistics()[0] == pytest.approx(first + 5)
