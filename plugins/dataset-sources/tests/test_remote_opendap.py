"""Data behind OPeNDAP, served by pydap: the values of the same file here, few requests, the errors of every address."""

import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer
from wxml_dataset_sources.remote import opendap
from wxml_dataset_sources.remote.dap_texts import attributes_in, declared_in
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_reading import opendap_store
from wxml_dataset_sources.xarray_source import XarraySource

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # webob imports `cgi`
    handlers, model = pytest.importorskip("pydap.handlers.lib"), pytest.importorskip("pydap.model")
carries_out = pytest.mark.carries_out
AXES = ("time", "level", "latitude", "longitude")
TRY_A_BROWSER = "check that the server speaks DAP 2 there: with .dds behind it, the address is a text in a browser"


def world(times: int = 6) -> xr.Dataset:
    """Packed integers, floats with a fill value, and fields without times."""
    shape = (times, 2, 3, 4)
    values = np.arange(np.prod(shape)).reshape(shape)
    floats = (values / 7).astype("f4")
    floats[1, 1, 2, 3] = 1e20
    packed = values.astype("i2")
    packed[2, 0, 0, 0] = -1
    packing = {"units": "K", "scale_factor": 0.5, "add_offset": 250.0, "_FillValue": np.int16(-1)}
    return xr.Dataset(
        {
            "t": (AXES, packed, packing),
            "q": (AXES, floats, {"units": "kg kg-1", "_FillValue": np.float32(1e20)}),
            "orog": (AXES[2:], np.arange(12.0).reshape(3, 4), {"units": "m"}),
            "mask": (AXES[2:], np.arange(12, dtype="u1").reshape(3, 4), {"units": "1"}),
        },
        {
            "time": ("time", 6 * np.arange(times, dtype="i4"), {"units": "hours since 2020-01-01"}),
            "level": ("level", np.array([500, 850], "i4"), {"units": "hPa", "standard_name": "air_pressure"}),
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", np.array([0, 10, 20, 30], "f4"), {"units": "degrees_east"}),
        },
    )


def as_pydap(dataset: xr.Dataset, *, grids: bool) -> Any:
    """The data set as pydap serves it; arrays alone, or as grids, which carry their axes, too."""
    made = model.DatasetType("world")
    made.attributes["NC_GLOBAL"] = {"title": "a world"}
    for name, variable in dataset.variables.items():
        array = _array(dataset, str(name))
        if grids and variable.ndim > 1:
            grid = model.GridType(str(name), **array.attributes)
            grid[str(name)] = array
            for dim in variable.dims:
                grid[str(dim)] = _array(dataset, str(dim))
            array = grid
        made[str(name)] = array
    return made


def _items(variable: xr.Variable) -> Any:
    return variable.attrs.items()


def _array(dataset: xr.Dataset, name: str) -> Any:
    variable = dataset.variables[name]
    attributes = {
        key: value.item() if isinstance(value, np.generic) else value for key, value in variable.attrs.items()
    }
    return model.BaseType(name, np.asarray(variable.values), dims=variable.dims, **attributes)


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its name in the base class
        """Say nothing."""


class Served:
    """A data set behind OPeNDAP, and the paths that were asked for."""

    def __init__(self, dataset: Any) -> None:
        self.app: Callable[..., Any] = handlers.BaseHandler(dataset)
        self.asked: list[str] = []
        self._server = make_server("127.0.0.1", 0, self._answer, WSGIServer, _Quiet)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The address of the data set."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/world"

    def _answer(self, environ: Any, start: Any) -> Any:
        self.asked.append(f"{environ['PATH_INFO']}?{environ['QUERY_STRING']}")
        return self.app(environ, start)

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    running: list[Served] = []

    def start(dataset: xr.Dataset, *, grids: bool = False) -> Served:
        running.append(Served(as_pydap(dataset, grids=grids)))
        return running[-1]

    yield start
    for each in running:
        each.stop()


def opened(url: str, **options: Any) -> XarraySource:
    storage = StorageOptions(attempts=1, timeout=5)
    return XarraySource(path=url, engine="opendap", storage_options=storage, **options)


def here(dataset: xr.Dataset, path: Path) -> XarraySource:
    dataset.to_netcdf(path)
    return XarraySource(path=str(path))


@pytest.mark.parametrize("grids", [False, True])
def test_the_values_are_those_of_the_same_file(serve: Callable[..., Served], grids: bool, tmp_path: Path) -> None:
    there, file = opened(serve(world(), grids=grids).url), here(world(), tmp_path / "a.nc")
    assert set(there.header.names) == set(file.header.names)
    np.testing.assert_array_equal(there.header.times, file.header.times)
    assert there.header.grid.identity == file.header.grid.identity
    names = file.header.names
    np.testing.assert_array_equal(there.read(there.header.times, names), file.read(file.header.times, names))
    assert np.isnan(there.read(there.header.times[[1, 2]], ["q_850", "t_500"])).sum() == 2
    units = {variable.name: variable.units for variable in file.header.variables}
    assert {variable.name: variable.units for variable in there.header.variables} == units
    assert there.provenance() == opened(there.provenance()["files"][0]["name"]).provenance()
    assert there.fingerprint() is None


def test_only_what_is_asked_for_is_fetched_in_runs_of_neighbours(
    serve: Callable[..., Served], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, file = serve(world(40)), here(world(40), tmp_path / "a.nc")
    there = opened(served.url)
    times = there.header.times[[30, 3, 4, 5]]
    served.asked.clear()
    np.testing.assert_array_equal(there.read(times, ["q_850"]), file.read(times, ["q_850"]))
    wanted = [path.partition("?")[2] for path in served.asked if path.startswith("/world.dods")]
    decoded = {path.replace("%5B", "[").replace("%5D", "]") for path in wanted}
    assert decoded == {"q[3:1:5][1:1:1][0:1:2][0:1:3]", "q[30:1:30][1:1:1][0:1:2][0:1:3]"}
    monkeypatch.setattr(opendap_store, "REQUEST", 5 * 2 * 3 * 4 * 4)
    served.asked.clear()
    both = ["q_500", "q_850"]
    np.testing.assert_array_equal(there.read(there.header.times, both), file.read(there.header.times, both))
    assert len(served.asked) == 8


def test_a_data_set_that_grew_is_told(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve(world())
    there = opened(served.url)
    served.app = handlers.BaseHandler(as_pydap(world(7), grids=False))
    monkeypatch.setattr(opendap, "ASKED_EVERY", 0.0)
    with pytest.raises(DataError, match="was written again while it was read"):
        there.read(there.header.times, ["q_500"])


@carries_out(
    "check that the server speaks DAP 2 there: with .dds behind it, the address is a text in a browser",
    "leave `engine` out",
)
def test_what_is_no_opendap_is_refused(serve: Callable[..., Served], tmp_path: Path) -> None:
    world().to_netcdf(tmp_path / "a.nc")
    (tmp_path / "b.dds").write_text("<html>Dataset</html>")
    (tmp_path / "b.das").write_text("Attributes {}")
    (tmp_path / "c.dds").write_text("Dataset { Float32 t[x = 3; } c;")
    (tmp_path / "c.das").write_text("Attributes {}")
    with FileServer(tmp_path) as server:
        for name, why in [("a.nc", "is not there"), ("b", "cannot be read as OPeNDAP"), ("c", "cannot be read as")]:
            with pytest.raises(DataError, match=rf"`{server.url}/{name}` {why}") as caught:
                opened(f"{server.url}/{name}")
            assert caught.value.fix == TRY_A_BROWSER
        server.answer = lambda request: Answer(403)
        with pytest.raises(DataError, match="may not be read: the server answers 403"):
            opened(f"{server.url}/d")
        server.answer = lambda request: Answer(seconds=5)
        impatient = StorageOptions(attempts=1, timeout=0.2)
        with pytest.raises(DataError, match=r"sent nothing for 0\.2 s"):
            XarraySource(path=f"{server.url}/d", engine="opendap", storage_options=impatient)
    for path in (str(tmp_path / "a.nc"), "memory://a.nc"):
        with pytest.raises(DataError, match="is no address of OPeNDAP"):
            opened(path)
    assert "orog" in XarraySource(path=str(tmp_path / "a.nc")).header.names
    assert len(opened(serve(world()).url).header.times) == 6


@carries_out("try again later")
@pytest.mark.parametrize("fault", ["cut", "error", "gone"])
def test_an_answer_without_the_values_is_refused(serve: Callable[..., Served], fault: str) -> None:
    served = serve(world())
    there, whole = opened(served.url), served.app

    def faulty(environ: Any, start: Any) -> Any:
        if not environ["PATH_INFO"].endswith(".dods"):
            return whole(environ, start)
        if fault == "gone":
            start("404 Not Found", [])
            return [b""]
        if fault == "error":
            start("200 OK", [("Content-Description", "dods_error")])
            return [b'Error { code = 500; message = "too much data"; };']
        cut = b"".join(whole(environ, lambda status, headers, *more: None))[:-5]
        start("200 OK", [])
        return [cut]

    served.app = faulty
    said = {
        "cut": "bytes of `q`, where",
        "error": "the server says 'too much data'",
        "gone": "gave no values of `q`",
    }
    with pytest.raises(DataError, match=said[fault]):
        there.read(there.header.times, ["q_500"])
    served.app = whole
    assert there.read(there.header.times, ["q_500"]).shape == (6, 1, 1, 12)


DDS = """Dataset {
    Grid { Array: Int16 t%20x[time = 2][3]; Maps: Int32 time[time = 2]; } t%20x;
    Sequence { Float32 a; Structure { Int32 b; } c; } s;
    String station[time = 2]; Float64 height;
} name%2Enc;"""
DAS = """Attributes {
    t%20x { Int16 _FillValue -1; String long_name "a \\"b\\"; {c}"; Float32 valid_range 1.5, NaN; time { Byte a 1; } }
    time { String units "hours since 2000-01-01"; }
    HDF5_GLOBAL { String title "all"; }
}"""


def test_the_texts_of_other_servers() -> None:
    arrays = {array.name: array for array in declared_in(DDS)}
    assert {name: (each.key, each.dims, each.shape) for name, each in arrays.items()} == {
        "t x": ("t%20x.t%20x", ("time", "t%20x_1"), (2, 3)),
        "height": ("height", (), ()),
        "time": ("t%20x.time", ("time",), (2,)),
    }
    attributes, whole = attributes_in(DAS)
    assert whole == {"title": "all"}
    assert attributes["t x"]["long_name"] == 'a "b"; {c}'
    assert attributes["t x"]["valid_range"].dtype == np.float32
    assert attributes["time"] == {"units": "hours since 2000-01-01"}


@pytest.mark.parametrize(
    "text", ["", "Dataset", "Dataset { Int16 t[", "Dataset { Int16 t[x = y]; } a;", "Attributes {"]
)
def test_texts_that_are_cut_short_are_told(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # whatever it says
        declared_in(text)
    with pytest.raises(ValueError):  # noqa: PT011
        attributes_in(text)
