"""References of kerchunk: chunks of NetCDF files that are read as a zarr store, here and at addresses."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out


def references(file: Path, address: str) -> dict[str, Any]:
    """References to the chunks of a NetCDF file, one time a chunk, as kerchunk makes them of HDF5."""
    with xr.open_dataset(file, decode_times=False) as dataset:
        axes = {name: dataset[name].load() for name in ("time", "latitude", "longitude")}
        attributes = dataset["t"].attrs
    refs: dict[str, Any] = {".zgroup": '{"zarr_format": 2}'}

    def array(
        name: str, shape: list[int], chunks: list[int], dtype: str, dims: list[str], attrs: dict[str, Any]
    ) -> None:
        usual = {"zarr_format": 2, "order": "C", "filters": None, "fill_value": None, "compressor": None}
        refs[f"{name}/.zarray"] = json.dumps({"shape": shape, "chunks": chunks, "dtype": dtype, **usual})
        refs[f"{name}/.zattrs"] = json.dumps({"_ARRAY_DIMENSIONS": dims, **attrs})

    for name, values in axes.items():
        array(name, [values.size], [values.size], values.dtype.str, [name], dict(values.attrs))
        refs[f"{name}/0"] = "base64:" + base64.b64encode(values.values.tobytes()).decode()
    array("t", [4, 3, 4], [1, 3, 4], "<f4", ["time", "latitude", "longitude"], attributes)
    with h5py.File(file) as opened:
        data = opened["t"].id
        for number in range(data.get_num_chunks()):
            chunk = data.get_chunk_info(number)
            refs[f"t/{chunk.chunk_offset[0]}.0.0"] = [address, chunk.byte_offset, chunk.size]
    return {"version": 1, "refs": refs}


@pytest.fixture
def server(referred_file: Path) -> Iterator[FileServer]:
    """A server of `a.nc`, whose times are chunks."""
    with FileServer(referred_file.parent) as server:
        yield server


def written(folder: Path, content: Any, name: str = "refs.json") -> str:
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return str(folder / name)


Same = Callable[..., XarraySource]


@pytest.mark.parametrize("target", ["{folder}/a.nc", "file://{folder}/a.nc", "a.nc", "{url}/a.nc"])
def test_a_file_of_this_machine_that_refers_anywhere(target: str, server: FileServer, same: Same) -> None:
    address = target.format(folder=server.folder, url=server.url)
    same(written(server.folder, references(server.folder / "a.nc", address)))


@pytest.mark.parametrize("target", ["a.nc", "{url}/a.nc"])
@pytest.mark.parametrize("ranges", [True, False])
def test_references_at_an_address(target: str, ranges: bool, server: FileServer, same: Same) -> None:
    """Beside the file, or with its address; only the chunks of the wanted times are fetched."""
    written(server.folder, references(server.folder / "a.nc", target.format(url=server.url)))
    source = same(f"{server.url}/refs.json")
    server.ranges = ranges
    server.requests.clear()
    source.read(source.header.times[1:3], ["t"])
    assert [request.path for request in server.requests] == ["/a.nc", "/a.nc"]
    assert all("Range" in request.headers for request in server.requests)


def test_templates_are_names_of_texts(server: FileServer, same: Same) -> None:
    content = references(server.folder / "a.nc", "{{u}}/{{ name }}")
    same(written(server.folder, content | {"templates": {"u": server.url, "name": "a.nc"}}))


def test_version_0(server: FileServer, same: Same) -> None:
    """A mapping without more; metadata may stand in it as JSON."""
    refs = references(server.folder / "a.nc", "a.nc")["refs"]
    refs["t/.zarray"] = json.loads(refs["t/.zarray"])
    same(written(server.folder, refs, "refs.v0.json"), engine="kerchunk")


def test_a_chunk_without_a_reference_is_missing(server: FileServer, referred: xr.Dataset) -> None:
    content = references(server.folder / "a.nc", "a.nc")
    content["refs"]["t/.zarray"] = content["refs"]["t/.zarray"].replace('"fill_value": null', '"fill_value": "NaN"')
    del content["refs"]["t/1.0.0"]
    source = XarraySource(path=written(server.folder, content))
    values = source.read(source.header.times, ["t"])
    assert np.isnan(values[1]).all()
    np.testing.assert_array_equal(values[2].ravel(), referred.t.values[2].ravel())


def test_the_record_tells_a_change(server: FileServer) -> None:
    """Of the references, and of the bytes that they refer to."""
    path = written(server.folder, references(server.folder / "a.nc", "a.nc"))
    record = XarraySource(path=path).provenance()["files"][0]
    assert XarraySource(path=path).provenance()["files"][0] == record
    assert record["name"] == path
    with h5py.File(server.folder / "a.nc", "r+") as file:
        file["t"][2, 0, 0] = 0.0
    assert XarraySource(path=path).provenance()["files"][0]["sample_sha256"] != record["sample_sha256"]


HOSTILE = [
    ({"t/1.0.0": ["{{ cycler.__init__.__globals__.os.popen('id') }}/a.nc", 0, 8]}, {}, "which is no name of a text"),
    ({"t/1.0.0": ["{{u}}", 0, 8]}, {"templates": {"u": "{{ 7 * 7 }}"}}, "which is no name of a text"),
    ({}, {"gen": [{"key": "t/{{i}}", "url": "a.nc"}]}, "generated by expressions"),
    ({"t/1.0.0": ["simplecache::http://h/a.nc", 0, 8]}, {}, "whose protocol is not read"),
    ({"t/1.0.0": ["ssh://h/a.nc", 0, 8]}, {}, "whose protocol is not read"),
    ({"t/1.0.0": ["a.nc", -4, 8]}, {}, "-4, 8.* for 't/1.0.0'"),
    ({"t/1.0.0": 7}, {}, "has '7' for 't/1.0.0'"),
    ({"t/1.0.0": "base64:%%"}, {}, "damaged bytes of 't/1.0.0'"),
    ({"t/.zarray": ["a.nc", 0, 8]}, {}, "keeps the metadata 't/.zarray' in another file"),
    ({"t/1.0.0": ["a.nc", 10**9, 48]}, {}, "a.nc` is shorter than"),
    ({"t/1.0.0": ["b.nc", 0, 48]}, {}, "b.nc`, which is not there"),
]


@pytest.mark.parametrize(("refs", "more", "message"), HOSTILE)
@carries_out("make the references again: plain ones, with addresses written out, as `kerchunk.combine` does")
def test_what_would_run_code_or_leads_nowhere(
    refs: dict[str, Any], more: dict[str, Any], message: str, server: FileServer, same: Same
) -> None:
    content = references(server.folder / "a.nc", "a.nc")
    hostile = {**content, "refs": content["refs"] | refs, **more}
    with pytest.raises(DataError, match=message) as caught:
        same(written(server.folder, hostile))
    assert caught.value.fix.startswith("make the references again")
    same(written(server.folder, content, "plain.json"))


def test_metadata_that_lie_elsewhere(server: FileServer, same: Same) -> None:
    content = references(server.folder / "a.nc", "a.nc")
    content["refs"]["../b/.zarray"] = content["refs"]["t/.zarray"]
    with pytest.raises(DataError, match="which is not in the store"):
        same(written(server.folder, content))


def test_a_codec_that_would_run_code(server: FileServer, same: Same) -> None:
    content = references(server.folder / "a.nc", "a.nc")
    content["refs"]["t/.zarray"] = content["refs"]["t/.zarray"].replace(
        '"filters": null', '"filters": [{"id": "pickle"}]'
    )
    with pytest.raises(DataError, match="names the codec 'pickle'"):
        same(written(server.folder, content))


@pytest.mark.parametrize("target", ["/etc/hostname", "file:///etc/hostname", "../../etc/hostname"])
def test_references_of_another_machine_read_no_file_of_this_one(target: str, server: FileServer, same: Same) -> None:
    content = references(server.folder / "a.nc", "a.nc")
    content["refs"]["t/1.0.0"] = [target, 0, 4]
    written(server.folder, content)
    with pytest.raises(DataError, match=r"of this one|whose protocol is not read"):
        same(f"{server.url}/refs.json")


def test_a_token_stays_with_its_server(
    server: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, same: Same
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "a-token-of-some-length")
    with FileServer(server.folder) as other:
        written(server.folder, references(server.folder / "a.nc", f"{other.url}/a.nc"))
        options = StorageOptions(token_variable="SOME_TOKEN", attempts=1)  # noqa: S106  # a name
        same(f"{server.url}/refs.json", storage_options=options)
    assert all("Authorization" in request.headers for request in server.requests)
    assert other.requests
    assert not any("Authorization" in request.headers for request in other.requests)


def test_a_failed_request_is_no_missing_chunk(server: FileServer, same: Same) -> None:
    path = written(server.folder, references(server.folder / "a.nc", f"{server.url}/a.nc"))
    for status, message in ((404, "a.nc`, which is not there"), (403, "answers 403"), (503, "answers 503")):
        server.answer = lambda request, status=status: Answer(status)
        with pytest.raises(DataError, match=message):
            same(path)


@carries_out("write `engine: auto`, or name a .json file")
def test_what_is_no_json(server: FileServer, same: Same) -> None:
    with pytest.raises(DataError, match=r"a.nc` is no file of references"):
        XarraySource(path=str(server.folder / "a.nc"), engine="kerchunk")
    same(str(server.folder / "a.nc"))
    with pytest.raises(DataError, match="is no JSON"):
        XarraySource(path=written(server.folder, "{"))
