"""Each example of `docs/data-cookbook.md` opens, has what the page says, and can be read.

Those of the section on real files are in `test_data_cookbook_real.py`.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import icechunk
import numpy as np
import pyarrow as pa
import pytest
import xarray as xr
import zarr
from pyarrow import parquet
from scipy.sparse import csr_array, save_npz
from wxml import DataSource, Fields, ForecastHeader, Grid, Variable, create
from wxml.data.times import format_time
from wxml.files.yaml_loader import load_yaml
from wxml.testing.file_server import Answer, FileServer, Request

PAGE = (
    (Path(__file__).resolve().parents[1] / "docs" / "data-cookbook.md")
    .read_text("utf-8")
    .partition("## Real files, one by one")[0]
)
EXAMPLES = re.findall(r"^```yaml\n(source:.*?)^```\n\n> (.*?)$", PAGE, re.DOTALL | re.MULTILINE)
NORTH_FIRST, EASTWARDS = [67.5, 22.5, -22.5, -67.5], [0.0, 45.0, 90.0, 135.0, 180.0, 225.0, 270.0, 315.0]


def write(
    path: Path, names: str, start: str, count: int, latitudes: list[float], longitudes: list[float], members: int = 1
) -> None:
    """Write random values; a name such as t_850 is `t` at 850 hPa."""
    random = np.random.default_rng(0)
    levels: dict[str, list[float]] = {}
    for name in names.split():
        param, _, level = name.partition("_")
        levels.setdefault(param, []).extend([float(level)] if level else [])
    places = {
        "latitude": ("latitude", latitudes, {"units": "degrees_north"}),
        "longitude": ("longitude", longitudes, {"units": "degrees_east"}),
    }
    dataset = xr.Dataset(coords=places | {"time": np.datetime64(start, "ns") + 6 * np.arange(count) * HOUR})
    for param, heights in levels.items():
        axes = {"time": count} | ({"member": members} if members > 1 else {})
        if heights:
            axes[f"{param}_level"] = len(heights)
            dataset[f"{param}_level"] = (f"{param}_level", heights, {"units": "hPa", "axis": "Z"})
        axes |= {"latitude": len(latitudes), "longitude": len(longitudes)}
        dataset[param] = (tuple(axes), random.normal(280, 10, tuple(axes.values())).astype("f4"), {"units": "K"})
    dataset.to_netcdf(path)


HOUR = np.timedelta64(1, "h")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the page names."""
    folder = tmp_path_factory.mktemp("cookbook")
    for year in ("2000", "2001"):
        path, names = folder / f"era5-{year}.nc", "t_500 t_850 z_500 msl"
        write(path, names, f"{year}-01-01", 16, NORTH_FIRST, EASTWARDS)
    westwards = [(place + 180) % 360 - 180 for place in EASTWARDS]
    write(folder / "land.nc", "lsm", "2000-01-01", 16, NORTH_FIRST[::-1], sorted(westwards))
    write_dataset_of_anemoi(folder / "anemoi.zarr")
    write_forecasts(folder / "forecast.zarr", "2000-01-01", "2000-01-02")
    write_forecasts(folder / "hindcasts.zarr", "2000-01-02", "2001-01-02")
    with xr.open_dataset(folder / "hindcasts.zarr", decode_timedelta=False, engine="zarr") as dataset:
        dataset.to_netcdf(folder / "hindcasts-20200102.nc")
    write_observations(folder)
    write(folder / "timed.nc", "orog", "2000-01-01", 1, NORTH_FIRST[::-1], EASTWARDS)
    with xr.open_dataset(folder / "timed.nc") as dataset:
        dataset.isel(time=0, drop=True).to_netcdf(folder / "orography.nc")
    write(folder / "ensemble.nc", "t_850", "2000-01-01", 4, NORTH_FIRST, EASTWARDS, members=3)
    write(
        folder / "region.nc", "t_850", "2000-01-01", 16, [35.0, 30.0, 25.0, 20.0, 15.0], [35.0, 40.0, 45.0, 50.0, 55.0]
    )
    write_hybrid_levels(folder / "hybrid.nc")
    save_npz(folder / "half.npz", csr_array(np.full((12, 32), 1 / 32)))
    with xr.open_dataset(folder / "era5-2000.nc") as whole:
        whole[["t"]].isel(time=[0, 1, 2, 5, 6, 15]).sel(t_level=[850.0]).to_netcdf(folder / "gaps.nc")
    return folder


@pytest.fixture(scope="module")
def archive(folder: Path) -> Iterator[str]:
    """The address of a server of these files."""
    with xr.open_dataset(folder / "era5-2000.nc") as dataset:
        dataset.to_zarr(folder / "era5.zarr", zarr_format=2, consolidated=True)
    write_arco(folder / "arco.zarr")
    write_references(folder / "refs.json")
    write_reference_tables(folder / "refs.parq")
    write_repository(folder / "era5.icechunk", folder / "era5-2000.nc")
    with FileServer(folder, answer=opendap_of(folder / "era5-2000.nc")) as server:
        yield server.url


def opendap_of(path: Path) -> Callable[[Request], Answer | None]:
    """Answers for `/opendap/era5` as a server of DAP 2 gives them, with all numbers in double precision."""
    with xr.open_dataset(path, decode_times=False) as file:
        variables = file[["msl"]].load().variables
    arrays, attributes = "", ""
    for name, variable in variables.items():
        sizes = "".join(f"[{dim} = {length}]" for dim, length in variable.sizes.items())
        arrays += f"Float64 {name}{sizes};\n"
        attributes += f'{name} {{ String units "{variable.attrs.get("units", "")}"; }}\n'

    def answer(request: Request) -> Answer | None:
        if not request.path.startswith("/opendap/era5."):
            return None
        if not request.path.endswith(".dods"):
            text = f"Dataset {{\n{arrays}}} era5;" if request.path.endswith("dds") else f"Attributes {{\n{attributes}}}"
            return Answer(200, body=text.encode())
        name, _, spans = unquote(request.query).partition("[")
        wanted = tuple(slice(int(first), int(last) + 1) for first, last in re.findall(r"(\d+):1:(\d+)", spans))
        values = variables[name].values[wanted].astype(">f8")
        return Answer(200, body=b"Data:\n" + 2 * values.size.to_bytes(4, "big") + values.tobytes())

    return answer


def write_arco(path: Path) -> None:
    """Write a day of ERA5 in the layout of ARCO-ERA5, on an axis of two days."""
    hours = np.arange(48, dtype="i8") + 1048944  # since 1900: from 2019-08-31
    random = np.random.default_rng(0)
    field = (("time", "latitude", "longitude"), random.normal(280, 10, (48, 4, 8)).astype("f4"), {"units": "K"})
    level = (("time", "level", "latitude", "longitude"), random.normal(280, 10, (48, 2, 4, 8)).astype("f4"))
    axes = {"latitude": NORTH_FIRST, "longitude": EASTWARDS, "level": [500, 850]}
    dataset = xr.Dataset({"2m_temperature": field, "temperature": (*level, {"units": "K"})}, axes)
    dataset["time"] = ("time", hours, {"units": "hours since 1900-01-01"})
    dataset.attrs = {"valid_time_start": "1940-01-01", "valid_time_stop": "2019-08-31"}
    dataset.to_zarr(path, zarr_format=2, consolidated=True)


def write_references(path: Path) -> None:
    """Write references to the chunks of `era5.zarr`, each a file whole."""
    store = path.with_name("era5.zarr")
    found = [file.relative_to(store).as_posix() for file in sorted(store.rglob("*")) if file.is_file()]
    inline = {key: (store / key).read_text() for key in found if key.rpartition("/")[2].startswith(".")}
    chunks = {key: [f"era5.zarr/{key}"] for key in found if key not in inline}
    path.write_text(json.dumps({"version": 1, "refs": inline | chunks}))


def write_reference_tables(path: Path) -> None:
    """Write the same as tables of 100 rows, a row for each chunk in C order."""
    refs = json.loads(path.with_suffix(".json").read_text())["refs"]
    metadata = {key: json.loads(text) for key, text in refs.items() if isinstance(text, str)}
    for key in [key for key in metadata if key.endswith("/.zarray")]:
        array, own = key.removesuffix("/.zarray"), metadata[key]
        counts = [-(-length // size) for length, size in zip(own["shape"], own["chunks"], strict=True)]
        keys = [f"{array}/{'.'.join(map(str, index)) or 0}" for index in np.ndindex(*counts)]
        (path / array).mkdir(parents=True)
        for number in range(-(-len(keys) // 100)):
            rows = [refs[key][0] for key in keys[100 * number :][:100]]
            rows += [None] * (100 - len(rows))
            table = pa.table({"path": rows, "offset": [0] * 100, "size": [0] * 100})
            parquet.write_table(table, path / array / f"refs.{number}.parq")
    (path / ".zmetadata").write_text(json.dumps({"metadata": metadata, "record_size": 100}))


def write_repository(path: Path, file: Path) -> None:
    """Write a repository with the values of a file, which have the tag `v1`; the branch `main` has lost them."""
    icechunk.set_logs_filter("off")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(path)))
    session = repository.writable_session("main")
    with xr.open_dataset(file) as dataset:
        dataset.to_zarr(session.store, zarr_format=3, consolidated=False)
    repository.create_tag("v1", snapshot_id=session.commit("ERA5"))
    session = repository.writable_session("main")
    del zarr.open_group(session.store, mode="a")["msl"]
    session.commit("without msl")


def write_hybrid_levels(path: Path) -> None:
    """Write t and q at four hybrid levels, and the pressure at the surface."""
    random = np.random.default_rng(0)
    axes = {"time": np.datetime64("2000-01-01", "ns") + 6 * np.arange(4) * HOUR, "hybrid": ("hybrid", [1, 2, 3, 4])}
    axes["hybrid"] += ({"axis": "Z", "standard_name": "atmosphere_hybrid_sigma_pressure_coordinate"},)
    axes |= {"latitude": ("latitude", NORTH_FIRST, {"units": "degrees_north"})}
    axes |= {"longitude": ("longitude", EASTWARDS, {"units": "degrees_east"})}
    t, sp = random.normal(280, 10, (4, 4, 4, 8)).astype("f4"), random.normal(1e5, 500, (4, 4, 8)).astype("f4")
    fields = {"t": (("time", "hybrid", "latitude", "longitude"), t, {"units": "K"})}
    fields["q"] = (("time", "hybrid", "latitude", "longitude"), np.full_like(t, 0.004), {"units": "kg kg-1"})
    fields["sp"] = (("time", "latitude", "longitude"), sp, {"units": "Pa"})
    xr.Dataset(fields, axes).to_netcdf(path)


def write_dataset_of_anemoi(path: Path) -> None:
    """Write four dates, of which the second is missing, in the layout of anemoi-datasets."""
    root = zarr.open_group(path, mode="w", zarr_format=2)
    dates = np.datetime64("2000-01-01", "s") + 6 * np.arange(4) * HOUR
    root.attrs.update({"variables": ["2t", "t_850"], "missing_dates": [str(dates[1])]})
    values = np.random.default_rng(0).normal(280, 10, (4, 2, 1, 32)).astype("f4")
    values[1] = np.nan
    root.create_array("data", data=values, chunks=(1, 2, 1, 32))
    root.create_array("dates", data=dates)
    root.create_array("latitudes", data=np.repeat(NORTH_FIRST, 8))
    root.create_array("longitudes", data=np.tile(EASTWARDS, 4))


def write_forecasts(path: Path, *dates: str) -> None:
    """Write forecasts from two starts, for 6, 12, 18 and 24 hours, as wxml does."""
    starts = np.array(dates, "M8[s]")
    leads = np.arange(6, 30, 6) * HOUR.astype("m8[s]")
    grid = Grid.regular(NORTH_FIRST, EASTWARDS)
    writer = create("forecast-writer", "zarr", {}, str(path), where="forecast.writer")
    writer.open(ForecastHeader(grid, (Variable("t_850", "t", 850.0, "K"),), starts, leads, 1, {}))
    for start, lead in np.ndindex(2, 4):
        values = np.full((1, 1, 32), 270.0 + start + lead, "f4")
        writer.write(Fields(starts[start] + leads[lead], ("t_850",), values), leads[lead])
    writer.close()


def write_observations(folder: Path) -> None:
    """Write three hours of two stations, and their places."""
    rows = [f"{name},2000-01-01T0{hour}:00Z,{270 + hour},{hour}" for hour in range(3) for name in ("OSLO", "BERN")]
    (folder / "observations.csv").write_text("\n".join(["id,when,t,wind", *rows]), encoding="utf-8")
    places = "station,latitude,longitude,elevation\nOSLO,59.9,10.7,94\nBERN,46.9,7.4,553\n"
    (folder / "places.csv").write_text(places, encoding="utf-8")


def summary(source: DataSource) -> str:
    """What the page says of a source."""
    header = source.header
    members = f"{header.members} member{'s' * (header.members > 1)}"
    times = f"{len(header.times)} times from {format_time(header.times[0])} to {format_time(header.times[-1])}"
    return f"{', '.join(header.names)} · {times} · {members} · {len(header.grid)} nodes"


def test_every_example_says_what_it_gives() -> None:
    assert len(EXAMPLES) == len(re.findall(r"^```yaml$", PAGE, re.MULTILINE)) > 5


@pytest.mark.parametrize(("example", "says"), EXAMPLES, ids=[re.search(r"plugin: ([\w-]+)", e)[1] for e, _ in EXAMPLES])
def test_an_example_has_what_the_page_says(
    example: str, says: str, folder: Path, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("WXML_CACHE", str(folder / "cache"))
    monkeypatch.setenv("ARCHIVE", archive)
    options = load_yaml(example, "data-cookbook.md").plain()["source"]
    source = create("data-source", options.pop("plugin"), options, where="data.source")
    assert summary(source) == says
    values = source.read(source.header.times[[0, -1]], source.header.names)
    there = np.ones(values.shape[-2:], bool)
    for part, nodes in zip(source.header.grid.parts, source.header.grid.ranges.values(), strict=True):
        there[[source.header.names.index(name) for name in part.lacks], nodes] = False
    assert (np.isfinite(values) == there).all()
