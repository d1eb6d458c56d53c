"""The faults of `docs/bad-data.md`, on real files: the right values, or one sentence that names the file and the thing.

The files are copied into a temporary folder and damaged there. What is right is what xarray, ecCodes and netCDF4 read
in the file as it is. The rows on a full disk and on killed workers need no real data; the page names their tests.
"""

import csv
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import eccodes
import netCDF4
import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from wxml import DataSource, create
from wxml.errors import DataError
from wxml.testing.file_server import Answer, FileServer, Request
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
pytestmark = [
    pytest.mark.skipif(not SHARED.is_dir(), reason=f"real data are not here: {SHARED}"),
    pytest.mark.filterwarnings("ignore:variable .* has multiple fill values:xarray.SerializationWarning"),
]

CLASSIC = "era5-davos/SURF_202001.nc"
HDF5 = "ecmwf-us-sfc/test_data_20180101.nc"
GRIB = "grib-samples/multi_param_on_multi_dims.grib"
STORE = "ncep-air-namerica/air_temperature.zarr"
Values = NDArray[np.float32]


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))


def real(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"real data are not here: {path}")
    return path


def copied(folder: Path, name: str) -> Path:
    """A copy that may be written."""
    target = folder / Path(name).name
    if real(name).is_dir():
        shutil.copytree(real(name), target)
        for path in (target, *target.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
    else:
        target.write_bytes(real(name).read_bytes())
    return target


def source(path: Path | str | Iterable[Path], **options: Any) -> DataSource:
    paths = str(path) if isinstance(path, str | Path) else [str(each) for each in path]
    return create("data-source", "xarray", {"path": paths, **options})


def read(opened: DataSource, name: str, times: Any = None) -> Values:
    """`[time, member, node]` of one variable."""
    return opened.read(opened.header.times if times is None else times, [name])[:, :, 0]


def loaded(name: str, *variables: str, **selected: Any) -> xr.Dataset:
    """A real NetCDF file as xarray has it, some of it."""
    with xr.open_dataset(real(name), decode_timedelta=False) as dataset:
        return dataset[list(variables)].isel(**selected).load()


def rewritten(folder: Path, dataset: xr.Dataset, name: str = "a.nc", **encoding: dict[str, Any]) -> Path:
    """Write it, packed no longer unless `encoding` says so."""
    plain = dataset.copy()
    for variable in plain.variables.values():
        kept = ("units", "calendar", "dtype") if "since" in str(variable.encoding.get("units")) else ()
        variable.encoding = {key: variable.encoding[key] for key in kept if key in variable.encoding}
    plain.to_netcdf(folder / name, encoding=encoding)
    return folder / name


def field(dataset: xr.Dataset, name: str) -> Values:
    """The values as `read` gives them."""
    values = dataset[name].transpose("time", ...).values
    return values.reshape(len(values), 1, -1).astype("f4")


def refused(path: str, *things: str, **options: Any) -> str:
    """The sentence with which the file is refused, which names it and these things; of its variables all are read."""
    with pytest.raises(DataError) as caught:
        _all_of(source(path, **options))
    message = caught.value.message
    assert Path(path).name in message
    assert all(re.search(thing, message) for thing in things), message
    assert "\n" not in message
    return message


def _all_of(opened: DataSource) -> None:
    for name in opened.header.names:
        read(opened, name)


# Cut short


@pytest.mark.parametrize("name", [CLASSIC, HDF5, "echam5-global-6h/tsurf.nc", "era5-davos/PLEV_202001.nc"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_a_netcdf_file_that_was_cut_short(name: str, share: float, tmp_path: Path) -> None:
    path = copied(tmp_path, name)
    os.truncate(path, int(path.stat().st_size * share))
    refused(str(path))


def test_a_hole_of_zeros_in_a_netcdf_file_ends_no_command_in_a_loop(tmp_path: Path) -> None:
    """As a copy that was broken off leaves it; the library itself would read on for ever."""
    path = copied(tmp_path, "era5-aachen/2m_temperature.nc")
    content = path.read_bytes()
    heap = content.index(b"GCOL")
    path.write_bytes(content[: heap + 16] + bytes(512) + content[heap + 528 :])
    refused(str(path), f"the heap at byte {heap} does not end")


def test_a_grib_file_that_was_cut_short(tmp_path: Path) -> None:
    """Within a message it is refused; between two, what is no longer there is missing."""
    whole, path = source(real(GRIB)), copied(tmp_path, GRIB)
    first = path.read_bytes().find(messages(path)[20])
    for inside in (4, 900, 2105):  # between messages is padding
        path = copied(tmp_path, GRIB)
        os.truncate(path, first + inside)
        refused(str(path))
    os.truncate(path, first)
    left, there = source(path), 0
    for name in left.header.names:
        found, right = read(left, name), read(whole, name, left.header.times)
        kept = np.isfinite(found)
        np.testing.assert_array_equal(found[kept], right[kept])
        there += int(kept[:, 0].all(axis=-1).sum())
    assert there == 20


def messages(path: Path) -> list[bytes]:
    """The messages of a GRIB file."""
    found = []
    with path.open("rb") as file:
        while (handle := eccodes.codes_grib_new_from_file(file)) is not None:
            found.append(eccodes.codes_get_message(handle))
            eccodes.codes_release(handle)
    return found


def test_a_zarr_chunk_that_was_cut_short_or_is_not_there(tmp_path: Path) -> None:
    """What is in other chunks is right all the same."""
    whole = source(real(STORE))
    for damage in (lambda chunk: os.truncate(chunk, 200_000), Path.unlink):
        shutil.rmtree(tmp_path / "air_temperature.zarr", ignore_errors=True)
        path = copied(tmp_path, STORE)
        damage(path / "air/2.1.0")
        opened, times = source(path), whole.header.times
        np.testing.assert_array_equal(read(opened, "air", times[:730:100]), read(whole, "air", times[:730:100]))
        with pytest.raises(DataError, match=r"air_temperature.zarr") as caught:
            read(opened, "air", times[1500:1501])
        assert "`air`" in caught.value.message


# Times


def test_times_out_of_order_and_at_odd_distances(tmp_path: Path) -> None:
    whole = loaded(HDF5, "d2m")
    order = np.random.default_rng(1).permutation(25)[:17]
    opened = source(rewritten(tmp_path, whole.isel(time=order)))
    kept = np.sort(order)
    np.testing.assert_array_equal(opened.header.times, whole.time.values[kept].astype("M8[s]"))
    np.testing.assert_array_equal(read(opened, "d2m"), field(whole.isel(time=kept), "d2m"))


def test_messages_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "shuffled.grib"
    path.write_bytes(b"".join(np.random.default_rng(2).permutation(np.array(messages(real(GRIB)), object))))
    whole, opened = source(real(GRIB)), source(path)
    assert sorted(opened.header.names) == sorted(whole.header.names)
    np.testing.assert_array_equal(opened.header.times, whole.header.times)
    for name in whole.header.names:
        np.testing.assert_array_equal(read(opened, name), read(whole, name))


def test_a_time_that_is_there_twice(tmp_path: Path) -> None:
    twice = rewritten(tmp_path, loaded(HDF5, "d2m", time=[0, 1, 1, 2]))
    refused(str(twice), "'d2m' is there twice for 2018-01-02T07", "in one file")
    both = tmp_path / "both.grib"
    both.write_bytes(real(GRIB).read_bytes() + messages(real(GRIB))[0])
    refused(str(both), "is there twice for 2018-04-04T12")


def test_a_time_that_is_not_there_is_a_gap() -> None:
    """An analysis that is not in the archive: nothing is made up for it."""
    times = source(sorted(real("gfs-1deg-wind").glob("gfs.*"))[10:20]).header.times
    assert np.datetime64("2018-10-10T18") not in times
    assert np.unique(np.diff(times)).tolist() == [np.timedelta64(6, "h"), np.timedelta64(12, "h")]


# Grids


def test_longitudes_from_180_west_and_latitudes_from_the_south_beside_others() -> None:
    """ECHAM's temperatures run from 180°W and the north, its orography from 0°E and the south."""
    opened = source([real("echam5-global-6h/tsurf.nc"), real("static-fields/orog_mod1_rectilinear_grid_2D.nc")])
    here = loaded("echam5-global-6h/tsurf.nc", "tsurf", time=[0])
    north, east = np.meshgrid(here.lat.values, here.lon.values, indexing="ij")
    with xr.open_dataset(real("static-fields/orog_mod1_rectilinear_grid_2D.nc")) as static:
        places = {"lat": xr.DataArray(north.ravel()), "lon": xr.DataArray(east.ravel() % 360)}
        right = static.orog.load().sel(places, method="nearest", tolerance=1e-3).values
    np.testing.assert_array_equal(read(opened, "orog", opened.header.times[:1]).ravel(), right)
    np.testing.assert_array_equal(read(opened, "tsurf", opened.header.times[:1]), field(here, "tsurf"))


def test_longitude_before_latitude_and_south_first() -> None:
    name = "era5-global-tl31/era5_tl31_19590102T00.nc"
    opened = source(real(name), variables=["temperature"], levels=[500])
    with xr.open_dataset(real(name)) as dataset:
        field = dataset.temperature.sel(level=500).squeeze()
        assert field.dims == ("longitude", "latitude")
        grid = opened.header.grid
        where = {"latitude": xr.DataArray(grid.latitudes), "longitude": xr.DataArray(grid.longitudes)}
        right = field.sel(where, method="nearest", tolerance=1e-3).values
    assert grid.latitudes[0] < grid.latitudes[-1], "the direction of the file stays"
    np.testing.assert_array_equal(read(opened, "temperature_500").ravel(), right.astype("f4"))


def test_two_grids_in_one_file(tmp_path: Path) -> None:
    path, samples = tmp_path / "both.grib", [real("grib-samples/hpa_and_pa.grib"), real("grib-samples/reduced_gg.grib")]
    path.write_bytes(b"".join(sample.read_bytes() for sample in samples))
    refused(str(path), "one grid is wanted, got 37 × 72 nodes .* and 13280 nodes")
    for kind, sample in zip(("regular_ll", "reduced_gg"), samples, strict=True):
        name = source(sample).header.names[0]
        np.testing.assert_array_equal(
            read(source(path, grib_filter={"gridType": kind}), name), read(source(sample), name)
        )
    nested = loaded(HDF5, "d2m", "u10", time=slice(0, 2))
    inner = nested[["u10"]].isel(latitude=slice(0, 9), longitude=slice(0, 7))
    inner = inner.rename(latitude="lat", longitude="lon")
    refused(str(rewritten(tmp_path, nested[["d2m"]].merge(inner))), "one grid is wanted, got 121 × 86 nodes")
    alone = source(tmp_path / "a.nc", variables=["u10"])
    np.testing.assert_array_equal(read(alone, "u10"), field(inner, "u10"))


def test_no_latitudes_and_an_empty_axis(tmp_path: Path) -> None:
    whole = loaded(HDF5, "d2m")
    without = rewritten(tmp_path, whole.drop_vars("latitude"))
    refused(str(without), "`longitude` is the longitude, and no latitude was found")
    refused(str(rewritten(tmp_path, whole.isel(time=[]), "empty.nc")), "`d2m` has no values", "`time` is empty")
    refused(str(rewritten(tmp_path, whole.isel(latitude=[]), "none.nc")), "`latitude` must hold degrees, got none")
    refused(str(real("point-series/tas_pr_LSJ_20140520-20180615.nc")), "no latitude and longitude were found")


# Values


@pytest.mark.parametrize("name", [CLASSIC, HDF5])
def test_packed_integers_are_what_the_library_unpacks(name: str) -> None:
    opened = source(real(name))
    with netCDF4.Dataset(real(name)) as file:
        for variable in opened.header.names:
            right = np.ma.filled(file[variable][:].astype("f8"), np.nan).reshape(len(opened.header.times), 1, -1)
            np.testing.assert_allclose(read(opened, variable), right, rtol=2e-7, atol=1e-30)


@pytest.mark.parametrize("kind", ["f4", "f8"])
@pytest.mark.parametrize("integer", ["i2", "u1", "i4"])
def test_packed_once_more_with_a_scale_of_any_type(kind: str, integer: str, tmp_path: Path) -> None:
    whole = loaded(HDF5, "u10", time=slice(0, 3))
    low, high = float(whole.u10.min()), float(whole.u10.max())
    scale = np.dtype(kind).type((high - low) / 200)
    packing = {"dtype": integer, "scale_factor": scale, "add_offset": np.dtype(kind).type(low), "_FillValue": 255}
    path = rewritten(tmp_path, whole, "a.nc", u10=packing if integer == "u1" else packing | {"_FillValue": 32000})
    np.testing.assert_allclose(read(source(path), "u10"), field(whole, "u10"), atol=0.51 * float(scale))


def test_fill_values_are_missing() -> None:
    """Corners without analyses, and whole fields; the numbers are those of the library."""
    name = "ncep-storm-1996/Tstorm.cdf"
    opened = source(real(name))
    with netCDF4.Dataset(real(name)) as file:
        right = np.ma.filled(file["t"][:].astype("f4"), np.nan).reshape(64, 1, -1)
    assert np.isnan(right).sum() > 224 * 60
    np.testing.assert_array_equal(read(opened, "t"), right)


def test_units_that_disagree(tmp_path: Path) -> None:
    whole = loaded("era5-aachen/2m_temperature.nc", "t2m", time=slice(0, 20))
    second = whole.isel(time=slice(10, 20)) - np.float32(273.15)
    second.t2m.attrs["units"] = "degC"
    first = rewritten(tmp_path, whole.isel(time=slice(0, 10)), "kelvin.nc")
    opened = source([first, rewritten(tmp_path, second, "celsius.nc")])
    assert opened.header.variables[0].units == "K"
    np.testing.assert_allclose(read(opened, "t2m"), field(whole, "t2m"), rtol=1e-6)
    second.t2m.attrs["units"] = "Pa"
    with pytest.raises(DataError, match=r"'K'.*'Pa'|'Pa'.*'K'|K.*Pa|Pa.*K") as caught:
        source([first, rewritten(tmp_path, second, "pascal.nc")])
    assert "kelvin.nc" in caught.value.message
    assert "pascal.nc" in caught.value.message


def test_one_variable_a_file() -> None:
    opened = source(str(real("era5-aachen") / "*.nc"))
    names = {path: name for path in real("era5-aachen").glob("*.nc") for name in source(path).header.names}
    assert sorted(opened.header.names) == sorted(names.values())
    for path, name in names.items():
        with netCDF4.Dataset(path) as file:
            right = np.ma.filled(file[name][:3].astype("f8"), np.nan).reshape(3, 1, -1)
        np.testing.assert_allclose(read(opened, name, opened.header.times[:3]), right, rtol=1e-6)


@pytest.mark.parametrize("name", ["hpa_and_pa.grib", "regular_gg_ml_g2.grib"])
def test_levels_in_hpa_and_pa_and_hybrid_levels(name: str) -> None:
    path = real(f"grib-samples/{name}")
    opened, found = source(path), []
    for message in messages(path):
        handle = eccodes.codes_new_from_message(message)
        level, kind = eccodes.codes_get_double(handle, "level"), eccodes.codes_get(handle, "typeOfLevel")
        found.append(f"t_{level / 100 if kind == 'isobaricInPa' else level:g}")
        right = eccodes.codes_get_values(handle).astype("f4")
        right[right == eccodes.codes_get_double(handle, "missingValue")] = np.nan
        eccodes.codes_release(handle)
        np.testing.assert_array_equal(read(opened, found[-1]).ravel(), right)
    assert sorted(opened.header.names) == sorted(found)


def test_a_variable_without_any_value(tmp_path: Path) -> None:
    whole = loaded(HDF5, "d2m", "u10", time=slice(0, 3))
    whole["u10"] = xr.full_like(whole.u10, np.nan)
    opened = source(rewritten(tmp_path, whole))
    assert np.isnan(read(opened, "u10")).all()
    np.testing.assert_array_equal(read(opened, "d2m"), field(whole, "d2m"))


# Sums


def test_totals_from_the_start_of_a_forecast() -> None:
    path = real("meteonet-nw/arpege_PRECIP_NW_20180501000000.grib")
    totals = np.stack([_values_of(message) for message in messages(path)])
    steps = np.diff(totals, axis=0, prepend=np.zeros_like(totals[:1])).astype("f4")
    np.testing.assert_allclose(read(summed(path, "2018-05-01"), "tp")[:, 0], steps, atol=1e-4)


def test_totals_that_begin_again_and_a_wrong_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Hourly rain of ERA5 as totals of six hours each, as other archives keep it."""
    rain = loaded(CLASSIC, "tp", time=slice(1, 73))
    hours = field(rain, "tp").reshape(12, 6, -1)
    rain["tp"] = rain.tp.copy(data=np.cumsum(hours.astype("f8"), axis=1).reshape(rain.tp.shape))
    path = rewritten(tmp_path, rain)
    found = read(summed(path, "2020-01-01T00", restart="6h"), "tp")
    np.testing.assert_allclose(found.reshape(hours.shape), hours, atol=1e-8)
    assert "negative" not in caplog.text
    read(summed(path, "2020-01-01T00"), "tp")
    assert "negative" in caplog.text, "without the restart totals fall, and that is told"


def summed(path: Path, start: str, **options: Any) -> DataSource:
    """The sum of `tp` over each step."""
    inner = {"plugin": "xarray", "path": str(path)}
    return create("data-source", "accumulate", {"source": inner, "variables": ["tp"], "start": start, **options})


def _values_of(message: bytes) -> NDArray[np.float64]:
    handle = eccodes.codes_new_from_message(message)
    values = np.asarray(eccodes.codes_get_values(handle))
    eccodes.codes_release(handle)
    return values


# Dates


@pytest.mark.parametrize("calendar", ["noleap", "julian", "proleptic_gregorian"])
def test_calendars(calendar: str, tmp_path: Path) -> None:
    whole = loaded(HDF5, "d2m")
    path = rewritten(tmp_path, whole.convert_calendar(calendar, use_cftime=True))
    opened = source(path)
    if calendar != "julian":  # whose dates are other days under the same names
        np.testing.assert_array_equal(opened.header.times, whole.time.values.astype("M8[s]"))
    else:
        later = opened.header.times - whole.time.values.astype("M8[s]")
        assert np.unique(later).tolist() == [np.timedelta64(13 * 86400, "s")]
    np.testing.assert_array_equal(read(opened, "d2m"), field(whole, "d2m"))


@pytest.mark.parametrize("calendar", ["360_day", "all_leap"])
def test_calendars_with_days_that_do_not_exist(calendar: str, tmp_path: Path) -> None:
    path = rewritten(tmp_path, loaded(HDF5, "d2m").convert_calendar(calendar, use_cftime=True, align_on="date"))
    refused(str(path), f"calendar '{calendar}'")


@pytest.mark.parametrize("year", [1, 1582, 1677, 2262, 2500, 9000])
def test_years_beyond_those_of_nanoseconds(year: int, tmp_path: Path) -> None:
    path, whole = copied(tmp_path, HDF5), loaded(HDF5, "d2m")
    with netCDF4.Dataset(path, "a") as file:
        hours = file["time"][:] - file["time"][0]
        file["time"].units, file["time"].calendar = f"hours since {year:04d}-03-01", "proleptic_gregorian"
        file["time"][:] = hours
    opened = source(path)
    right = np.datetime64(f"{year:04d}-03-01", "s") + np.asarray(hours).astype("m8[h]")
    np.testing.assert_array_equal(opened.header.times, right)
    np.testing.assert_array_equal(read(opened, "d2m"), field(whole, "d2m"))


def test_time_zones_and_the_second_60_in_tables_and_reference_dates(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with real("stations-nyc-2013/weather.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["origin"] == "JFK"][:6]
    texts = [row["time_hour"] for row in rows]
    right = np.array([text.rstrip("Z") for text in texts], "M8[s]")
    local = [f"{time - np.timedelta64(5, 'h')}-05:00" for time in right]
    leap = [f"{time - np.timedelta64(60, 's')}"[:17] + "60Z" for time in right]
    for written in (texts, local, leap):
        opened = table(tmp_path, rows, written)
        np.testing.assert_array_equal(opened.header.times, right)
        np.testing.assert_allclose(read(opened, "temp").ravel(), [float(row["temp"]) for row in rows], rtol=1e-6)
    assert "has the second 60" in caplog.text
    for wrong in ("+25:00", "-14:30", "+02:75"):
        with pytest.raises(DataError, match=re.escape(wrong)):
            table(tmp_path, rows, [f"{time}{wrong}" for time in right])
        path = copied(tmp_path, HDF5)
        with netCDF4.Dataset(path, "a") as file:
            file["time"].units = f"hours since 1900-01-01 00:00 {wrong}"
        refused(str(path), re.escape(wrong))


def table(folder: Path, rows: list[dict[str, str]], times: list[str]) -> DataSource:
    """A table of some rows at other times."""
    lines = [f"JFK,{time},40.64,-73.78,{row['temp']}" for time, row in zip(times, rows, strict=True)]
    (folder / "jfk.csv").write_text("\n".join(["station,time,latitude,longitude,temp", *lines]))
    return create("data-source", "stations", {"path": str(folder / "jfk.csv")})


# What changes, what does not answer, what would run code


def test_files_and_stores_that_are_written_while_they_are_in_use(tmp_path: Path) -> None:
    for name, variable in ((CLASSIC, "t2m"), (GRIB, "t_500")):
        path = copied(tmp_path, name)
        opened = source(path)
        path.write_bytes(path.read_bytes())
        os.utime(path, ns=(1, 1))
        with pytest.raises(DataError, match=rf"{path.name}` was written again while it was in use"):
            read(opened, variable)
    store = copied(tmp_path, STORE)
    opened, before = source(store), read(source(real(STORE)), "air", source(real(STORE)).header.times[:1])
    (store / "air/3.0.0").write_bytes((store / "air/2.0.0").read_bytes())
    np.testing.assert_array_equal(read(opened, "air", opened.header.times[:1]), before)
    with pytest.raises(DataError, match=r"air_temperature.zarr` was written again while it was in use"):
        read(opened, "air", opened.header.times[-1:])


@pytest.fixture
def archive() -> Iterator[FileServer]:
    """A server of the real files, which are served from where they are."""
    pytest.importorskip("aiohttp")
    with FileServer(SHARED) as server:
        yield server


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda request: Answer(403), "answers 403"),
        (lambda request: Answer(500), "answers 500"),
        (lambda request: Answer(404), "is not there"),
        (lambda request: Answer(seconds=3.0), "sent nothing for 1 s"),
    ],
)
def test_an_address_that_does_not_answer(
    answer: Callable[[Request], Answer | None], says: str, archive: FileServer
) -> None:
    archive.answer = answer
    quick = StorageOptions(attempts=1, timeout=1.0).model_dump()
    for name in (CLASSIC, STORE):
        refused(f"{archive.url}/{name}", says, storage_options=quick)
    archive.answer = lambda request: None
    whole = source(real(STORE))
    there = source(f"{archive.url}/{STORE}", storage_options=quick)
    np.testing.assert_array_equal(
        read(there, "air", whole.header.times[:1]), read(whole, "air", whole.header.times[:1])
    )


def test_a_chunk_that_cannot_be_fetched_is_no_missing_one(archive: FileServer) -> None:
    there = XarraySource(path=f"{archive.url}/{STORE}", storage_options=StorageOptions(attempts=2, timeout=5.0))
    archive.answer = lambda request: Answer(503) if "/air/" in request.path else None
    with pytest.raises(DataError, match=r"air/0.\d.\d` cannot be read: the server answers 503 in 2 attempts"):
        read(there, "air", there.header.times[:1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"filters": [{"id": "pickle"}]}, "names the codec 'pickle'"),
        ({"dtype": "|O", "filters": [{"id": "json2"}]}, "names the codec 'json2'"),
        ({"dtype": "|O"}, "whose values may be objects"),
        ({"compressor": {"id": "my.codec"}}, "names the codec 'my.codec'"),
    ],
)
def test_objects_and_codecs_that_would_run_code(change: dict[str, Any], says: str, tmp_path: Path) -> None:
    path = copied(tmp_path, STORE)
    metadata = path / "air/.zarray"
    metadata.write_text(json.dumps(json.loads(metadata.read_text()) | change))
    refused(str(path), says)


def test_an_icechunk_repository_of_real_values_at_the_version_that_was_opened(tmp_path: Path) -> None:
    icechunk = pytest.importorskip("icechunk")
    icechunk.set_logs_filter("off")
    repository = icechunk.Repository.create(icechunk.local_filesystem_storage(str(tmp_path / "air")))
    with xr.open_zarr(real(STORE), consolidated=False) as dataset, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        some = dataset.isel(time=slice(0, 20)).drop_encoding().load()
        session = repository.writable_session("main")
        some.to_zarr(session.store, consolidated=False)
        session.commit("real")
        opened = source(tmp_path / "air")
        session = repository.writable_session("main")
        (some + 1).to_zarr(session.store, consolidated=False, mode="w")
        session.commit("warmer")
    right = some.air.values.reshape(20, 1, -1).astype("f4")
    np.testing.assert_array_equal(read(opened, "air"), right)
    np.testing.assert_allclose(read(source(tmp_path / "air"), "air"), right + 1, rtol=1e-6)
