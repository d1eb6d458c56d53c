"""References of kerchunk in tables of Parquet, as its own writer and pyarrow write them."""

import json
import shutil
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_reading.opening import release
from wxml_dataset_sources.xarray_source import XarraySource

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet")
carries_out = pytest.mark.carries_out
MAKE_AGAIN = "make the references again: plain ones, with addresses written out, as `kerchunk.combine` does"
RECORD = 3
"""Rows of a table: the four chunks of `t` are in two."""
Refs = dict[str, Any]


def references(file: Path, address: str) -> Refs:
    """References to the chunks of `t` in a NetCDF file; those of its axes are their bytes."""
    refs: Refs = {".zgroup": {"zarr_format": 2}}
    usual = {"zarr_format": 2, "order": "C", "filters": None, "fill_value": None, "compressor": None}
    with xr.open_dataset(file, decode_times=False) as dataset:
        arrays = {name: array.load() for name, array in dataset.variables.items()}
    for name, array in arrays.items():
        sizes = [1, 3, 4] if name == "t" else list(array.shape)
        own = {"shape": list(array.shape), "chunks": sizes, "dtype": array.dtype.str}
        refs |= {f"{name}/.zarray": own | usual, f"{name}/.zattrs": {"_ARRAY_DIMENSIONS": array.dims, **array.attrs}}
        if name != "t":
            refs[f"{name}/0"] = array.values.tobytes()
    with h5py.File(file) as opened:
        data = opened["t"].id
        for number in range(data.get_num_chunks()):
            chunk = data.get_chunk_info(number)
            refs[f"t/{chunk.chunk_offset[0]}.0.0"] = [address, chunk.byte_offset, chunk.size]
    return refs


def by_kerchunk(folder: Path, refs: Refs) -> str:
    pytest.importorskip("kerchunk.df", reason="kerchunk is not installed")
    from fsspec.implementations.reference import LazyReferenceMapper

    mapper = LazyReferenceMapper.create(str(folder), record_size=RECORD, engine="pyarrow")
    for key, entry in refs.items():
        mapper[key] = json.dumps(entry) if isinstance(entry, dict) else entry
    mapper.flush()
    return str(folder)


def by_hand(folder: Path, refs: Refs, record: Any = RECORD, **columns: Any) -> str:
    """Write the folder; `columns` are in place of those of the first table of `t`."""
    folder.mkdir()
    metadata = {key: entry for key, entry in refs.items() if isinstance(entry, dict)}
    (folder / ".zmetadata").write_text(json.dumps({"metadata": metadata, "record_size": record}))
    for array in ("t", "time", "latitude", "longitude"):
        (folder / array).mkdir()
        for number in range(2 if array == "t" else 1):
            keys = [f"{array}/{number * RECORD + row}" + ".0.0" * (array == "t") for row in range(RECORD)]
            rows = [refs.get(key) for key in keys]
            places = [row if isinstance(row, list) else [None, 0, 0] for row in rows]
            table: dict[str, Any] = {
                "path": [place[0] for place in places],
                "offset": [place[1] for place in places],
                "size": [place[2] for place in places],
                "raw": [row if isinstance(row, bytes) else None for row in rows],
            }
            table |= columns if (array, number) == ("t", 0) else {}
            parquet.write_table(pa.table(table), folder / array / f"refs.{number}.parq")
    return str(folder)


Same = Callable[..., XarraySource]


@pytest.mark.parametrize("write", [by_kerchunk, by_hand])
@pytest.mark.parametrize("target", ["{folder}/a.nc", "file://{folder}/a.nc", "{url}/a.nc"])
def test_tables_refer_to_files_here_and_at_addresses(
    target: str, write: Callable[[Path, Refs], str], referred_file: Path, tmp_path: Path, same: Same
) -> None:
    with FileServer(referred_file.parent) as server:
        refs = references(referred_file, target.format(folder=referred_file.parent, url=server.url))
        path = write(tmp_path / "refs.parq", refs)
        same(path, engine="kerchunk")
        source = same(path)
        server.requests.clear()
        source.read(source.header.times[1:3], ["t"])
        assert len(server.requests) == 2 * ("url" in target)


@pytest.mark.parametrize("lost", ["a row", "a table"])
def test_a_chunk_without_a_reference_is_missing_or_refused(
    lost: str, referred_file: Path, tmp_path: Path, referred: xr.Dataset
) -> None:
    for fill in ("NaN", None):
        refs = references(referred_file, str(referred_file))
        refs["t/.zarray"]["fill_value"] = fill
        if lost == "a row":
            del refs["t/3.0.0"]
        path = by_hand(tmp_path / f"{fill}.parq", refs)
        if lost == "a table":
            (tmp_path / f"{fill}.parq/t/refs.1.parq").unlink()
        source = XarraySource(path=path)
        np.testing.assert_array_equal(
            source.read(source.header.times[:3], ["t"]).ravel(), referred.t.values[:3].ravel()
        )
        if fill == "NaN":
            assert np.isnan(source.read(source.header.times[3:], ["t"])).all()
        else:
            with pytest.raises(DataError, match=r"lacks a chunk of `t` at 2020-01-01T18.*would be read as 0"):
                source.read(source.header.times[3:], ["t"])


def test_a_file_without_a_length_is_the_chunk(
    referred_file: Path, tmp_path: Path, same: Same, referred: xr.Dataset
) -> None:
    (tmp_path / "chunk").write_bytes(referred.t.values[2].tobytes())
    refs = references(referred_file, str(referred_file)) | {"t/2.0.0": [str(tmp_path / "chunk"), 0, 0]}
    same(by_hand(tmp_path / "refs.parq", refs))


WRONG: list[tuple[Refs, dict[str, Any], str]] = [
    ({"t/1.0.0": ["simplecache::http://h/a.nc", 0, 8]}, {}, "whose protocol is not read"),
    ({"t/1.0.0": ["ssh://h/a.nc", 0, 8]}, {}, "whose protocol is not read"),
    ({"t/1.0.0": ["{file}", -4, 8]}, {}, "wrong.parq` has .* for 't/1.0.0'"),
    ({"t/1.0.0": ["{file}", 10**9, 48]}, {}, "a.nc` is shorter than"),
    ({"t/1.0.0": ["{file}.other", 0, 48]}, {}, "a.nc.other`, which is not there"),
    ({}, {"path": [7, 8, 9]}, "column `path` of type int64"),
    ({}, {"raw": ["a", "b", "c"]}, "column `raw` of type string"),
    ({}, {"raw": [{"a": 1}] * 3}, "column `raw` of type struct"),
    ({}, {"offset": ["0", "0", "0"]}, "column `offset` of type string"),
    ({}, {"record": 0}, "without the length of its tables"),
    ({}, {"record": "3"}, "without the length of its tables"),
    ({}, {"record": 4}, "is cut short"),
    ({}, {"record": 2**40}, "without the length of its tables"),
    ({"t/.zarray": {"dimension_separator": "/"}}, {}, "not named as in `0.0`"),
]


@pytest.mark.parametrize(("refs", "columns", "message"), WRONG)
@carries_out("make the references again: plain ones, with addresses written out, as `kerchunk.combine` does")
def test_what_leads_nowhere_or_is_no_table_of_references(
    refs: Refs, columns: dict[str, Any], message: str, referred_file: Path, tmp_path: Path, same: Same
) -> None:
    whole = references(referred_file, str(referred_file))
    own = {
        key: [entry[0].format(file=referred_file), *entry[1:]] if isinstance(entry, list) else whole[key] | entry
        for key, entry in refs.items()
    }
    with pytest.raises(DataError, match=message) as caught:
        same(by_hand(tmp_path / "wrong.parq", whole | own, **columns))
    assert caught.value.fix == MAKE_AGAIN
    same(by_hand(tmp_path / "right.parq", whole))


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"filters": [{"id": "pickle"}]}, "names the codec 'pickle'"),
        ({"dtype": "|O"}, "whose values may be objects"),
        ({"dtype": "|O", "filters": [{"id": "json2"}]}, "names the codec 'json2'"),
    ],
)
def test_metadata_that_would_run_code(own: Refs, message: str, referred_file: Path, tmp_path: Path, same: Same) -> None:
    refs = references(referred_file, str(referred_file))
    with pytest.raises(DataError, match=message):
        same(by_hand(tmp_path / "refs.parq", refs | {"t/.zarray": refs["t/.zarray"] | own}))


@pytest.mark.parametrize("name", [".zmetadata", "t/refs.0.parq"])
def test_damaged_files(name: str, referred_file: Path, tmp_path: Path, same: Same) -> None:
    path = tmp_path / "refs.parq"
    by_hand(path, references(referred_file, str(referred_file)))
    (path / name).write_bytes((path / name).read_bytes()[:-20])
    with pytest.raises(DataError, match=r"damaged metadata|which cannot be read"):
        same(str(path))


def test_metadata_that_lie_elsewhere(referred_file: Path, tmp_path: Path, same: Same) -> None:
    refs = references(referred_file, str(referred_file))
    with pytest.raises(DataError, match="which is not in the store"):
        same(by_hand(tmp_path / "refs.parq", refs | {"../b/.zarray": refs["t/.zarray"]}))


def test_a_table_that_is_written_while_it_is_in_use(referred_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "refs.parq"
    source = XarraySource(path=by_hand(path, references(referred_file, str(referred_file))))
    shutil.rmtree(path / "t")
    other = references(referred_file, str(referred_file)) | {"t/3.0.0": [str(referred_file), 0, 48]}
    by_hand(tmp_path / "other.parq", other)
    shutil.copytree(tmp_path / "other.parq/t", path / "t", copy_function=shutil.copyfile)
    with pytest.raises(DataError, match=r"refs.parq` was written again while it was in use"):
        source.read(source.header.times, ["t"])


def test_record_and_fingerprint_tell_a_change(referred_file: Path, tmp_path: Path) -> None:
    """Of the tables, and of the bytes that they refer to."""
    path = tmp_path / "refs.parq"
    refs = references(referred_file, str(referred_file))
    first = XarraySource(path=by_hand(path, refs))
    record, fingerprint = first.provenance()["files"][0], first.fingerprint()
    again = XarraySource(path=str(path))
    assert (again.provenance()["files"][0], again.fingerprint()) == (record, fingerprint)
    assert fingerprint is not None
    with h5py.File(referred_file, "r+") as opened:
        opened["t"][2, 0, 0] = 0.0
    assert XarraySource(path=str(path)).provenance()["files"][0]["sample_sha256"] != record["sample_sha256"]
    assert XarraySource(path=str(path)).fingerprint() != fingerprint


ADDRESSES: dict[str, tuple[str, dict[str, Any]]] = {
    "http": ("{url}/bucket", {}),
    "s3": ("s3://bucket", {"endpoint": "{url}", "anonymous": True, "region": "x"}),
    "gs": ("gs://bucket", {"endpoint": "{url}", "anonymous": True}),
    "memory": ("memory://tables-of-a-test", {}),
}


@pytest.fixture
def bucket(referred_file: Path) -> Iterator[FileServer]:
    """A server of the folder `bucket`, in which `a.nc` is."""
    (referred_file.parent / "bucket").mkdir()
    shutil.copy(referred_file, referred_file.parent / "bucket/a.nc")
    with FileServer(referred_file.parent) as server:
        yield server


def served(server: FileServer, refs: Refs, **columns: Any) -> Path:
    """Write tables beside the file that is served."""
    return Path(by_hand(server.folder / "bucket/refs.parq", refs, **columns))


def paths(server: FileServer) -> list[str]:
    """What was asked for, without what is beside it on Google's paths."""
    return [request.path.rpartition("bucket/")[2] for request in server.requests if request.method == "GET"]


@pytest.mark.parametrize("place", list(ADDRESSES))
@pytest.mark.parametrize("target", ["a.nc", "{address}/a.nc"])
def test_tables_at_an_address(place: str, target: str, bucket: FileServer, referred_file: Path, same: Same) -> None:
    pytest.importorskip({"s3": "s3fs", "gs": "gcsfs"}.get(place, "fsspec"))
    address, options = ADDRESSES[place]
    address = address.format(url=bucket.url)
    folder = served(bucket, references(referred_file, target.format(address=address)))
    if place == "memory":
        fsspec.filesystem("memory").put(str(folder.parent), "/tables-of-a-test", recursive=True)
    filled = {key: value.format(url=bucket.url) if isinstance(value, str) else value for key, value in options.items()}
    reached = {"storage_options": StorageOptions(attempts=1, timeout=5.0, **filled)}
    for engine in ("auto", "kerchunk"):
        source = same(f"{address}/refs.parq", engine=engine, **reached)
    bucket.requests.clear()
    source.read(source.header.times[1:3], ["t"])
    assert len(bucket.requests) == 2 * (place != "memory"), "the chunks; the tables are here"
    record = source.provenance()["files"][0]
    assert record["name"] == f"{address}/refs.parq"
    if target == "a.nc":
        copy = same(str(folder)).provenance()["files"][0]
        assert {key: record[key] for key in ("bytes", "sample_sha256")} == {
            key: copy[key] for key in ("bytes", "sample_sha256")
        }


def test_only_the_tables_of_what_is_asked_for_are_fetched(
    bucket: FileServer, referred_file: Path, referred: xr.Dataset
) -> None:
    served(bucket, references(referred_file, "a.nc"))
    source = XarraySource(path=f"{bucket.url}/bucket/refs.parq")
    assert not [path for path in paths(bucket) if path.startswith("refs.parq/t/refs")]
    bucket.requests.clear()
    found = source.read(source.header.times[3:], ["t"])
    np.testing.assert_array_equal(found.ravel(), referred.t.values[3].ravel())
    assert set(paths(bucket)) == {"refs.parq/t/refs.1.parq", "a.nc"}


@pytest.mark.parametrize("lost", ["a row", "a table"])
@pytest.mark.parametrize("fill", ["NaN", None])
def test_a_chunk_without_a_reference_at_an_address(
    lost: str, fill: str | None, bucket: FileServer, referred_file: Path
) -> None:
    refs = references(referred_file, "a.nc")
    refs["t/.zarray"]["fill_value"] = fill
    if lost == "a row":
        del refs["t/3.0.0"]
    folder = served(bucket, refs)
    if lost == "a table":
        (folder / "t/refs.1.parq").unlink()
    source = XarraySource(path=f"{bucket.url}/bucket/refs.parq")
    if fill is not None:
        assert np.isnan(source.read(source.header.times[3:], ["t"])).all()
        return
    with pytest.raises(DataError, match=r"lacks a chunk of `t` at 2020-01-01T18.*would be read as 0"):
        source.read(source.header.times[3:], ["t"])


@pytest.mark.parametrize(("status", "message"), [(403, "answers 403"), (503, "answers 503")])
def test_a_table_that_cannot_be_fetched_is_no_missing_one(
    status: int, message: str, bucket: FileServer, referred_file: Path
) -> None:
    served(bucket, references(referred_file, "a.nc"))
    quick = StorageOptions(attempts=1)
    source = XarraySource(path=f"{bucket.url}/bucket/refs.parq", storage_options=quick)
    bucket.answer = lambda request: Answer(status) if "/t/refs" in request.path else None
    for read in (
        lambda: source.read(source.header.times, ["t"]),
        lambda: XarraySource(path=f"{bucket.url}/bucket/refs.parq", storage_options=quick),
    ):
        with pytest.raises(DataError, match=message):
            read()


@pytest.mark.parametrize("target", ["/etc/hostname", "file:///etc/hostname", "../../etc/hostname"])
def test_tables_of_another_machine_read_no_file_of_this_one(
    target: str, bucket: FileServer, referred_file: Path
) -> None:
    served(bucket, references(referred_file, "a.nc") | {"t/1.0.0": [target, 0, 4]})
    source = XarraySource(path=f"{bucket.url}/bucket/refs.parq")
    with pytest.raises(DataError, match=r"of this one|whose protocol is not read"):
        source.read(source.header.times, ["t"])


@pytest.mark.parametrize(("refs", "columns", "message"), WRONG)
def test_what_is_wrong_here_is_wrong_at_an_address(
    refs: Refs, columns: dict[str, Any], message: str, bucket: FileServer, referred_file: Path, same: Same
) -> None:
    whole = references(referred_file, "a.nc")
    own = {
        key: [entry[0].format(file="a.nc"), *entry[1:]] if isinstance(entry, list) else whole[key] | entry
        for key, entry in refs.items()
    }
    served(bucket, whole | own, **columns)
    with pytest.raises(DataError, match=f"{message.replace('wrong', 'refs')}|a.nc` ends before the bytes"):
        same(f"{bucket.url}/bucket/refs.parq")


def test_metadata_at_an_address_that_would_run_code(bucket: FileServer, referred_file: Path) -> None:
    refs = references(referred_file, "a.nc")
    refs["t/.zarray"]["filters"] = [{"id": "pickle"}]
    served(bucket, refs)
    with pytest.raises(DataError, match="names the codec 'pickle'"):
        XarraySource(path=f"{bucket.url}/bucket/refs.parq")


@pytest.mark.parametrize("place", ["here", "there"])
def test_a_table_is_bounded(
    place: str, bucket: FileServer, referred_file: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its bytes, by those that it has unpacked, and by its rows, which a few bytes can make many."""
    folder = served(bucket, references(referred_file, f"{bucket.url}/bucket/a.nc"))
    path = str(folder) if place == "here" else f"{bucket.url}/bucket/refs.parq"
    same(path)
    with monkeypatch.context() as patch:
        patch.setattr("wxml_dataset_sources.remote.reference_tables.LONGEST", 300)
        _forget()
        with pytest.raises(DataError, match=r"refs.parq` has the table '\w+/refs.0.parq' of more than"):
            same(path)
    _forget()
    rows = [f"{bucket.url}/bucket/a.nc"] * 10**6
    table = pa.table({"path": rows, "offset": [0] * len(rows), "size": [0] * len(rows)})
    parquet.write_table(table, folder / "t/refs.0.parq")
    with pytest.raises(DataError, match=r"'t/refs.0.parq' of 1000000 rows, where the metadata say 3"):
        same(path)


@pytest.mark.parametrize("name", ["refs.parq", "refs.json"])
@carries_out("write references for fewer files")
def test_no_long_file_of_references_is_fetched(
    name: str, bucket: FileServer, referred_file: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    refs = references(referred_file, "a.nc")
    served(bucket, refs)
    texts = {key: f"base64:{b64encode(entry).decode()}" for key, entry in refs.items() if isinstance(entry, bytes)}
    (bucket.folder / "bucket/refs.json").write_text(json.dumps(refs | texts))
    with monkeypatch.context() as patch:
        for module in ("remote.table_files", "xarray_reading.locations"):
            patch.setattr(f"wxml_dataset_sources.{module}.LONGEST", 300)
        with pytest.raises(DataError, match=rf"{name}.*` has \d+ bytes, and may have 0 MiB"):
            same(f"{bucket.url}/bucket/{name}")
    same(f"{bucket.url}/bucket/{name}")


@carries_out("make the references to it again, or copy the file again from where it was made")
def test_a_file_at_an_address_that_is_shorter_than_its_references(
    bucket: FileServer, referred_file: Path, same: Same
) -> None:
    served(bucket, references(referred_file, "a.nc") | {"t/1.0.0": ["a.nc", 10**9, 48]})
    with pytest.raises(DataError, match=r"a.nc` ends before the bytes that were asked for"):
        same(f"{bucket.url}/bucket/refs.parq")
    shutil.rmtree(bucket.folder / "bucket/refs.parq")
    served(bucket, references(referred_file, "a.nc"))
    same(f"{bucket.url}/bucket/refs.parq")


def _forget() -> None:
    """What this process keeps of references, as another process has none."""
    from wxml_dataset_sources.remote import reference_tables
    from wxml_dataset_sources.remote import references as kept

    kept._kept.clear()
    reference_tables._columns.cache_clear()


@pytest.mark.parametrize("place", ["here", "there"])
@pytest.mark.parametrize("process", ["this", "another"])
def test_tables_that_are_written_while_they_are_in_use(
    place: str, process: str, bucket: FileServer, referred_file: Path
) -> None:
    """By the process that opened them, and by a worker of it that opens them later."""
    refs = references(referred_file, f"{bucket.url}/bucket/a.nc")
    folder = served(bucket, refs)
    source = XarraySource(path=str(folder) if place == "here" else f"{bucket.url}/bucket/refs.parq")
    shutil.rmtree(folder)
    served(bucket, refs | {"t/3.0.0": [f"{bucket.url}/bucket/a.nc", 0, 48]})
    release()
    if process == "another":
        _forget()
    with pytest.raises(DataError, match=r"refs.parq` was written again while it was in use"):
        source.read(source.header.times, ["t"])


@pytest.mark.parametrize("tells_versions", [True, False])
def test_the_fingerprint_at_an_address_tells_a_change(
    tells_versions: bool, bucket: FileServer, referred_file: Path
) -> None:
    bucket.tells_versions = tells_versions
    refs = references(referred_file, "a.nc")
    folder = served(bucket, refs)

    def fingerprint() -> str | None:
        return XarraySource(path=f"{bucket.url}/bucket/refs.parq").fingerprint()

    before = fingerprint()
    assert (before is None) != tells_versions
    assert fingerprint() == before
    shutil.rmtree(folder)
    served(bucket, refs | {"t/3.0.0": [*refs["t/3.0.0"][:1], 0, 48]})
    assert (fingerprint() != before) == tells_versions


def test_a_token_for_tables_stays_with_its_server(
    bucket: FileServer, referred_file: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "a-token-of-some-length")
    with FileServer(bucket.folder) as other:
        served(bucket, references(referred_file, f"{other.url}/bucket/a.nc"))
        options = StorageOptions(token_variable="SOME_TOKEN", attempts=1)  # noqa: S106  # a name
        same(f"{bucket.url}/bucket/refs.parq", storage_options=options)
    assert all("Authorization" in request.headers for request in bucket.requests)
    assert other.requests
    assert not any("Authorization" in request.headers for request in other.requests)


@carries_out("read it with the plugin `xarray`, without `engine`")
def test_tables_are_no_zarr_store(bucket: FileServer, referred_file: Path, same: Same) -> None:
    served(bucket, references(referred_file, "a.nc"))
    for read in (partial(XarraySource, engine="zarr"), AnemoiSource):
        with pytest.raises(DataError, match=r"refs.parq` holds references in tables of Parquet, and is no zarr store"):
            read(path=f"{bucket.url}/bucket/refs.parq")
    same(f"{bucket.url}/bucket/refs.parq")


@carries_out("install the extra `parquet` of wxml-dataset-sources, or write the references as JSON")
def test_without_pyarrow_the_sentence_says_what_to_install(
    referred_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, same: Same
) -> None:
    path = by_hand(tmp_path / "refs.parq", references(referred_file, str(referred_file)))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pyarrow", None)
        with pytest.raises(DataError, match="is read with pyarrow, and that is not installed"):
            XarraySource(path=path)
    same(path)
