"""Small worlds in files, with the values that are in them."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from wxml import DataSource, PluginChoice
from wxml_dataset_sources.remote.options import StorageOptions
from wxml_dataset_sources.xarray_source import XarraySource

HOUR = np.timedelta64(1, "h")


@dataclass(frozen=True)
class World:
    """A file, the option that reads it, and its values."""

    choice: PluginChoice
    values: dict[str, NDArray[np.float32]]
    """`[time, member, node]` by the name of the variable."""
    times: NDArray[np.datetime64]


def write_world(
    path: Path,
    variables: dict[str, dict[str, Any]],
    times: NDArray[np.datetime64],
    latitudes: list[float],
    longitudes: list[float],
    members: int,
) -> World:
    """Write random values that depend on the names, the places and the times, and on nothing else."""
    values, arrays = {}, {}
    for name, attributes in variables.items():
        shape = (len(times), members, len(latitudes), len(longitudes))
        values[name] = np.empty(shape, "f4")
        for index in np.ndindex(shape):
            time, member, row, column = index
            place = f"{name} {times[time]} {member} {latitudes[row]:g} {longitudes[column] % 360:g}"
            values[name][index] = zlib.crc32(place.encode()) % 10000 / 100 + 200
        axes = ("time", "member", "latitude", "longitude")
        kept = values[name] if members > 1 else values[name][:, 0]
        arrays[name] = (axes if members > 1 else axes[:1] + axes[2:], kept, attributes)
    coordinates = {
        "time": times.astype("M8[ns]"),
        "latitude": ("latitude", latitudes, {"units": "degrees_north"}),
        "longitude": ("longitude", longitudes, {"units": "degrees_east"}),
    } | ({"member": np.arange(members)} if members > 1 else {})
    xr.Dataset(arrays, coordinates).to_netcdf(path)
    flat = {name: array.reshape(*array.shape[:2], -1) for name, array in values.items()}
    for array in flat.values():
        array.setflags(write=False)  # several tests may have it
    return World(PluginChoice(plugin="xarray", path=str(path)), flat, times.astype("M8[s]"))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., World]:
    """Makes a world: 6-hourly from `start`, 3 × 4 nodes around the globe; the file of equal ones is written once."""
    folder = tmp_path_factory.mktemp("worlds")
    made: dict[str, World] = {}

    def make(
        variables: str | dict[str, str] = "t",
        start: str = "2000-01-01",
        count: int = 4,
        step: int = 6,
        latitudes: tuple[float, ...] = (60.0, 0.0, -60.0),
        longitudes: tuple[float, ...] = (0.0, 90.0, 180.0, 270.0),
        members: int = 1,
    ) -> World:
        named = variables if isinstance(variables, dict) else dict.fromkeys(variables.split(), "K")
        times = np.datetime64(start, "ns") + step * HOUR * np.arange(count)
        attributes = {name: {"units": units} for name, units in named.items()}
        places = list(map(float, latitudes)), list(map(float, longitudes))
        known = repr((attributes, times.tolist(), *places, members))
        if known not in made:
            made[known] = write_world(folder / f"{len(made)}.nc", attributes, times, *places, members)
        return made[known]

    return make


@pytest.fixture(scope="session")
def everything() -> Callable[[DataSource], dict[str, NDArray[np.float32]]]:
    """Reads all values of a source, `[time, member, node]` by the name of the variable."""

    def read(source: DataSource) -> dict[str, NDArray[np.float32]]:
        values = source.read(source.header.times, source.header.names)
        return {name: values[:, :, number] for number, name in enumerate(source.header.names)}

    return read


@pytest.fixture(scope="session")
def referred() -> xr.Dataset:
    """Values at four times, to whose chunks references lead."""
    values = np.random.default_rng(3).normal(280, 10, (4, 3, 4)).astype("f4")
    return xr.Dataset(
        {"t": (("time", "latitude", "longitude"), values, {"units": "K"})},
        {
            "time": ("time", np.arange(4) * 6, {"units": "hours since 2020-01-01"}),
            "latitude": ("latitude", [30.0, 20.0, 10.0], {"units": "degrees_north"}),
            "longitude": ("longitude", [0.0, 10.0, 20.0, 30.0], {"units": "degrees_east"}),
        },
    )


@pytest.fixture
def referred_file(referred: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """They are in this NetCDF file, one time a chunk, alone in its folder."""
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    (tmp_path / "served").mkdir()
    referred.to_netcdf(tmp_path / "served/a.nc", encoding={"t": {"chunksizes": (1, 3, 4)}})
    return tmp_path / "served/a.nc"


@pytest.fixture(scope="session")
def same(referred: xr.Dataset) -> Callable[..., XarraySource]:
    """Opens a source, which has the times and values of `referred`."""

    def opened(path: str, **options: Any) -> XarraySource:
        options.setdefault("storage_options", StorageOptions(attempts=1, timeout=2.0))
        source = XarraySource(path=path, **options)
        np.testing.assert_array_equal(source.header.times, np.datetime64("2020-01-01", "s") + 6 * HOUR * np.arange(4))
        found = source.read(source.header.times, ["t"])
        np.testing.assert_array_equal(found, referred.t.values.reshape(4, 1, 1, -1))
        return source

    return opened
