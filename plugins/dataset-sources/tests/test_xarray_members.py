"""Members belong together by their numbers; a mean of the ensemble is no member."""

import itertools
import os
from pathlib import Path
from typing import Any

import eccodes
import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml.errors import DataError
from wxml_dataset_sources import xarray_source
from wxml_dataset_sources.xarray_source import XarraySource


def ensemble(path: Path, numbers: Any, start: float = 0.0, name: str = "t") -> str:
    """Two times from the hour `start` on; the value is 100 × the hour + the rank of the number."""
    labels = sorted(numbers)
    hours = np.array([start, start + 6])
    values = 100 * hours[:, None, None, None] + np.array([labels.index(n) for n in numbers])[:, None, None]
    axes = {"time": ("time", hours, {"units": "hours since 2020-01-01"}), "number": ("number", np.array(numbers))}
    dims = ("time", "number", "lat", "lon")
    places = {"lat": [1.0, 0.0], "lon": [0.0, 1.0]}
    dataset = xr.Dataset({name: (dims, np.broadcast_to(values, (2, len(numbers), 2, 2)))}, {**axes, **places})
    path.unlink(missing_ok=True)
    dataset.to_netcdf(path)
    return str(path)


def t2m(path: Path, *messages: dict[str, Any]) -> str:
    """GRIB 2 messages of the temperature at 2 m, with the value of the key `value` everywhere."""
    with path.open("wb") as file:
        for keys in messages:
            handle = eccodes.codes_grib_new_from_samples("regular_ll_sfc_grib2")
            fixed = {"dataDate": 20200101, "dataTime": 0}
            for key, value in (fixed | {key: value for key, value in keys.items() if key != "value"}).items():
                eccodes.codes_set(handle, key, value)
            size = eccodes.codes_get_size(handle, "values")
            eccodes.codes_set_values(handle, np.full(size, float(keys["value"])))
            eccodes.codes_write(handle, file)
            eccodes.codes_release(handle)
    return str(path)


def member(number: int, step: int = 6) -> dict[str, Any]:
    keys = {"productDefinitionTemplateNumber": 1, "shortName": "2t", "step": step, "perturbationNumber": number}
    return keys | {"numberOfForecastsInEnsemble": 3, "value": number}


def derived(kind: int, step: int = 6) -> dict[str, Any]:
    keys = {"productDefinitionTemplateNumber": 2, "shortName": "2t", "step": step, "derivedForecast": kind}
    return keys | {"numberOfForecastsInEnsemble": 3, "value": 99}


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(orders=st.lists(st.permutations([0, 1, 2, 7]), min_size=2, max_size=3), names=st.booleans())
def test_members_are_joined_by_number(orders: Any, names: bool, limit: int, tmp_path: Path) -> None:
    """Whatever the order in each file, a member of the source is the member of that number in every file."""
    patch = pytest.MonkeyPatch()
    patch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    labels = [[f"p{n}" if names else n for n in order] for order in orders]
    source = XarraySource(path=[ensemble(tmp_path / f"{i}.nc", order, 12.0 * i) for i, order in enumerate(labels)])
    patch.undo()
    values = source.read(source.header.times, ["t"])[:, :, 0, 0]
    hours = 6 * np.arange(2 * len(orders))
    ranks = [sorted(orders[0]).index(number) for number in orders[0]]
    np.testing.assert_array_equal(values, 100 * hours[:, None] + np.array(ranks))


@pytest.mark.parametrize("order", list(itertools.permutations([0, 1, 2])))
def test_members_of_other_variables_are_joined_by_number(order: Any, tmp_path: Path) -> None:
    paths = [ensemble(tmp_path / "a.nc", [0, 1, 2], name="t"), ensemble(tmp_path / "b.nc", list(order), name="u")]
    source = XarraySource(path=paths)
    values = source.read(source.header.times, ["t", "u"])
    np.testing.assert_array_equal(values[:, :, 0], values[:, :, 1])


@pytest.mark.parametrize("numbers", [[3, 4, 5], [0, 1], [0, 1, 3], [0, 1, 2, 3], [7]])
@pytest.mark.parametrize("name", ["t", "u"])
def test_other_members_are_refused(numbers: Any, name: str, tmp_path: Path) -> None:
    paths = [ensemble(tmp_path / "a.nc", [0, 1, 2]), ensemble(tmp_path / "b.nc", numbers, 12, name)]
    for order in (paths, paths[::-1]):
        with pytest.raises(DataError, match="members differ: ") as caught:
            XarraySource(path=order)
        assert f"({', '.join(map(str, numbers))})" in caught.value.message
        assert "(0, 1, 2)" in caught.value.message


def test_one_number_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a member is there twice: 3 \(0, 1, 1\)"):
        XarraySource(path=ensemble(tmp_path / "a.nc", [0, 1, 1]))


def test_a_variable_with_members_in_one_place_alone_is_refused(tmp_path: Path) -> None:
    ensemble(tmp_path / "a.nc", [0, 1])
    with xr.open_dataset(ensemble(tmp_path / "b.nc", [0], 12)) as one:
        one.isel(number=0, drop=True).to_netcdf(tmp_path / "c.nc")
    with pytest.raises(DataError, match=r"variable 't' has members in one place and none in another: .*a.nc.*c.nc"):
        XarraySource(path=[str(tmp_path / "a.nc"), str(tmp_path / "c.nc")])


def test_a_field_without_members_holds_for_all(tmp_path: Path) -> None:
    ensemble(tmp_path / "a.nc", [0, 1])
    with xr.open_dataset(ensemble(tmp_path / "b.nc", [5], name="z")) as one:
        one.isel(number=0, time=0, drop=True).to_netcdf(tmp_path / "c.nc")
        one.isel(time=0, drop=True).to_netcdf(tmp_path / "d.nc")
    for static in ("c.nc", "d.nc"):
        source = XarraySource(path=[str(tmp_path / "a.nc"), str(tmp_path / static)])
        assert source.read(source.header.times, ["z"]).shape == (2, 2, 1, 4)
        assert not np.isnan(source.read(source.header.times, ["z"])).any()


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
def test_grib_members_keep_their_numbers(order: Any, tmp_path: Path) -> None:
    first = t2m(tmp_path / "a.grib2", *(member(number, 0) for number in (1, 2, 3)))
    second = t2m(tmp_path / "b.grib2", *(member(number, 6) for number in order))
    source = XarraySource(path=[first, second])
    np.testing.assert_allclose(source.read(source.header.times, ["t2m"])[:, :, 0, 0], [[1, 2, 3], [1, 2, 3]])


def test_other_grib_members_are_refused(tmp_path: Path) -> None:
    paths = [
        t2m(tmp_path / f"{step}.grib2", *(member(int(n), step) for n in ns)) for step, ns in ((0, "123"), (6, "134"))
    ]
    with pytest.raises(DataError, match=r"members differ: 3 \(1, 2, 3\) of .* and 3 \(1, 3, 4\) of"):
        XarraySource(path=paths)


@pytest.mark.carries_out(
    "choose one with `path` or `grib_filter` (by stepType or stepRange; in GRIB 2 also by lengthOfTimeRange, or "
    "{derivedForecast: undef} for all but ensemble means and spreads), or leave the variable out with `variables`"
)
@pytest.mark.parametrize("kind", [0, 1, 2, 4])
@pytest.mark.parametrize("step", [6, 12], ids=["at the same time", "at another time"])
def test_a_mean_or_spread_is_no_member(kind: int, step: int, tmp_path: Path) -> None:
    """It is refused beside members, and the filters that the message proposes read one or the other."""
    path = t2m(tmp_path / "e.grib2", *(member(number) for number in (1, 2, 3)), derived(kind, step))
    with pytest.raises(DataError, match=r"'t2m' has step type 'instant' .* and 'instant, .*ensemble") as caught:
        XarraySource(path=path)
    assert "{derivedForecast: undef}" in caught.value.fix
    source = XarraySource(path=path, grib_filter={"derivedForecast": "undef"})
    np.testing.assert_allclose(source.read(source.header.times, ["t2m"])[0, :, 0, 0], [1, 2, 3])
    alone = XarraySource(path=path, grib_filter={"derivedForecast": kind})
    assert alone.header.members == 1
    np.testing.assert_allclose(alone.read(alone.header.times, ["t2m"])[0, :, 0, 0], [99])


@pytest.mark.carries_out(
    "read them apart with `path` or `grib_filter`, or give one of them another name: rename: {'file.nc:name': new_name}"
)
def test_a_single_forecast_is_no_member(tmp_path: Path) -> None:
    single = {"shortName": "2t", "step": 12, "value": 50}
    path = t2m(tmp_path / "e.grib2", member(0), member(1), single)
    with pytest.raises(DataError, match="'t2m' has members in one place and none in another"):
        XarraySource(path=path)
    alone = XarraySource(path=path, grib_filter={"number": "undef"})
    assert alone.read(alone.header.times, ["t2m"])[:, :, 0, 0].tolist() == [[50]]
    parts = [t2m(tmp_path / "a.grib2", member(0), member(1)), t2m(tmp_path / "b.grib2", single)]
    assert XarraySource(path=parts[0]).header.members == 2
    assert XarraySource(path=parts, rename={"b.grib2:t2m": "single"}).header.names == ("t2m", "single")


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
def test_one_member_of_a_zarr_store_is_one_member_read(limit: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    netcdf = xr.open_dataset(ensemble(tmp_path / "e.nc", [0, 1, 2]), decode_times=False)
    packing = {"t": {"chunks": (1, 1, 2, 2)}}
    netcdf.load().to_zarr(tmp_path / "e.zarr", zarr_format=2, consolidated=False, encoding=packing)
    netcdf.close()
    source = XarraySource(path=str(tmp_path / "e.zarr"))
    for chunk in (tmp_path / "e.zarr" / "t").glob("0.[02].*"):
        chunk.write_bytes(b"damaged")
    times = source.header.times
    assert np.array_equal(source.read(times, ["t"], members=[1])[:, 0, 0, 0], [1, 601])
    assert np.array_equal(source.read(times, ["t"], members=[1], nodes=[3, 2])[:, 0, 0], [[1, 1], [601, 601]])
    with pytest.raises(DataError, match="was written again"):
        source.read(times, ["t"], members=[1, 2])


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
def test_one_member_of_grib_messages_is_one_message_read(limit: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    path = Path(t2m(tmp_path / "e.grib", member(0), member(1), member(2)))
    source = XarraySource(path=str(path))
    written, packed = path.stat(), path.read_bytes()
    path.write_bytes(packed[: len(packed) // 3].ljust(len(packed), b"\0"))  # the message of the first one
    os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
    (time,), (name,) = source.header.times, source.header.names
    assert (source.read([time], [name], members=[0]) == 0).all()
    with pytest.raises(DataError, match="cannot be read"):
        source.read([time], [name], members=[1])


@pytest.mark.parametrize("limit", [xarray_source.KEPT_IN_MEMORY, 0], ids=["in memory", "from disk"])
def test_members_in_one_chunk_and_by_number_in_any_order(limit: int, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(xarray_source, "KEPT_IN_MEMORY", limit)
    paths = [ensemble(tmp_path / f"{i}.nc", numbers, 12 * i) for i, numbers in enumerate(([0, 1, 7], [7, 0, 1]))]
    source = XarraySource(path=paths)
    for members in ([2], [2, 0], [1, 1]):
        found = source.read(source.header.times, ["t"], members=members)
        expected = np.array([0, 600, 1200, 1800])[:, None] + np.array(members)
        assert np.array_equal(found[:, :, 0, 3], expected)
