"""What was read stays in memory if the source fits there; only the chunks that are asked for are decoded."""

import gc
import weakref
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from wxml_dataset_sources.xarray_reading import arrays, kept_values, opening
from wxml_dataset_sources.xarray_reading.arrays import ArrayReader
from wxml_dataset_sources.xarray_source import XarraySource

TIMES, LEVELS = 50, 6
VALUES = np.random.default_rng(0).normal(size=(TIMES, LEVELS, 3, 4)).astype("f4")
Places = NDArray[np.intp]
Reads = list[tuple[list[int], list[int]]]


def dataset() -> xr.Dataset:
    return xr.Dataset(
        {"t": (("time", "level", "latitude", "longitude"), VALUES, {"units": "K"})},
        {
            "time": np.datetime64("2000-01-01", "ns") + 6 * np.arange(TIMES) * np.timedelta64(1, "h"),
            "level": ("level", np.arange(1.0, LEVELS + 1), {"units": "hPa"}),
            "latitude": ("latitude", [10.0, 0.0, -10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


def write(folder: Path, form: str, chunks: tuple[int, ...]) -> str:
    """A zarr store or a NetCDF file with these chunks."""
    if form == "zarr":
        dataset().to_zarr(folder / "a.zarr", zarr_format=2, encoding={"t": {"chunks": chunks}})
        return str(folder / "a.zarr")
    dataset().to_netcdf(folder / "a.nc", encoding={"t": {"chunksizes": chunks, "zlib": True}})
    return str(folder / "a.nc")


def counted(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Note what is read from files."""
    reads: Reads = []
    whole = ArrayReader.read

    def read(self: ArrayReader, times: Places, members: Places, levels: Places) -> NDArray[np.float32]:
        reads.append((times.tolist(), levels.tolist()))
        return whole(self, times, members, levels)

    monkeypatch.setattr(ArrayReader, "read", read)
    return reads


def test_only_the_chunks_that_are_asked_for_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = XarraySource(path=write(tmp_path, "zarr", (4, 2, 3, 4)))
    reads = counted(monkeypatch)
    values = source.read(source.header.times[[9, 21, 22]], ["t_4", "t_1"])
    np.testing.assert_array_equal(values[:, 0], VALUES[[9, 21, 22]][:, [3, 0]].reshape(3, 2, 12))
    assert reads == [([8, 9, 10, 11], [0, 1, 2, 3]), ([20, 21, 22, 23], [0, 1, 2, 3])]
    source.read(source.header.times[[8, 20]], ["t_2"])
    assert len(reads) == 2  # known from the chunks before
    source.read(source.header.times[[49]], ["t_1"])
    assert reads[2:] == [([48, 49], [0, 1])]


def test_a_netcdf_file_gives_as_many_times_as_it_gives_quickly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "READ_AT_ONCE", 10 * LEVELS * 12 * 4)
    source = XarraySource(path=write(tmp_path, "netcdf", (3, 1, 3, 4)))
    reads = counted(monkeypatch)
    source.read(source.header.times[[31]], ["t_3"])
    assert reads == [(list(range(27, 36)), [2])]  # 10 times, in whole chunks of 3


@pytest.mark.parametrize("form", ["zarr", "netcdf"])
@given(
    chunks=st.tuples(st.integers(1, 60), st.integers(1, 7), st.integers(1, 3), st.integers(1, 4)),
    requests=st.lists(
        st.tuples(
            st.lists(st.integers(0, TIMES - 1), min_size=1, max_size=6),
            st.lists(st.integers(0, LEVELS - 1), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=5,
    ),
)
@settings(max_examples=settings.default.max_examples // 6, deadline=None)
def test_any_order_of_reads_gives_the_values_of_the_file(
    form: str, chunks: tuple[int, ...], requests: Reads, tmp_path_factory: pytest.TempPathFactory
) -> None:
    fitting = tuple(min(own, size) for own, size in zip(chunks, VALUES.shape, strict=True))
    path = write(tmp_path_factory.mktemp("a"), form, fitting)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "READ_AT_ONCE", 2000)
        source = XarraySource(path=path)
    for rows, levels in requests:
        values = source.read(source.header.times[rows], [f"t_{level + 1}" for level in levels])
        np.testing.assert_array_equal(values[:, 0], VALUES[rows][:, levels].reshape(len(rows), len(levels), 12))


def test_the_netcdf_library_keeps_few_chunks_of_a_file_that_is_read(tmp_path: Path) -> None:
    """Its own default of 64 MiB a variable adds up to all of the data, which a long read would keep in memory."""
    path = write(tmp_path, "netcdf", (1, 1, 3, 4))
    source = XarraySource(path=path)
    assert np.array_equal(source.read(source.header.times[:2], ["t_1"])[:, 0, 0], VALUES[:2, 0].reshape(2, -1))
    with netCDF4.Dataset(path) as file:
        assert file["t"].get_var_chunk_cache()[0] == 2**20


@pytest.mark.parametrize("mapped", [1, 2**20])
def test_a_source_that_forgot_reads_again_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapped: int
) -> None:
    """And its memory is free: nothing else holds it."""
    monkeypatch.setattr(kept_values, "MAPPED", mapped)
    source = XarraySource(path=write(tmp_path, "zarr", (4, 2, 3, 4)))
    reads = counted(monkeypatch)
    for _ in range(2):
        source.read(source.header.times[:4], ["t_1", "t_2"])
    assert reads == [([0, 1, 2, 3], [0, 1])]
    (kept,) = source._kept._kept.values()  # type: ignore[union-attr]
    memory = weakref.ref(kept.values)
    del kept
    source.forget()
    gc.collect()
    assert memory() is None
    values = source.read(source.header.times[:4], ["t_1", "t_2"])
    assert reads == [([0, 1, 2, 3], [0, 1])] * 2
    np.testing.assert_array_equal(values[:, 0], VALUES[:4, :2].reshape(4, 2, 12))


def test_files_stay_open_until_all_of_them_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is opened once for a read, however many of its variables come into memory as a whole in it."""
    names = ["a", "b", "c"]
    one = dataset()["t"].isel(level=0, drop=True)
    xr.Dataset({name: one.assign_attrs(units="K") for name in names}).to_netcdf(tmp_path / "a.nc")
    source, opened = XarraySource(path=str(tmp_path / "a.nc")), []
    check = opening.check_hdf5_file
    monkeypatch.setattr(opening, "check_hdf5_file", lambda path: opened.append(path) or check(path))
    source.read(source.header.times, names)
    assert len(opened) == 1
