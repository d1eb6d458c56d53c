"""References of kerchunk in tables of Parquet, as its own writer and pyarrow write them."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing.file_server import FileServer
from wxml_dataset_sources.xarray_source import XarraySource

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
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
    from pyarrow import parquet

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


@carries_out("copy its folder to this machine, and name it there: the files that it refers to stay where they are")
def test_tables_at_an_address_are_no_store_of_missing_values(referred_file: Path, tmp_path: Path, same: Same) -> None:
    with FileServer(referred_file.parent) as server:
        by_hand(referred_file.parent / "refs.parq", references(referred_file, f"{server.url}/a.nc"))
        with pytest.raises(DataError, match=r"refs.parq` holds references in tables of Parquet"):
            XarraySource(path=f"{server.url}/refs.parq")
        shutil.copytree(referred_file.parent / "refs.parq", tmp_path / "here.parq")
        same(str(tmp_path / "here.parq"))


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
