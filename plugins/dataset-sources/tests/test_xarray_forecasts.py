"""Files of several forecasts: one lead time of each, or one of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml.errors import DataError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.xarray_source import XarraySource

STARTS = np.array(["2020-01-01T00", "2020-01-01T06", "2020-01-02T00"], "M8[ns]")
LEADS = np.array([0, 6, 24], "m8[h]").astype("m8[ns]")
ENGINES = ["netcdf", "zarr"]


def forecasts(**changes: Any) -> xr.Dataset:
    """Three starts × three leads; a value is 100 start + 10 lead + node, numbered from 0."""
    start, lead, node = np.ogrid[:3, :3, :4]
    values = (100.0 * start + 10.0 * lead + node).astype("f4").reshape(3, 3, 2, 2)
    parts = {
        "time": ("time", STARTS, {"standard_name": "forecast_reference_time"}),
        "prediction_timedelta": ("prediction_timedelta", LEADS, {"standard_name": "forecast_period"}),
        "latitude": [10.0, 0.0],
        "longitude": [0.0, 10.0],
    } | changes
    dims = ("time", "prediction_timedelta", "latitude", "longitude")
    return xr.Dataset({"t": (dims, values), "orography": (dims[2:], values[0, 0])}, parts)


def written(dataset: xr.Dataset, folder: Path, engine: str = "netcdf") -> str:
    path = folder / f"forecast.{engine}"
    if engine == "zarr":
        dataset.to_zarr(path, zarr_format=2)
    else:
        dataset.to_netcdf(path)
    return str(path)


class TestLeadTime(DataSourceContract):
    plugin = XarraySource

    @pytest.fixture(autouse=True, params=ENGINES)
    def _file(self, request, tmp_path):
        self.options = {"path": written(forecasts(), tmp_path, request.param), "lead_time": "6h"}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lead_time_gives_the_valid_times_of_all_forecasts(tmp_path: Path, engine: str) -> None:
    source = XarraySource(path=written(forecasts(), tmp_path, engine), lead_time="6h")
    assert source.header.times.astype(str).tolist() == [
        "2020-01-01T06:00:00",
        "2020-01-01T12:00:00",
        "2020-01-02T06:00:00",
    ]
    assert source.read(source.header.times, ["t"])[:, 0, 0].tolist() == [
        [10 + s + n for n in range(4)] for s in (0, 100, 200)
    ]
    assert source.read(source.header.times[:1], ["orography"]).ravel().tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_initial_time_gives_all_of_one_forecast(tmp_path: Path, engine: str) -> None:
    source = XarraySource(path=written(forecasts(), tmp_path, engine), initial_time="2020-01-01T06")
    assert source.header.times.astype(str).tolist() == [
        "2020-01-01T06:00:00",
        "2020-01-01T12:00:00",
        "2020-01-02T06:00:00",
    ]
    assert source.read(source.header.times, ["t"])[:, 0, 0, 0].tolist() == [100, 110, 120]


def test_both_give_one_time_and_zero_is_a_lead_time(tmp_path: Path) -> None:
    path = written(forecasts(), tmp_path)
    one = XarraySource(path=path, lead_time="24h", initial_time="2020-01-02")
    assert one.header.times.tolist() == [np.datetime64("2020-01-03T00:00:00").item()]
    assert one.read(one.header.times, ["t"]).ravel().tolist() == [220, 221, 222, 223]
    assert np.array_equal(XarraySource(path=path, lead_time="0h").header.times, STARTS.astype("M8[s]"))


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (1, 0, 2, 3), (2, 3, 1, 0)])
def test_any_order_of_dimensions_and_told_valid_times_give_the_same(tmp_path: Path, order: tuple[int, ...]) -> None:
    dataset = forecasts()
    valid = STARTS[:, None] + LEADS
    dataset = dataset.assign_coords(valid_time=(("time", "prediction_timedelta"), valid, {"standard_name": "time"}))
    dataset = dataset.transpose(*(("time", "prediction_timedelta", "latitude", "longitude")[place] for place in order))
    source = XarraySource(path=written(dataset, tmp_path), lead_time="24h")
    assert np.array_equal(source.header.times, valid[:, 2].astype("M8[s]"))
    assert np.array_equal(source.read(source.header.times, ["t"])[:, 0, 0, 3], [23, 123, 223])


def test_files_of_one_forecast_each_are_joined_at_one_lead_time(tmp_path: Path) -> None:
    paths = []
    for number in range(3):
        paths.append(str(tmp_path / f"{number}.nc"))
        forecasts().isel(time=[number]).to_netcdf(paths[-1])
    with pytest.raises(DataError, match="is there twice for"):
        XarraySource(path=paths)
    source = XarraySource(path=paths, lead_time="6h")
    assert source.read(source.header.times, ["t"])[:, 0, 0, 0].tolist() == [10, 110, 210]


def test_other_files_beside_forecasts_keep_their_times(tmp_path: Path) -> None:
    analysis = forecasts().isel(prediction_timedelta=0, drop=True)[["t"]].rename(t="analysis")
    analysis["time"].attrs = {"standard_name": "time"}
    analysis.to_netcdf(tmp_path / "analysis.nc")
    paths = [written(forecasts(), tmp_path), str(tmp_path / "analysis.nc")]
    source = XarraySource(path=paths, lead_time="6h", variables=["t", "analysis"])
    assert source.read(["2020-01-01T06"], ["t", "analysis"])[0, 0, :, 0].tolist() == [10, 100]


def test_a_lead_time_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    path = written(forecasts(), tmp_path)
    with pytest.raises(DataError, match=r"`prediction_timedelta` does not hold 12h \(`lead_time`\)") as caught:
        XarraySource(path=path, lead_time="12h")
    assert caught.value.fix == "choose one of these: 0h, 6h, 24h"
    with pytest.raises(DataError, match=r"`time` does not hold 2020-01-01T12 \(`initial_time`\)") as caught:
        XarraySource(path=path, initial_time="2020-01-01T12")
    assert caught.value.fix == "choose one of these: 2020-01-01T00, 2020-01-01T06, 2020-01-02T00"


@pytest.mark.parametrize("lead_time", ["soon", "-6h", "6"])
def test_what_is_no_lead_time_is_refused(tmp_path: Path, lead_time: str) -> None:
    with pytest.raises(DataError, match="a duration must be"):
        XarraySource(path=written(forecasts(), tmp_path), lead_time=lead_time)


def test_messages_are_chosen_by_lead_time_and_start(tmp_path: Path) -> None:
    import eccodes

    path = tmp_path / "forecasts.grib2"
    with open(path, "wb") as file:
        for start in ("00", "06"):
            for step in (0, 6, 12):
                handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
                keys = {"dataDate": 20200101, "dataTime": int(start) * 100, "step": step, "shortName": "2t"}
                for key, value in keys.items():
                    eccodes.codes_set(handle, key, value)
                count = eccodes.codes_get(handle, "numberOfDataPoints")
                eccodes.codes_set_values(handle, np.full(count, 10.0 * int(start) + step))
                eccodes.codes_write(handle, file)
                eccodes.codes_release(handle)
    with pytest.raises(DataError, match="is there twice for 2020-01-01T06"):
        XarraySource(path=str(path))
    later = XarraySource(path=str(path), lead_time="6h")
    assert later.header.times.astype(str).tolist() == ["2020-01-01T06:00:00", "2020-01-01T12:00:00"]
    assert later.read(later.header.times, ["t2m"])[:, 0, 0, 0].tolist() == [6, 66]
    second = XarraySource(path=str(path), initial_time="2020-01-01T06")
    assert second.read(second.header.times, ["t2m"])[:, 0, 0, 0].tolist() == [60, 66, 72]
    with pytest.raises(DataError, match=r"no message of .* has `lead_time` 9h"):
        XarraySource(path=str(path), lead_time="9h")
