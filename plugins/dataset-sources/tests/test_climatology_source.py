"""The source `climatology`: means by day of the year and time of day, in any order of the dimensions."""

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.climatology_source import ClimatologySource

AXES = ("dayofyear", "hour", "level", "latitude", "longitude")
DAYS, HOURS, LEVELS = np.arange(1, 367), np.array([0, 6, 12, 18]), np.array([500, 850])
LATITUDES, LONGITUDES = np.array([-45.0, 0.0, 45.0]), np.array([0.0, 90.0, 180.0, 270.0])


def world():
    """Means whose value tells day, hour, level and node; quantiles, a daily mean, and a mask."""
    day, hour, level, row, column = np.ix_(DAYS, HOURS, LEVELS, np.arange(3), np.arange(4))
    t = (100 * day + hour + level / 1000 + 0.01 * (4 * row + column)).astype("f4")
    return xr.Dataset(
        {
            "temperature": (AXES, t),
            "2m_temperature": (AXES[:2] + AXES[3:], t[:, :, 0] + 1),
            "temperature_quantile": (("quantile", *AXES), np.stack([t - 5, t + 5])),
            "rain": (AXES[:1] + AXES[3:], t[:, 0, 0] + 2),
            "lsm": (AXES[3:], t[0, 0, 0]),
        },
        {
            "dayofyear": DAYS,
            "hour": HOURS,
            "level": LEVELS,
            "quantile": [0.05, 0.95],
            "latitude": LATITUDES,
            "longitude": LONGITUDES,
        },
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same means as NetCDF, as WeatherBench 2 has them, and a zarr chunk for some days and hours."""
    folder = tmp_path_factory.mktemp("climatology")
    world().to_netcdf(folder / "means.nc")
    turned = world().transpose("hour", "quantile", "dayofyear", "level", "longitude", "latitude")
    turned.to_zarr(folder / "1990-2019_6h.zarr", zarr_format=2)
    world().to_zarr(
        folder / "chunks.zarr", zarr_format=2, encoding={"temperature": {"chunks": (100, 3, 1, 3, 4)}}
    )  # and the days of a chunk are read with those beside them
    world().isel(dayofyear=[0, 58, 59, 365], hour=[0, 2]).to_netcdf(folder / "few.nc")
    return folder


@pytest.fixture(params=["means.nc", "1990-2019_6h.zarr", "chunks.zarr"])
def path(request, folder):
    return str(folder / request.param)


class TestClimatology(DataSourceContract):
    plugin = ClimatologySource

    @pytest.fixture(autouse=True)
    def _file(self, folder):
        self.options = {"path": str(folder / "few.nc"), "variables": ["temperature", "2m_temperature"]}


def test_day_d_of_the_year_is_day_d_of_2000(path) -> None:
    source = ClimatologySource(path=path)
    names = {f"temperature{of}_{level}" for of in ("", "_quantile_0.05", "_quantile_0.95") for level in LEVELS}
    assert set(source.header.names) == names | {"2m_temperature", "rain"}
    assert source.provenance()["source"] == "climatology"
    times = source.header.times
    assert len(times) == 4 * 366
    assert [str(times[place]) for place in (0, 1, -1)] == [
        *("2000-01-01T00:00:00", "2000-01-01T06:00:00", "2000-12-31T18:00:00")
    ]
    level = next(one for one in source.header.variables if one.name == "temperature_850")
    assert (level.param, level.level, level.level_units) == ("temperature", 850.0, "hPa")


def test_each_field_is_that_of_its_day_and_hour(path) -> None:
    source = ClimatologySource(path=path)
    asked = np.array(["2000-02-29T18", "2000-12-31T00", "2000-02-29T06", "2000-01-01T06"], "datetime64[s]")
    names = ["temperature_850", "2m_temperature", "temperature_quantile_0.95_500", "rain"]
    found = source.read(asked, names)[:, 0]
    nodes = 0.01 * np.arange(12)
    for field, (day, hour) in zip(found, [(60, 18), (366, 0), (60, 6), (1, 6)], strict=True):
        start = 100 * day + nodes
        expected = [start + hour + 0.85, start + hour + 1.5, start + hour + 5.5, start + 2.5]
        np.testing.assert_allclose(field, expected, rtol=0, atol=4e-3)  # single precision of some 10 000


def test_means_without_times_of_day_hold_at_all_full_hours(tmp_path) -> None:
    world()[["rain"]].to_netcdf(tmp_path / "daily.nc")
    source = ClimatologySource(path=str(tmp_path / "daily.nc"))
    assert len(source.header.times) == 24 * 366
    found = source.read(np.array(["2000-03-01T00", "2000-03-01T17"], "datetime64[s]"), ["rain"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[0, 0, 0, 0], 6102.5)


def test_a_meridian_that_is_there_twice_is_left_out(tmp_path) -> None:
    around = world()[["temperature"]]
    around = xr.concat([around, around.isel(longitude=[0]).assign_coords(longitude=[360.0])], "longitude")
    around.to_netcdf(tmp_path / "around.nc")
    source = ClimatologySource(path=str(tmp_path / "around.nc"))
    assert source.header.grid.shape == (3, 4)
    found = source.read(np.array(["2000-01-02T12"], "datetime64[s]"), ["temperature_500"])[0, 0, 0]
    np.testing.assert_allclose(found, 212.5 + 0.01 * np.arange(12), atol=1e-4)


def test_a_chunk_that_is_not_there_is_refused_with_its_time(tmp_path) -> None:
    means = world()[["temperature"]]
    means["temperature"][:, :, :, 0, 0] = 0.0
    encoding = {"temperature": {"chunks": (61, 1, 1, 3, 4), "_FillValue": None}}
    means.to_zarr(tmp_path / "means.zarr", zarr_format=2, encoding=encoding)
    (tmp_path / "means.zarr" / "temperature" / "1.2.1.0.0").unlink()  # days 62 to 122 at 12 UTC
    source = ClimatologySource(path=str(tmp_path / "means.zarr"))
    source.read(np.array(["2000-03-01T12", "2000-03-01T06"], "datetime64[s]"), ["temperature_850"])
    asked = np.array(["2000-03-01T12", "2000-03-02T06", "2000-03-02T12"], "datetime64[s]")
    with pytest.raises(DataError, match="lacks a chunk of `temperature` at 2000-03-02T12"):
        source.read(asked, ["temperature_850"])


@pytest.mark.carries_out(
    "name it in `rename` as dayofyear (1 to 366), hour (0 to 23) or quantile (0 to 1), or mend the coordinate"
)
def test_axes_of_other_names_or_values(tmp_path) -> None:
    path = tmp_path / "means.nc"
    means = world()[["temperature"]]
    means.rename(dayofyear="doy").to_netcdf(path)
    with pytest.raises(
        DataError, match=r"no dimension is the day of the year \(`dayofyear`\); there are `doy`, `hour`"
    ):
        ClimatologySource(path=str(path))
    assert len(ClimatologySource(path=str(path), rename={"doy": "dayofyear"}).header.times) == 4 * 366
    wrong = {
        "dayofyear": (np.arange(366), "whole number from 1 to 366, got 0, 1, 2, 3, 4 …"),
        "hour": ([0, 6, 12, 12], "whole number from 0 to 23, got 0, 6, 12, 12 …"),
    }
    for name, (values, told) in wrong.items():
        means.assign_coords({name: values}).to_netcdf(tmp_path / f"{name}.nc")
        with pytest.raises(DataError, match=rf"each value of `{name}` must be a different {told}"):
            ClimatologySource(path=str(tmp_path / f"{name}.nc"))
    means.drop_vars("hour").to_netcdf(tmp_path / "bare.nc")
    with pytest.raises(DataError, match="the dimension `hour` has no coordinate"):
        ClimatologySource(path=str(tmp_path / "bare.nc"))
    world()[["temperature_quantile"]].assign_coords(quantile=[5, 95]).to_netcdf(tmp_path / "percent.nc")
    with pytest.raises(DataError, match="each value of `quantile` must be a different number from 0 to 1, got 5, 95"):
        ClimatologySource(path=str(tmp_path / "percent.nc"))


@pytest.mark.carries_out("name a file with the dimension `dayofyear`")
def test_a_climatology_is_no_grib(tmp_path, folder) -> None:
    (tmp_path / "means.grib").write_bytes(b"GRIB" + bytes(100))
    with pytest.raises(DataError, match="is GRIB, and a climatology is read from NetCDF or zarr"):
        ClimatologySource(path=str(tmp_path / "means.grib"))
    assert ClimatologySource(path=str(folder / "means.nc")).header.names


def test_it_is_no_forecast(folder) -> None:
    with pytest.raises(DataError, match="`ClimatologySource` reads no forecasts"):
        ClimatologySource.forecasts({"path": str(folder / "means.nc")})
    with pytest.raises(DataError, match="reads no datasets that are in memory"):
        ClimatologySource.of_dataset(world())
