"""Icechunk repositories: one snapshot of a branch, a tag or an id, here and in buckets."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import create
from wxml.errors import DataError, WxmlError
from wxml.testing import DataSourceContract
from wxml.testing.file_server import Answer, FileServer
from wxml_dataset_sources.icechunk_reading.version import IcechunkVersion
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource
from zarr.core.buffer import default_buffer_prototype

icechunk = pytest.importorskip("icechunk", reason="icechunk is not installed")
carries_out = pytest.mark.carries_out
Same = Callable[..., XarraySource]
Change = Callable[[zarr.Group], None]


@pytest.fixture(autouse=True)
def _quiet() -> None:
    icechunk.set_logs_filter("off")


def committed(folder: Path, dataset: xr.Dataset, **encoding: Any) -> str:
    """Make a repository, or go on with one, and write the dataset, one time a chunk; return the snapshot."""
    repository = icechunk.Repository.open_or_create(icechunk.local_filesystem_storage(str(folder)))
    session = repository.writable_session("main")
    sizes = {name: (1, *array.shape[1:]) for name, array in dataset.data_vars.items()}
    made = {name: {"chunks": size} | encoding for name, size in sizes.items()}
    dataset.to_zarr(session.store, mode="w", consolidated=False, zarr_format=3, encoding=made)
    return str(session.commit("written"))


def changed(folder: Path, change: Change, branch: str = "main") -> str:
    """Commit a change of the group at the root."""
    session = opened(folder).writable_session(branch)
    change(zarr.open_group(session.store, mode="a"))
    return str(session.commit("changed"))


def opened(folder: Path) -> Any:
    return icechunk.Repository.open(icechunk.local_filesystem_storage(str(folder)))


def set_to(value: float | np.ndarray[Any, Any], time: int = 0) -> Change:
    """A change of all values at one time."""

    def change(root: zarr.Group) -> None:
        array = root["t"]
        assert isinstance(array, zarr.Array)
        array[time] = value

    return change


def values(source: XarraySource) -> np.ndarray[Any, Any]:
    return source.read(source.header.times, ["t"])


@pytest.fixture
def repository(tmp_path: Path, referred: xr.Dataset) -> Path:
    """A repository with one commit, of the values of `referred`, alone in its folder."""
    committed(tmp_path / "served/bucket/era5", referred)
    return tmp_path / "served/bucket/era5"


def test_a_repository_here_has_the_values_of_what_was_written(repository: Path, same: Same) -> None:
    same(str(repository))
    same(str(repository), engine="icechunk")
    same(str(repository), icechunk=IcechunkVersion(branch="main"))


class TestIcechunk(DataSourceContract):
    plugin = XarraySource

    @pytest.fixture(autouse=True)
    def _repository(self, repository: Path) -> None:
        type(self).options = {"path": str(repository)}

    @carries_out("leave `checksum` out")
    def test_checksums_are_those_of_the_files(self) -> None:
        """There are no files: the snapshot stands for its values."""
        with pytest.raises(DataError, match=r"era5` is a repository: its snapshot tells every change"):
            create("data-source", "xarray", {**self.options, "checksum": True})
        assert self.make().provenance()["files"][0]["snapshot"]


@pytest.mark.parametrize("protocol", ["s3", "gs"])
@pytest.mark.parametrize("engine", ["auto", "icechunk"])
def test_in_a_bucket(protocol: str, engine: str, repository: Path, same: Same) -> None:
    pytest.importorskip("s3fs" if protocol == "s3" else "gcsfs")
    snapshot = opened(repository).lookup_branch("main")
    changed(repository, set_to(1.0))
    with FileServer(repository.parents[1]) as server:
        reached = {"storage_options": StorageOptions(anonymous=True, endpoint=server.url, region="x", attempts=1)}
        where = f"{protocol}://bucket/era5"
        source = same(where, engine=engine, icechunk=IcechunkVersion(snapshot=snapshot), **reached)
        assert source.provenance()["files"][0]["name"] == where
        server.requests.clear()
        source.read(source.header.times[1:3], ["t"])
        assert len([request for request in server.requests if "/chunks/" in request.path]) in (0, 2), "0: inline"
        newest = XarraySource(path=where, engine=engine, **reached)  # type: ignore[arg-type]
        assert (values(newest)[0] == 1).all()
        with pytest.raises(DataError, match=r"other` is not there|other` is no Icechunk repository"):
            XarraySource(path=f"{protocol}://bucket/other", engine=engine, **reached)  # type: ignore[arg-type]
        server.answer = lambda request: Answer(403)
        with pytest.raises(DataError, match="may not be read: the server answers 403"):
            XarraySource(path=where, engine=engine, **reached)  # type: ignore[arg-type]


def test_a_branch_that_moves_while_it_is_open(repository: Path, same: Same) -> None:
    source = same(str(repository))
    changed(repository, set_to(7.0))
    changed(repository, _without_t)
    np.testing.assert_array_equal(values(source), values(same(str(repository), icechunk=_first(repository))))
    with pytest.raises(DataError, match=r"names 't', but there is no such field"):
        XarraySource(path=str(repository), variables=["t"])


def _without_t(root: zarr.Group) -> None:
    del root["t"]


def _first(repository: Path) -> IcechunkVersion:
    """The snapshot of the first commit."""
    return IcechunkVersion(snapshot=list(opened(repository).ancestry(branch="main"))[-2].id)


def test_a_branch_a_tag_and_a_snapshot(repository: Path, same: Same) -> None:
    first = opened(repository).lookup_branch("main")
    opened(repository).create_tag("v1", snapshot_id=first)
    opened(repository).create_branch("trial", snapshot_id=first)
    second = changed(repository, set_to(5.0), "trial")
    for version in ({}, {"branch": "main"}, {"tag": "v1"}, {"snapshot": first}):
        same(str(repository), icechunk=IcechunkVersion(**version))
    for version in ({"branch": "trial"}, {"snapshot": second}):
        assert (values(XarraySource(path=str(repository), icechunk=IcechunkVersion(**version)))[0] == 5).all()


def test_the_snapshot_is_what_records_and_fingerprints_tell(repository: Path) -> None:
    first = XarraySource(path=str(repository))
    shutil.copytree(repository, repository.parent / "copy")
    copy = XarraySource(path=str(repository.parent / "copy"))
    snapshot = changed(repository, set_to(5.0))
    second = XarraySource(path=str(repository))
    again = XarraySource(path=str(repository), icechunk=_first(repository))
    record = second.provenance()["files"][0]
    assert record["snapshot"] == snapshot
    assert record["sample_sha256"] != first.provenance()["files"][0]["sample_sha256"]
    for told in (XarraySource.fingerprint, XarraySource.stamp):
        assert told(first) == told(copy) == told(again) != told(second)
    assert first.provenance() == again.provenance()


@pytest.mark.parametrize("members", [1, 3])
def test_members(members: int, tmp_path: Path, referred: xr.Dataset) -> None:
    """One member costs the chunks of one member."""
    dataset = xr.concat([referred + number for number in range(members)], xr.Variable("member", np.arange(members)))
    dataset = dataset.transpose("time", "member", ...).astype("f4")
    dataset["t"].attrs["units"] = "K"
    committed(tmp_path / "a", dataset)
    source = XarraySource(path=str(tmp_path / "a"))
    assert source.header.members == members
    np.testing.assert_array_equal(values(source)[:, :, 0], dataset.t.values.reshape(4, members, -1))
    one = source.read(source.header.times, ["t"], members=[members - 1])
    np.testing.assert_array_equal(one[:, 0, 0], dataset.t.values[:, -1].reshape(4, -1))


@pytest.mark.parametrize("fill", [0.0, np.nan])
def test_a_chunk_that_is_not_there_is_missing_or_refused(fill: float, tmp_path: Path, referred: xr.Dataset) -> None:
    """Icechunk keeps no file for a chunk that nobody wrote, nor for one that was removed."""
    committed(tmp_path / "a", referred, fill_value=fill, _FillValue=None)
    session = opened(tmp_path / "a").writable_session("main")
    zarr.core.sync.sync(session.store.delete("t/c/2/0/0"))
    session.commit("lost")
    source = XarraySource(path=str(tmp_path / "a"))
    kept = source.read(source.header.times[[0, 1, 3]], ["t"])
    np.testing.assert_array_equal(kept.ravel(), referred.t.values[[0, 1, 3]].ravel())
    if np.isnan(fill):
        assert np.isnan(source.read(source.header.times[2:3], ["t"])).all()
        return
    with pytest.raises(DataError, match=r"a` lacks a chunk of `t` at 2020-01-01T12.*would be read as 0"):
        source.read(source.header.times[2:3], ["t"])
    filled = XarraySource(path=str(tmp_path / "a"), absent_chunks="fill")
    assert (values(filled)[2] == 0).all()


def test_a_coordinate_of_which_a_chunk_is_lost_is_refused(repository: Path) -> None:
    session = opened(repository).writable_session("main")
    zarr.core.sync.sync(session.store.delete("longitude/c/0"))
    session.commit("lost")
    with pytest.raises(DataError, match=r"lacks a chunk of its coordinate `longitude`|missing"):
        XarraySource(path=str(repository))


@carries_out("copy the values into a repository or a zarr store, or read these files themselves")
def test_a_reference_to_a_file_outside_is_refused_whatever_the_repository_allows(
    repository: Path, tmp_path: Path, same: Same, referred: xr.Dataset
) -> None:
    (tmp_path / "secret").write_bytes(b"x" * 48)
    config = icechunk.RepositoryConfig.default()
    container = icechunk.VirtualChunkContainer(f"file://{tmp_path}/", icechunk.local_filesystem_store(str(tmp_path)))
    config.set_virtual_chunk_container(container)
    storage = icechunk.local_filesystem_storage(str(repository))
    reopened = icechunk.Repository.open(
        storage, config=config, authorize_virtual_chunk_access={f"file://{tmp_path}/": None}
    )
    reopened.save_config()
    session = reopened.writable_session("main")
    session.store.set_virtual_ref("t/c/1/0/0", f"file://{tmp_path}/secret", offset=0, length=48)
    session.commit("virtual")
    source = XarraySource(path=str(repository))
    np.testing.assert_array_equal(source.read(source.header.times[:1], ["t"]).ravel(), referred.t.values[0].ravel())
    with pytest.raises(DataError, match=r"chunk 't/c/1/0/0' of `.*era5` is a reference to a file outside"):
        source.read(source.header.times[1:2], ["t"])
    changed(repository, set_to(referred.t.values[1], 1))
    same(str(repository))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"codecs": [{"name": "numcodecs.pickle"}]}, "names the codec 'numcodecs.pickle'|names the codec 'pickle'"),
        ({"data_type": "object"}, "object"),
        ({"codecs": [{"name": "some.codec"}]}, "names the codec 'some.codec'"),
    ],
)
def test_metadata_that_would_run_code(metadata: dict[str, Any], message: str, repository: Path) -> None:
    session, prototype = opened(repository).writable_session("main"), default_buffer_prototype()
    text = zarr.core.sync.sync(session.store.get("t/zarr.json", prototype))
    assert text is not None
    hostile = json.dumps(json.loads(text.to_bytes()) | metadata).encode()
    zarr.core.sync.sync(session.store.set("t/zarr.json", prototype.buffer.from_bytes(hostile)))
    session.commit("hostile")
    with pytest.raises(DataError, match=message):
        XarraySource(path=str(repository))


@carries_out("{}known: {}", "name one that is there; the newest of `main`: {}", "keep one of them")
def test_a_version_that_is_not_there_names_those_that_are(repository: Path, same: Same) -> None:
    snapshot = opened(repository).lookup_branch("main")
    opened(repository).create_tag("v1", snapshot_id=snapshot)
    for kind, wrong, right in (("branch", "man", "main"), ("tag", "v10", "v1")):
        with pytest.raises(DataError, match=f"`icechunk.{kind}` names '{wrong}', which `.*era5` does not") as caught:
            XarraySource(path=str(repository), icechunk=IcechunkVersion(**{kind: wrong}))
        assert caught.value.fix == f"did you mean {right!r}?   known: {right}"
        same(str(repository), icechunk=IcechunkVersion(**{kind: right}))
    for wrong in ("abc", "1" * 20, ""):
        with pytest.raises(DataError, match=f"`icechunk.snapshot` names '{wrong}', which") as caught:
            XarraySource(path=str(repository), icechunk=IcechunkVersion(snapshot=wrong))
        assert snapshot in caught.value.fix
    same(str(repository), icechunk=IcechunkVersion(snapshot=snapshot))
    with pytest.raises(WxmlError, match="one of `branch`, `tag` and `snapshot`, got branch and tag"):
        create("data-source", "xarray", {"path": str(repository), "icechunk": {"branch": "main", "tag": "v1"}})


@carries_out("name the folder or the address with `refs` and `snapshots` in it, or leave `engine` out")
def test_what_is_no_repository(repository: Path, same: Same) -> None:
    with pytest.raises(DataError, match=r"bucket` is no Icechunk repository"):
        XarraySource(path=str(repository.parent), engine="icechunk")
    assert sorted(path.name for path in repository.parent.iterdir()) == ["era5"], "nothing is made"
    same(str(repository), engine="icechunk")


@carries_out("leave `engine` out", "leave `icechunk` out")
def test_a_file_is_no_repository_and_has_no_version(referred_file: Path, same: Same) -> None:
    with pytest.raises(DataError, match=r"a.nc` is a file, where a repository is a folder"):
        XarraySource(path=str(referred_file), engine="icechunk")
    with pytest.raises(DataError, match=r"`icechunk` chooses a version, and `.*a.nc` is no Icechunk repository"):
        XarraySource(path=str(referred_file), icechunk=IcechunkVersion(tag="v1"))
    same(str(referred_file))


@carries_out("copy it to this machine, or read it at {}")
def test_an_address_that_the_library_does_not_read(repository: Path, same: Same) -> None:
    with FileServer(repository.parent) as server:
        for engine in ("auto", "icechunk"):
            with pytest.raises(
                DataError, match=r"era5` is an Icechunk repository, which icechunk does not read at http"
            ):
                same(f"{server.url}/era5", engine=engine)
    with pytest.raises(DataError, match="does not read at memory://"):
        same("memory://era5", engine="icechunk")
    shutil.copytree(repository, repository.parent / "copied")
    same(str(repository.parent / "copied"))


@carries_out("install the extra `icechunk` of wxml-dataset-sources")
def test_without_the_library_the_sentence_says_what_to_install(
    repository: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "icechunk", None)
        with pytest.raises(DataError, match=r"era5` is an Icechunk repository, .* and that is not installed"):
            XarraySource(path=str(repository))
    same(str(repository))


FORKED = """
import os, signal, sys
from wxml.errors import DataError
from wxml_dataset_sources.xarray_source import XarraySource
source = XarraySource(path=sys.argv[1])
if os.fork() == 0:
    signal.alarm(60)
    for read in (lambda: source.read(source.header.times, ["t"]), lambda: XarraySource(path=sys.argv[1])):
        try:
            read()
        except DataError as error:
            print(error.message, error.fix)
    sys.stdout.flush()
    os._exit(0)
_, status = os.wait()
source.read(source.header.times, ["t"])
sys.exit(status)
"""


@carries_out("read it without worker processes: `workers: 0`, whose thread reads ahead")
def test_a_forked_process_is_refused_and_does_not_wait_for_ever(
    repository: Path, same: Same, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED, str(repository)], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("era5` is an Icechunk repository, which a process that was forked") == 2
    with monkeypatch.context() as patch:
        patch.setattr("wxml_dataset_sources.icechunk_reading.library._first_process", lambda: 0)
        with pytest.raises(DataError, match="which a process that was forked"):
            XarraySource(path=str(repository))
    same(str(repository))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, referred: xr.Dataset) -> Path:
    icechunk.set_logs_filter("off")
    folder = tmp_path_factory.mktemp("icechunk")
    config = icechunk.RepositoryConfig(inline_chunk_threshold_bytes=0)
    icechunk.Repository.create(icechunk.local_filesystem_storage(str(folder / "a")), config=config).save_config()
    committed(folder / "a", referred)
    return folder / "a"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@carries_out("copy the repository again from where it was made, or try again later if it is at an address")
def test_damage_anywhere_gives_the_values_or_a_sentence(
    data: st.DataObject, whole: Path, tmp_path: Path, referred: xr.Dataset
) -> None:
    """Of each file of a repository: cut short, or with another byte."""
    files = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    file = data.draw(st.sampled_from(files))
    folder = tmp_path / f"{len(list(tmp_path.iterdir()))}-b"  # another name: an open snapshot stays in memory
    shutil.copytree(whole, folder)
    target = folder / file
    content = bytearray(target.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content = content[:place]
    else:
        content[place] ^= data.draw(st.integers(1, 255))
    target.write_bytes(content)
    found = _values_or_sentence(folder)
    assert f"{folder}`" in found if isinstance(found, str) else found.shape == (4, 1, 1, 12)


def _values_or_sentence(path: Path) -> np.ndarray[Any, Any] | str:
    try:
        return values(XarraySource(path=str(path), engine="icechunk"))
    except DataError as error:
        return error.message
