"""A zarr store on this machine that another process writes again while a source has it open."""

import copy
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from time import sleep
from typing import Any

import numcodecs
import numpy as np
import pytest
import xarray as xr
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.xarray_source import XarraySource

CLOCK = 0.02
"""Seconds after which a file has another time of change: the clock of files goes in steps of up to 10 ms."""
AGAIN = r"a.zarr` was written again while it was in use"
carries_out = pytest.mark.carries_out


def world(times: int = 4, shift: float = 0.0) -> xr.Dataset:
    values = np.arange(times * 12, dtype="f4").reshape(times, 3, 4) + np.float32(1 + shift)
    return xr.Dataset(
        {"t": (("time", "lat", "lon"), values, {"units": "K"}), "z": (("lat", "lon"), values[0], {"units": "m"})},
        {
            "time": ("time", 6 * np.arange(times), {"units": "hours since 2000-01-01"}),
            "lat": ("lat", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "lon": ("lon", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def write(path: Path, form: int, dataset: xr.Dataset, *, shards: bool = False) -> None:
    chunks = {"chunks": (1, 3, 4)} | ({"shards": (4, 3, 4)} if shards else {})
    dataset.to_zarr(path, mode="w", zarr_format=form, encoding={"t": chunks}, consolidated=form == 2)


def read(source: XarraySource, names: list[str] | None = None) -> Any:
    return source.read(source.header.times, names or ["t"])[:, 0, 0].reshape(-1, 3, 4)


def later(path: Path, text: str) -> None:
    """Run code in another process, with `path`, `np`, `zarr` and `group`."""
    begin = f"import numpy as np, zarr; path = {str(path)!r}; group = zarr.open_group(path, mode='r+')"
    subprocess.run([sys.executable, "-c", f"{begin}\n{text}"], check=True)


def rewritten(path: Path, form: int) -> None:
    write(path, form, world(shift=100))


def removed_and_copied(path: Path, form: int) -> None:
    write(path.with_name("other.zarr"), form, world(shift=100))
    shutil.rmtree(path)
    shutil.copytree(path.with_name("other.zarr"), path)  # with the times of the copied files


def with_other_units(path: Path, form: int) -> None:
    dataset = world(shift=100)
    dataset.t.attrs["scale_factor"] = 2.0
    write(path, form, dataset)


def half_removed(path: Path, form: int) -> None:
    shutil.rmtree(path / "t" / ("c" if form == 3 else ""))


@pytest.mark.parametrize("change", [rewritten, removed_and_copied, with_other_units, half_removed])
@pytest.mark.parametrize(("form", "shards"), [(2, False), (3, False), (3, True)])
def test_a_store_that_is_written_again_is_told(
    change: Callable[[Path, int], None], form: int, shards: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a.zarr"
    write(path, form, world(), shards=shards)
    source = XarraySource(path=str(path))
    assert (source.read(source.header.times[:1], ["t"]) == world().t.values[0].reshape(-1)).all()
    change(path, form)
    with pytest.raises(DataError, match=r"a.zarr` (was written again while|cannot be read)"):
        read(source)


@carries_out("start again: what opens the file now reads what is in it now")
@pytest.mark.parametrize("form", [2, 3])
def test_one_chunk_that_another_process_writes_is_told(form: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, form, world())
    source = XarraySource(path=str(path))
    later(path, "group['t'][2] = np.full((3, 4), 7.0)")
    np.testing.assert_array_equal(source.read(source.header.times[:2], ["t"])[:, 0, 0].reshape(2, 3, 4), world().t[:2])
    with pytest.raises(DataError, match=AGAIN):
        read(source)
    expected = world().t.values.copy()
    expected[2] = 7
    np.testing.assert_array_equal(read(XarraySource(path=str(path))), expected)


def test_a_chunk_that_was_missing_and_is_removed_or_written_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, 3, world())
    (path / "t/c/1/0/0").unlink()
    source = XarraySource(path=str(path))
    times = source.header.times
    assert np.isnan(source.read(times[[1]], ["t"])).all()
    (path / "t/c/2/0/0").unlink()
    shutil.copy(path / "t/c/3/0/0", path / "t/c/1/0/0")
    for time in (1, 2):
        with pytest.raises(DataError, match=AGAIN):
            copy.deepcopy(source).read(times[[time]], ["t"])  # as a worker has it, without kept values


@pytest.mark.parametrize("form", [2, 3])
def test_a_store_that_grows_gives_what_it_had(form: int, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    write(path, form, world())
    source = XarraySource(path=str(path))
    more = world(8).isel(time=slice(4, 8)).drop_vars("z")
    more.to_zarr(path, append_dim="time", consolidated=form == 2)
    np.testing.assert_array_equal(read(source), world().t.values)
    np.testing.assert_array_equal(read(XarraySource(path=str(path))), world(8).t.values)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), form=st.sampled_from([2, 3]))
def test_whatever_is_written_a_read_gives_one_version_or_a_sentence(
    data: st.DataObject, form: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Reads and writes of single times in any order: each read gives what was there at the opening, or is refused."""
    path = tmp_path_factory.mktemp("store") / "a.zarr"
    write(path, form, world())
    group, source = zarr.open_group(path, mode="r+"), XarraySource(path=str(path))
    steps = st.lists(st.tuples(st.sampled_from(["read", "write"]), st.integers(0, 3)), min_size=2, max_size=8)
    written, known = set[int](), set[int]()
    sleep(CLOCK)
    for step, time in data.draw(steps):
        if step == "write":
            array: Any = group["t"]
            array[time] = 1000.0 + time
            written.add(time)
            continue
        told = pytest.raises(DataError, match=AGAIN) if time in written - known else nullcontext()
        with told:
            found = source.read(source.header.times[[time]], ["t"])
            np.testing.assert_array_equal(found.reshape(3, 4), world().t.values[time])
            known.add(time)


def anemoi(path: Path, packing: dict[str, Any]) -> NDArray[np.float32]:
    """A store of 4 dates, 2 variables and 6 nodes in the layout of anemoi-datasets; its data."""
    root = zarr.open_group(path, mode="w", zarr_format=packing["form"])
    root.attrs.update({"variables": ["t", "q"]})
    values = 1 + np.arange(48, dtype="f4").reshape(4, 2, 1, 6)
    layout = {key: value for key, value in packing.items() if key != "form"}
    data = root.create_array("data", shape=values.shape, dtype="f4", fill_value=np.nan, chunks=(1, 1, 1, 6), **layout)
    data[:] = values
    root.create_array("dates", data=np.datetime64("2000-01-01", "s") + np.arange(4) * np.timedelta64(21600, "s"))
    root.create_array("latitudes", data=np.linspace(50, -50, 6))
    root.create_array("longitudes", data=np.linspace(0, 300, 6))
    return values[:, :, 0]


ANEMOI: dict[str, dict[str, Any]] = {
    "2": {"form": 2},
    "3": {"form": 3},
    "shards": {"form": 3, "shards": (2, 2, 1, 6)},
    "other codecs": {"form": 2, "filters": [numcodecs.Delta("f4")]},
}


@pytest.mark.parametrize("packing", ANEMOI)
def test_a_chunk_of_an_anemoi_store_that_another_process_writes_is_told(packing: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    values = anemoi(path, ANEMOI[packing])
    source = AnemoiSource(path=str(path))
    times = source.header.times
    later(path, "group['data'][3, 1] = 7.0")
    np.testing.assert_array_equal(source.read(times[:2], ["t", "q"])[:, 0], values[:2])
    for _ in range(2):
        with pytest.raises(DataError, match=AGAIN):
            source.read(times, ["q"])
    values[3, 1] = 7
    np.testing.assert_array_equal(AnemoiSource(path=str(path)).read(times, ["t", "q"])[:, 0], values)


@pytest.mark.parametrize("change", ["removed", "written", "rewritten", "other codec", "longer"])
@pytest.mark.parametrize("packing", ANEMOI)
def test_what_befalls_an_open_anemoi_store(packing: str, change: str, tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    values = anemoi(path, ANEMOI[packing])
    folder = path / "data" / ("c/1/0/0" if ANEMOI[packing]["form"] == 3 else "")
    missing = folder / ("0" if ANEMOI[packing]["form"] == 3 else "1.0.0.0")
    kept = missing.read_bytes()
    if change == "written":
        missing.unlink()
    source = AnemoiSource(path=str(path))
    times = source.header.times
    sleep(CLOCK)
    if change == "removed":
        missing.unlink()
    elif change == "written":
        missing.write_bytes(kept)
    elif change == "rewritten":
        anemoi(path, ANEMOI[packing])
    elif change == "other codec":
        other = {"form": 5 - ANEMOI[packing]["form"]} if "shards" not in packing else {"form": 2}
        shutil.rmtree(path)
        anemoi(path, other)
    else:
        group: Any = zarr.open_group(path, mode="r+")
        group["data"].resize((6, 2, 1, 6))
        group["data"][4:] = 5.0
        np.testing.assert_array_equal(source.read(times, ["t", "q"])[:, 0], values)
        return
    with pytest.raises(DataError, match=AGAIN):
        source.read(times, ["t", "q"])
