"""A chunk of an array beside the data of an `anemoi` store that is not there: never read as its fill value."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from wxml import Moments
from wxml.errors import DataError
from wxml.testing.file_server import FileServer
from wxml_dataset_sources.anemoi_source import AnemoiSource
from wxml_dataset_sources.remote.options import StorageOptions

pytestmark = pytest.mark.filterwarnings("ignore:The data type:zarr.errors.UnstableSpecificationWarning")
carries_out = pytest.mark.carries_out
DATES = np.datetime64("2020-01-01", "s") + 6 * np.arange(4) * np.timedelta64(1, "h")
NORTH, EAST = np.repeat([30.0, 20.0, 10.0], 4), np.tile([0.0, 10.0, 20.0, 30.0], 3)
MOMENTS = Moments.nothing(4, 1).arrays()
LAYOUTS: dict[str, dict[str, Any]] = {
    "format 2": {"zarr_format": 2},
    "format 3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "shards": True},
}
ARRAYS = ["dates", "latitudes", "longitudes", "area_weights", "_build/flags"]


def write(path: Path, zarr_format: int, shards: bool = False, without: str = "", fill: Any = 0) -> Path:
    """Write a store whose arrays have chunks of two values; the first one of the array `without` is not there."""
    root = zarr.open_group(path, mode="w", zarr_format=zarr_format)
    root.attrs.update({"variables": ["2t"], "grid": {"shape": [3, 4], "is_regular": True}})
    values = {
        "dates": DATES,
        "latitudes": NORTH,
        "longitudes": EAST + 1,
        "area_weights": np.full(12, 1 / 12),
        "_build/flags": np.ones(4, bool),
    } | {f"_build/moments/area/{name}": array + 1 for name, array in MOMENTS.items()}
    for name, array in values.items():
        chunks = (2,) if array.ndim == 1 else (2, 1)
        options: dict[str, Any] = {"shards": array.shape} if shards else {}
        if array.dtype.kind == "f":
            options["fill_value"] = fill
        made = root.create_array(name, shape=array.shape, dtype=array.dtype, chunks=chunks, **options)
        first = 2 if name == without else 0
        made[first:] = array[first:]
    root.create_array("data", data=np.ones((4, 1, 1, 12), "f4"), chunks=(1, 1, 1, 12))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.consolidate_metadata(str(path))
    return path


@pytest.fixture(params=["here", "at an address"])
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileServer | None]:
    with FileServer(tmp_path) as server:
        yield server if request.param == "at an address" else None


def source(path: Path, server: FileServer | None) -> AnemoiSource:
    if server is None:
        return AnemoiSource(path=str(path))
    quick = StorageOptions(attempts=1, timeout=5.0)
    return AnemoiSource(path=f"{server.url}/{path.name}", storage_options=quick)


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("array", ARRAYS)
def test_an_absent_chunk_of_what_is_read_is_refused(
    array: str, layout: str, server: FileServer | None, tmp_path: Path
) -> None:
    whole = source(write(tmp_path / "whole.zarr", **LAYOUTS[layout]), server).header
    np.testing.assert_array_equal(whole.grid.longitudes, EAST + 1)
    np.testing.assert_array_equal(whole.times, DATES)
    with pytest.raises(DataError) as caught:
        source(write(tmp_path / "lacking.zarr", **LAYOUTS[layout], without=array), server)
    says = (
        "2 of its 4 parts are not written"
        if array == "_build/flags"
        else f"lacks a chunk of `{array}`: it would be read as "
    )
    assert says in caught.value.message
    assert "lacking.zarr`" in caught.value.message


@carries_out("build the store again, or copy it again from where it was made")
@pytest.mark.parametrize("fill", [0.0, np.nan, 15.0])
def test_whatever_the_fill_value_is_and_until_it_is_copied_again(fill: float, tmp_path: Path) -> None:
    path = write(tmp_path / "a.zarr", 2, fill=fill)
    shutil.copytree(path, tmp_path / "copied.zarr")
    (path / "latitudes/3").unlink()
    with pytest.raises(DataError, match="lacks a chunk of `latitudes`"):
        AnemoiSource(path=str(path))
    assert len(AnemoiSource(path=str(tmp_path / "copied.zarr")).header.times) == 4


@pytest.mark.parametrize("layout", list(LAYOUTS))
@pytest.mark.parametrize("name", list(MOMENTS))
def test_absent_moments_are_no_statistics(layout: str, name: str, tmp_path: Path) -> None:
    whole = AnemoiSource(path=str(write(tmp_path / "whole.zarr", **LAYOUTS[layout])))
    found = whole.moments(DATES, ["2t"])
    assert found is not None
    np.testing.assert_array_equal(found.arrays()[name], MOMENTS[name] + 1)
    array = f"_build/moments/area/{name}"
    path = write(tmp_path / "lacking.zarr", **LAYOUTS[layout], without=array)
    with pytest.raises(DataError, match=f"lacking.zarr` lacks a chunk of `{array}`"):
        AnemoiSource(path=str(path)).moments(DATES, ["2t"])
