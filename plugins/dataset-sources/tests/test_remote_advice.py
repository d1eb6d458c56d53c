"""What errors about addresses propose, carried out: the data can be read afterwards."""

import json
import shutil
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer, Request
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.stations_source import StationsSource
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
Act = Callable[[FileServer], dict[str, Any] | None]
"""Makes a fault, or mends it; returns the options that are read then, where they are others."""


def world(times: int = 2) -> xr.Dataset:
    return xr.Dataset(
        {"t": (("time", "latitude", "longitude"), np.ones((times, 2, 2), "f4"), {"units": "K"})},
        {
            "time": np.datetime64("2020-01-01", "ns") + np.timedelta64(6, "h") * np.arange(times),
            "latitude": ("latitude", [10.0, 0.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0], {"units": "degrees_east"}),
        },
    )


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server with the same world as a file `a.nc` and as the stores `a.zarr` and `plain.zarr`."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "served"
    folder.mkdir()
    world().to_netcdf(folder / "a.nc")
    world().to_zarr(folder / "a.zarr", zarr_format=2, consolidated=True)
    world().to_zarr(folder / "plain.zarr", zarr_format=2, consolidated=False)
    with FileServer(folder) as server:
        yield server


def opened(server: FileServer, path: str = "a.zarr", **options: Any) -> XarraySource:
    """The source, after a read."""
    storage = StorageOptions(**({"attempts": 1, "timeout": 0.4} | options.pop("storage", {})))
    address = path if "://" in path else f"{server.url}/{path}"
    source = XarraySource(path=address, storage_options=storage, **options)
    assert (source.read(source.header.times, ["t"]) == 1).all()
    source.provenance()
    return source


def answers(answer: Answer | None, name: str = "") -> Act:
    """The server answers requests for a file so; None: as usual."""

    def act(server: FileServer) -> None:
        server.answer = lambda request: answer if name in request.path else None

    return act


def chosen(**options: Any) -> Act:
    return lambda server: options


def damaged(name: str, old: str, new: str) -> Act:
    """A text in a file of the store `a.zarr` is another one; with the texts exchanged this mends it."""

    def act(server: FileServer) -> None:
        path = server.folder / "a.zarr" / name
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    return act


def escaped(server: FileServer) -> None:
    path = server.folder / "a.zarr" / ".zmetadata"
    merged = json.loads(path.read_text())
    merged["metadata"]["../b/.zarray"] = merged["metadata"]["t/.zarray"]
    path.write_text(json.dumps(merged))


def written_again(server: FileServer) -> None:
    shutil.rmtree(server.folder / "a.zarr")
    world().to_zarr(server.folder / "a.zarr", zarr_format=2, consolidated=True)


def without_metadata(server: FileServer) -> dict[str, Any]:
    (server.folder / "plain.zarr" / "t" / ".zarray").rename(server.folder / "kept")
    return {"path": "plain.zarr"}


def with_metadata(server: FileServer) -> dict[str, Any]:
    (server.folder / "kept").rename(server.folder / "plain.zarr" / "t" / ".zarray")
    return {"path": "plain.zarr"}


def unlisted(server: FileServer) -> dict[str, Any]:
    server.lists = False
    return {"path": "plain.zarr"}


def consolidated(server: FileServer) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(server.folder / "plain.zarr"))
    return {"path": "plain.zarr"}


def touched_while_fetched(server: FileServer) -> dict[str, Any]:
    def touch(request: Request) -> None:
        if request.method == "GET":
            (server.folder / "a.nc").write_bytes((server.folder / "a.nc").read_bytes())

    server.answer = touch
    return {"path": "a.nc"}


def quiet(server: FileServer) -> dict[str, Any]:
    server.answer = lambda request: None
    return {"path": "a.nc"}


def too_short(server: FileServer) -> dict[str, Any]:
    """Its parts are gone before all have come."""

    def gone(request: Request) -> Answer | None:
        return Answer(404) if request.method == "GET" else None

    server.answer = gone
    return {"path": "a.nc"}


CASES = [
    (
        carries_out("check the address, the network and the server, or try again later"),
        chosen(path="http://127.0.0.1:9/a.zarr"),
        [chosen(), chosen(path="a.nc")],
    ),
    (
        carries_out("check the address and `storage_options`"),
        chosen(path="http://127.0.0.1:99999999/a.zarr"),
        [chosen(), chosen(path="a.nc")],
    ),
    (
        carries_out("check the address; a bucket that is not public needs credentials in the environment"),
        chosen(path="b.zarr"),
        [chosen()],
    ),
    (
        carries_out(
            "put credentials into the environment, or write `storage_options: {anonymous: true}` if the bucket is "
            "public; some servers answer so if the file is not there"
        ),
        answers(Answer(403)),
        [answers(None)],
    ),
    (
        carries_out("try again later, or give `timeout` in `storage_options` more seconds"),
        answers(Answer(seconds=1.0), "t/0"),
        [answers(None), chosen(storage={"timeout": 4.0})],
    ),
    (carries_out("try again later"), answers(Answer(503)), [answers(None)]),
    (carries_out("try again later"), too_short, [quiet]),
    (
        carries_out("name the files in a list; a pattern may fit 1 to {}, where the server lists its folders"),
        chosen(path="b*.nc"),
        [chosen(path="a*.nc"), chosen(path="a.nc")],
    ),
    (carries_out("leave `checksum` out, or copy the store first"), chosen(checksum=True), [chosen()]),
    (
        carries_out("set the environment variable {} to the token"),
        chosen(storage={"token_variable": "NO_SUCH_TOKEN"}),
        [chosen(storage={"token_variable": "SUCH_A_TOKEN"})],
    ),
    (carries_out("write the store again"), damaged(".zmetadata", "{", "["), [written_again]),
    (carries_out("write the store again"), escaped, [written_again]),
    (
        carries_out("write the data again, or copy them again from where they were made"),
        without_metadata,
        [with_metadata],
    ),
    (carries_out("consolidate its metadata: zarr.consolidate_metadata(store)"), unlisted, [consolidated]),
    (carries_out("wait until it is whole, and start again"), touched_while_fetched, [quiet]),
]


@pytest.mark.parametrize(
    ("broken", "ways"),
    [
        pytest.param(broken, ways, marks=fix, id=f"{number} {fix.args[0]}")
        for number, (fix, broken, ways) in enumerate(CASES)
    ],
)
def test_the_fix_helps(broken: Act, ways: list[Act], server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUCH_A_TOKEN", "a-token-of-some-length")
    with pytest.raises(DataError):
        opened(server, **(broken(server) or {}))
    for way in ways:
        opened(server, **(way(server) or {}))


@carries_out("name each file once")
def test_an_address_twice(server: FileServer) -> None:
    with pytest.raises(DataError, match="twice"):
        XarraySource(path=[f"{server.url}/a.nc", f"{server.url}/*.nc"])
    opened(server, "a.nc")


@carries_out("fetch the data first: only `xarray` and `anemoi` read URLs")
def test_observations_at_an_address(server: FileServer) -> None:
    with pytest.raises(DataError, match="must be on this machine here"):
        StationsSource(path=f"{server.url}/a.csv")
    opened(server, "a.nc")


@carries_out("pip install {}")
def test_a_library_that_is_not_installed(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "gcsfs.core", None)
        with pytest.raises(DataError, match=r"`gs://a/b.zarr` needs the library `gcsfs`") as caught:
            opened(server, "gs://a/b.zarr")
        assert caught.value.fix == "pip install gcsfs"
    storage = {"endpoint": server.url, "anonymous": True}
    (server.folder / "a").mkdir()
    shutil.copytree(server.folder / "a.zarr", server.folder / "a" / "b.zarr")
    opened(server, "gs://a/b.zarr", storage=storage)
