"""Files and stores at addresses: the same values as on this machine, few requests, many at once."""

import warnings
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import fsspec
import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from wxml import create
from wxml.errors import ConfigError, DataError
from wxml.testing.file_server import Answer, FileServer, Request
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

BUCKET = {"anonymous": True, "region": "eu-west-1"}


def world(times: int = 4, **attributes: Any) -> xr.Dataset:
    """Two variables on two levels, 3 × 4 nodes."""
    random = np.random.default_rng(7)
    shape, axes = (times, 2, 3, 4), ("time", "level", "latitude", "longitude")
    return xr.Dataset(
        {name: (axes, random.normal(280, 10, shape).astype("f4"), {"units": "K", **attributes}) for name in "tz"},
        {
            "time": np.datetime64("2020-01-01", "ns") + np.timedelta64(6, "h") * np.arange(times),
            "level": ("level", [500, 850], {"units": "hPa"}),
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def write_store(dataset: xr.Dataset, path: Path, version: int, *, is_consolidated: bool, **encoding: Any) -> None:
    """One time a chunk."""
    chunks = {name: {"chunks": (1, *dataset[name].shape[1:]), **encoding} for name in dataset.data_vars}
    dataset.to_zarr(path, zarr_format=version, consolidated=False, encoding=chunks)  # type: ignore[call-overload]
    if is_consolidated:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Consolidated metadata is currently not part", UserWarning)
            zarr.consolidate_metadata(str(path))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FileServer]:
    """A server of the folder `bucket` and what is in it."""
    (tmp_path / "served" / "bucket").mkdir(parents=True)
    with FileServer(tmp_path / "served") as server:
        yield server


def bucket(server: FileServer) -> Path:
    return server.folder / "bucket"


def source(path: str | list[str], **options: Any) -> XarraySource:
    """The source with quick retries."""
    more = {"attempts": 2, "timeout": 5.0} | options.pop("storage_options", {})
    return XarraySource(path=path, storage_options=StorageOptions(**more), **options)


def everything(opened: XarraySource) -> np.ndarray[Any, Any]:
    return opened.read(opened.header.times, opened.header.names)


def same(opened: XarraySource, path: Path) -> None:
    """The source has the header and the values of the file or store on this machine."""
    local = XarraySource(path=str(path))
    assert opened.header.variables == local.header.variables
    np.testing.assert_array_equal(opened.header.times, local.header.times)
    np.testing.assert_array_equal(everything(opened), everything(local))


ADDRESSES = {
    "http": ("{url}/bucket", {}),
    "s3": ("s3://bucket", BUCKET | {"endpoint": "{url}"}),
    "gs": ("gs://bucket", {"anonymous": True, "endpoint": "{url}"}),
}


@pytest.fixture(params=list(ADDRESSES))
def place(request: pytest.FixtureRequest, server: FileServer) -> tuple[str, dict[str, Any]]:
    """The address of the bucket, and the options that reach it."""
    address, options = ADDRESSES[request.param]
    filled = {key: value.format(url=server.url) if isinstance(value, str) else value for key, value in options.items()}
    return address.format(url=server.url), filled


@pytest.mark.parametrize(
    ("version", "is_consolidated", "most"), [(2, True, 8), (3, True, 8), (2, False, 21), (3, False, 15)]
)
def test_a_store_is_opened_with_few_requests(
    place: tuple[str, dict[str, Any]], server: FileServer, version: int, is_consolidated: bool, most: int
) -> None:
    """Four for the metadata and one for each axis; without consolidated metadata, some for each array."""
    write_store(world(), bucket(server) / "a.zarr", version, is_consolidated=is_consolidated)
    opened = source(f"{place[0]}/a.zarr", storage_options=place[1])
    assert len(server.requests) <= most
    server.requests.clear()
    opened.read(opened.header.times[1:2], ["t_850"])
    assert [request.path.rpartition("/t/")[2] for request in server.requests] == [
        "1.0.0.0" if version == 2 else "c/1/0/0/0"
    ], "a read fetches the chunks of the wanted times, and no axis again"
    same(opened, bucket(server) / "a.zarr")


def test_a_file_is_fetched_once_for_all_commands(place: tuple[str, dict[str, Any]], server: FileServer) -> None:
    world().to_netcdf(bucket(server) / "a.nc")
    same(source(f"{place[0]}/a.nc", storage_options=place[1]), bucket(server) / "a.nc")
    server.requests.clear()
    same(source(f"{place[0]}/a.nc", storage_options=place[1]), bucket(server) / "a.nc")
    assert len(server.requests) <= 3, "whether it is the same is asked"
    fetched = [
        request for request in server.requests if request.method == "GET" and not request.path.startswith("/storage/v1")
    ]
    assert not fetched, "nothing is fetched"
    world(3).to_netcdf(bucket(server) / "a.nc")
    assert len(source(f"{place[0]}/a.nc", storage_options=place[1]).header.times) == 3


def test_a_file_of_many_parts(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml_dataset_sources.remote.copies.PART", 1000)
    world(40).to_netcdf(bucket(server) / "a.nc")
    same(source(f"{server.url}/bucket/a.nc"), bucket(server) / "a.nc")
    assert server.most_at_once > 1


@pytest.mark.parametrize("part", [1000, 2**20])
def test_a_server_without_ranges(server: FileServer, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wxml_dataset_sources.remote.copies.PART", part)
    server.ranges = False
    world(40).to_netcdf(bucket(server) / "a.nc")
    same(source(f"{server.url}/bucket/a.nc"), bucket(server) / "a.nc")


@pytest.mark.parametrize("ranges", [True, False])
def test_shards_are_read_in_ranges(server: FileServer, ranges: bool) -> None:
    """A server that ignores ranges sends whole shards; the right part of them is used."""
    write_store(world(), bucket(server) / "a.zarr", 3, is_consolidated=True, shards=(4, 2, 3, 4))
    opened = source(f"{server.url}/bucket/a.zarr")
    server.ranges = ranges
    server.requests.clear()
    opened.read(opened.header.times[1:2], ["t_850"])
    assert ranges == all("Range" in request.headers for request in server.requests) or not ranges
    same(opened, bucket(server) / "a.zarr")


def test_a_pattern_where_the_server_lists(place: tuple[str, dict[str, Any]], server: FileServer) -> None:
    whole = world(6)
    whole.isel(time=slice(4)).to_netcdf(bucket(server) / "a-1.nc")
    whole.isel(time=slice(4, 6)).to_netcdf(bucket(server) / "a-2.nc")
    opened = source(f"{place[0]}/a-*.nc", storage_options=place[1])
    assert [file["name"].rpartition("/")[2] for file in opened.provenance()["files"]] == ["a-1.nc", "a-2.nc"]
    expected = whole.t.sel(level=850).values.reshape(6, 1, 1, -1)
    np.testing.assert_array_equal(opened.read(opened.header.times, ["t_850"]), expected)


def test_files_here_and_elsewhere(server: FileServer, tmp_path: Path) -> None:
    whole = world(6)
    whole.isel(time=slice(4)).to_netcdf(tmp_path / "here.nc")
    write_store(whole.isel(time=slice(4, 6)), bucket(server) / "there.zarr", 3, is_consolidated=True)
    opened = source([str(tmp_path / "here.nc"), f"{server.url}/bucket/there.zarr"])
    expected = whole.z.sel(level=500).values.reshape(6, 1, 1, -1)
    np.testing.assert_array_equal(opened.read(opened.header.times, ["z_500"]), expected)


def test_the_memory_of_this_process(tmp_path: Path) -> None:
    write_store(world(), tmp_path / "a.zarr", 3, is_consolidated=True)
    fsspec.filesystem("memory").put(str(tmp_path / "a.zarr"), "/kept/a.zarr", recursive=True)
    same(source("memory://kept/a.zarr"), tmp_path / "a.zarr")


def test_many_requests_at_once(server: FileServer) -> None:
    """Chunks of one variable, and the chunks of several; never more than `concurrency`."""
    write_store(world(80), bucket(server) / "a.zarr", 3, is_consolidated=True)
    server.latency = 0.1
    opened = source(f"{server.url}/bucket/a.zarr", storage_options={"concurrency": 40})
    opened.read(opened.header.times, ["t_850"])
    assert 32 <= server.most_at_once <= 40
    server.most_at_once = 0
    opened.read(opened.header.times[:20], ["t_850", "z_850"])
    assert 32 <= server.most_at_once <= 40


def test_a_worker_opens_its_own(server: FileServer) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr")
    same(ForkingPickler.loads(bytes(ForkingPickler.dumps(opened))), bucket(server) / "a.zarr")


def test_options_of_a_config(server: FileServer) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    options: dict[str, Any] = {"path": f"{server.url}/bucket/a.zarr", "storage_options": {"timeout": 5}}
    assert create("data-source", "xarray", options).header.names == ("t_500", "t_850", "z_500", "z_850")
    with pytest.raises(ConfigError, match="timeuot"):
        create("data-source", "xarray", options | {"storage_options": {"timeuot": 5}})


# Records


def test_a_record_is_that_of_the_contents(server: FileServer) -> None:
    """A copy of a store has its sample; a file has the record of its copy here, under its address."""
    for name in ("a.zarr", "b.zarr"):
        write_store(world(), bucket(server) / name, 2, is_consolidated=True)
    records = [source(f"{server.url}/bucket/{name}").provenance()["files"][0] for name in ("a.zarr", "b.zarr")]
    assert records[0]["sample_sha256"] == records[1]["sample_sha256"]
    world().to_netcdf(bucket(server) / "a.nc")
    there = source(f"{server.url}/bucket/a.nc").provenance()["files"][0]
    here = XarraySource(path=str(bucket(server) / "a.nc")).provenance()["files"][0]
    assert there == here | {"name": f"{server.url}/bucket/a.nc"}


@pytest.mark.parametrize("version", [2, 3])
def test_a_change_of_a_store_is_noticed(server: FileServer, version: int) -> None:
    """One value of one chunk, the metadata the same: the sample differs, and so does the stamp."""
    path = bucket(server) / "a.zarr"
    write_store(world(), path, version, is_consolidated=True, compressors=None)
    before = source(f"{server.url}/bucket/a.zarr")
    record, stamp = before.provenance(), before.stamp()
    assert before.provenance() == record
    assert before.stamp() == stamp
    zarr.open_group(str(path), mode="r+")["t"][2, 1, 1, 1] = 0.0
    after = source(f"{server.url}/bucket/a.zarr")
    assert after.provenance()["files"][0]["sample_sha256"] != record["files"][0]["sample_sha256"]
    assert after.stamp() != stamp


def test_secrets_are_nowhere(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the record nor in a message: the password and the signature of an address, and a token."""
    monkeypatch.setenv("ARCHIVE_TOKEN", "tok-93-very-secret")
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    world().to_netcdf(bucket(server) / "a.nc")
    host = server.url.removeprefix("http://")
    options = {"token_variable": "ARCHIVE_TOKEN", "attempts": 1}
    for name in ("a.zarr", "a.nc?signature=sig-17-secret"):
        opened = source(f"http://me:passw0rd-x@{host}/bucket/{name}", storage_options=options)
        said = repr(opened.provenance()) + opened.stamp()
        assert not any(secret in said for secret in ("passw0rd-x", "sig-17-secret", "tok-93-very-secret"))
        everything(opened)
    assert any(request.headers.get("Authorization", "").startswith("Basic") for request in server.requests)
    server.requests.clear()
    source(f"{server.url}/bucket/a.zarr", storage_options=options)
    assert {request.headers.get("Authorization") for request in server.requests} == {"Bearer tok-93-very-secret"}
    server.answer = lambda request: Answer(403)
    for name in ("b.zarr", "b.nc?signature=sig-17-secret"):
        with pytest.raises(DataError) as caught:
            source(f"http://me:passw0rd-x@{host}/bucket/{name}", storage_options=options)
        assert "bucket/b." in str(caught.value)
        assert not any(secret in str(caught.value) for secret in ("passw0rd-x", "sig-17-secret", "tok-93-very-secret"))


def _is_chunk(request: Request) -> bool:
    return "/t/" in request.path and not request.path.endswith((".zarray", ".zattrs", ".json"))


# What goes wrong


def faulty(server: FileServer, answer: Answer, times: int = 1000) -> None:
    """Answer the first so many requests for chunks of `t` so."""
    left = [times]

    def chosen(request: Request) -> Answer | None:
        if not _is_chunk(request) or left[0] == 0:
            return None
        left[0] -= 1
        return answer

    server.answer = chosen


FAULTS = {
    "403": (Answer(403), r"`{url}/t/0.0.0.0` may not be read: the server answers 403", "put credentials"),
    "401": (Answer(401), r"may not be read: the server answers 401", "put credentials"),
    "500": (Answer(500), r"`{url}/t/0.0.0.0` cannot be read: the server answers 500 in 2 attempts", "try again later"),
    "503": (Answer(503), r"the server answers 503 in 2 attempts", "try again later"),
    "418": (Answer(418), r"the server answers 418", "try again later"),
    "slow": (Answer(seconds=3), r"`{url}/t/0.0.0.0` sent nothing for 0.5 s in 2 attempts", "`timeout`"),
    "cut": (Answer(sent=10), r"`{url}/t/0.0.0.0` cannot be fetched in 2 attempts", "check the address"),
    "nothing": (Answer(sent=0), r"`{url}/t/0.0.0.0` cannot be fetched in 2 attempts", "check the address"),
}


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_failed_request_is_no_missing_chunk(server: FileServer, fault: str) -> None:
    """Each is one sentence that names the file, and no value is made up."""
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr", storage_options={"timeout": 0.5})
    answer, message, fix = FAULTS[fault]
    faulty(server, answer)
    with pytest.raises(DataError, match=message.format(url=f"{server.url}/bucket/a.zarr")) as caught:
        opened.read(opened.header.times[:1], ["t_850"])
    assert fix in caught.value.fix
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("fault", ["500", "503", "slow", "cut", "nothing"])
def test_what_passes_is_tried_again(server: FileServer, fault: str) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr", storage_options={"timeout": 0.5})
    faulty(server, FAULTS[fault][0], times=1)
    same(opened, bucket(server) / "a.zarr")


@pytest.mark.parametrize("fault", ["403", "401", "418"])
def test_what_does_not_pass_is_asked_once(server: FileServer, fault: str) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr")
    faulty(server, FAULTS[fault][0])
    server.requests.clear()
    with pytest.raises(DataError):
        opened.read(opened.header.times[:1], ["t_850"])
    assert len(server.requests) == 1


def test_only_a_404_is_a_missing_chunk(server: FileServer) -> None:
    """It is what a missing chunk on this machine is."""
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    (bucket(server) / "a.zarr" / "t" / "1.0.0.0").unlink()
    opened = source(f"{server.url}/bucket/a.zarr")
    same(opened, bucket(server) / "a.zarr")
    assert np.isnan(opened.read(opened.header.times[1:2], ["t_850"])).all()


def test_a_server_that_dies(server: FileServer) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr")
    opened.read(opened.header.times[:1], ["t_850"])
    server.stop()
    with pytest.raises(DataError, match=r"a.zarr/t/1.0.0.0` cannot be fetched in 2 attempts") as caught:
        opened.read(opened.header.times[1:2], ["t_850"])
    assert "try again later" in caught.value.fix
    server.__init__(server.folder)  # type: ignore[misc]  # so that the fixture can stop it
    server.__enter__()


@pytest.mark.parametrize(("version", "is_here"), [(2, True), (3, False)])
@pytest.mark.parametrize("compressor", ["blosc", "zstd", "gzip", "nothing"])
@pytest.mark.parametrize("share", [0.2, 0.99])
def test_a_chunk_that_was_cut_short(
    server: FileServer, compressor: str, version: int, is_here: bool, share: float
) -> None:
    """Cut where it lies, so that the answer is whole. blosc itself would decode what lies behind it in memory."""
    made = {"blosc": {"cname": "lz4"}, "zstd": {"level": 1}, "gzip": {"level": 1}, "nothing": {}}[compressor]
    codec: Any = {"id": compressor, **made} if version == 2 else {"name": compressor, "configuration": made}
    write_store(world(), bucket(server) / "a.zarr", version, is_consolidated=True, compressors=_codec(version, codec))
    chunk = bucket(server) / "a.zarr" / "t" / ("1.0.0.0" if version == 2 else "c/1/0/0/0")
    chunk.write_bytes(chunk.read_bytes()[: int(share * chunk.stat().st_size)])
    path = str(bucket(server) / "a.zarr") if is_here else f"{server.url}/bucket/a.zarr"
    opened = source(path)
    with pytest.raises(DataError, match=rf"`t` cannot be read from `{path}`"):
        everything(opened)
    np.testing.assert_array_equal(
        opened.read(opened.header.times[2:3], ["t_850"]).ravel(), world().t[2, 1].values.ravel()
    )


def _codec(version: int, said: dict[str, Any]) -> Any:
    if "nothing" in said.values():
        return None
    if version == 2:
        return numcodecs.get_codec(said)
    return {**said, "configuration": said["configuration"] | ({"typesize": 4} if said["name"] == "blosc" else {})}


@pytest.mark.parametrize("is_here", [True, False])
@pytest.mark.parametrize("share", [0.2, 0.99])
def test_a_shard_that_was_cut_short(server: FileServer, is_here: bool, share: float) -> None:
    write_store(world(), bucket(server) / "a.zarr", 3, is_consolidated=True, shards=(4, 2, 3, 4))
    shard = bucket(server) / "a.zarr" / "t" / "c" / "0" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[: int(share * shard.stat().st_size)])
    path = str(bucket(server) / "a.zarr") if is_here else f"{server.url}/bucket/a.zarr"
    with pytest.raises(DataError, match=rf"`t` cannot be read from `{path}`"):
        everything(source(path))


def test_a_store_that_is_written_while_it_is_read(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr")
    monkeypatch.setattr("wxml_dataset_sources.remote.documents.ASKED_EVERY", 0.0)
    everything(opened)
    write_store(world(5), bucket(server) / "b.zarr", 2, is_consolidated=True)
    (bucket(server) / "a.zarr").rename(bucket(server) / "old.zarr")
    (bucket(server) / "b.zarr").rename(bucket(server) / "a.zarr")
    with pytest.raises(DataError, match=r"a.zarr` was written again while it was read"):
        everything(opened)


def test_a_file_that_is_written_while_it_is_fetched(server: FileServer) -> None:
    world().to_netcdf(bucket(server) / "a.nc")

    def rewrite(request: Request) -> None:
        if request.method == "GET" and request.path.endswith("a.nc"):
            (bucket(server) / "a.nc").write_bytes((bucket(server) / "a.nc").read_bytes())

    server.answer = rewrite
    with pytest.raises(DataError, match=r"bucket/a.nc` was written again while it was fetched"):
        source(f"{server.url}/bucket/a.nc")


ELSEWHERE = [
    ("{url}/bucket/none.zarr", "none.zarr` is not there: no file, and no zarr store"),
    ("{url}/bucket/none.nc", "none.nc` is not there: no file"),
    ("{url}/bucket/none-*.nc", "no files match `{url}/bucket/none-"),
    ("http://127.0.0.1:9/a.zarr", "` cannot be fetched in 2 attempts: Cannot connect"),
    ("http://no-such-host.invalid/a.nc", "no-such-host.invalid/a.nc` cannot be fetched"),
    ("ftp://host/a.nc", "names the protocol 'ftp', which is not read"),
    ("simplecache::{url}/a.nc", "names the protocol 'simplecache::http', which is not read"),
    ("reference://::{url}/a.json", "which is not read"),
    ("file:///etc/hostname", "names the protocol 'file'"),
]


@pytest.mark.parametrize(("address", "message"), ELSEWHERE)
def test_addresses_that_lead_nowhere(address: str, message: str, server: FileServer) -> None:
    with pytest.raises(DataError) as caught:
        source(address.format(url=server.url))
    assert message.format(url=server.url) in caught.value.message


def test_a_store_without_metadata_that_nobody_lists(server: FileServer) -> None:
    write_store(world(), bucket(server) / "a.zarr", 2, is_consolidated=False)
    server.lists = False
    with pytest.raises(DataError, match="no consolidated metadata, and its server does not list"):
        source(f"{server.url}/bucket/a.zarr")


@pytest.mark.parametrize("is_consolidated", [True, False])
def test_a_store_that_would_run_code(server: FileServer, is_consolidated: bool) -> None:
    """Nothing of zarr sees the metadata of a codec that is not listed."""
    path = bucket(server) / "a.zarr"
    write_store(world(), path, 2, is_consolidated=is_consolidated)
    for name in [".zmetadata"] if is_consolidated else ["t/.zarray"]:
        (path / name).write_text((path / name).read_text().replace('"filters": null', '"filters": [{"id": "pickle"}]'))
    with pytest.raises(DataError, match=rf"`{server.url}/bucket/a.zarr/.*names the codec 'pickle'"):
        source(f"{server.url}/bucket/a.zarr")


def test_what_was_checked_is_what_is_used(server: FileServer) -> None:
    """Metadata that change after the check are not asked for again."""
    path = bucket(server) / "a.zarr"
    write_store(world(), path, 2, is_consolidated=True)
    opened = source(f"{server.url}/bucket/a.zarr")
    server.answer = lambda request: Answer(500) if request.path.rpartition("/")[2].startswith(".z") else None
    same(opened, path)


def test_a_damaged_file_is_named_by_its_address(server: FileServer) -> None:
    world().to_netcdf(bucket(server) / "a.nc")
    data = (bucket(server) / "a.nc").read_bytes()
    (bucket(server) / "a.nc").write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=rf"`{server.url}/bucket/a.nc` cannot be read as netcdf"):
        source(f"{server.url}/bucket/a.nc")


def test_copies_stay_within_their_limit(server: FileServer, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy that no process uses makes room for the next one; this process uses those that it opened."""
    old = cache / "remote-files" / "0123456789abcdef01234567"
    old.mkdir(parents=True)
    (old / "old.nc").write_bytes(bytes(1024))
    (old / ".used").touch()
    monkeypatch.setenv("WXML_CACHE_GIB", "0")
    for name in ("a.nc", "b.nc"):
        world().to_netcdf(bucket(server) / name)
        source(f"{server.url}/bucket/{name}")
    assert not old.exists()
    assert sorted(path.name for path in (cache / "remote-files").glob("*/*.nc")) == ["a.nc", "b.nc"]
