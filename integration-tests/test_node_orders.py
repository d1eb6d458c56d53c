"""The same nodes in any order are the same data, wherever two sources of data meet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wxml import DataSource, PluginChoice, create
from wxml.experiment.restoring import restore

LATITUDES, LONGITUDES = np.array([75.0, 25.0, -25.0, -75.0]), np.array([0.0, 60.0, 120.0, 180.0, 240.0, 300.0])
ORDERS = st.fixed_dictionaries(
    {
        "flip": st.booleans(),
        "roll": st.integers(0, 5),
        "west": st.booleans(),
        "turn": st.booleans(),
        "cells": st.one_of(st.none(), st.integers(0, 1000)),
        "single": st.booleans(),
    }
)
"""South first; another first meridian; from -180; from east to west; a list in a random order; places as float32."""


def written(path: Path, name: str, start: str = "2000-01-01", timeless: bool = False) -> xr.Dataset:
    """A world whose values tell the place and the time."""
    times = np.datetime64(start, "ns") + 6 * np.arange(2) * np.timedelta64(1, "h")
    values = np.arange(2 * 24, dtype="f4").reshape(2, 4, 6) + 1000 * len(name)
    coordinates = {
        "time": times,
        "latitude": ("latitude", LATITUDES + 0.1, {"units": "degrees_north"}),
        "longitude": ("longitude", LONGITUDES + 0.1, {"units": "degrees_east"}),
    }
    world = xr.Dataset({name: (("time", "latitude", "longitude"), values, {"units": "K"})}, coordinates)
    world = world.isel(time=0, drop=True) if timeless else world
    world.to_netcdf(path)
    return world


def reordered(world: xr.Dataset, how: dict[str, Any]) -> xr.Dataset:
    """The same world in another order."""
    if how["flip"]:
        world = world.isel(latitude=slice(None, None, -1))
    world = world.roll(longitude=how["roll"], roll_coords=True)
    if how["turn"]:
        world = world.isel(longitude=slice(None, None, -1))
    longitudes = world.longitude.values % 360
    if how["west"]:
        longitudes = (longitudes + 180) % 360 - 180
    world = world.assign_coords(longitude=("longitude", longitudes, world.longitude.attrs))
    if how["cells"] is not None:
        world = world.stack(cell=["latitude", "longitude"]).reset_index("cell")
        world = world.isel(cell=np.random.default_rng(how["cells"]).permutation(world.sizes["cell"]))
    if how["single"]:
        places = {axis: world[axis].astype("f4").assign_attrs(world[axis].attrs) for axis in ("latitude", "longitude")}
        world = world.assign_coords(places)
    return world


def of_file(path: Path) -> dict[str, Any]:
    return {"plugin": "xarray", "path": str(path)}


def sources(plugin: str) -> Callable[[Path, Path], dict[str, Any]]:
    return lambda one, other: {"plugin": plugin, "sources": [of_file(one), of_file(other)]}


MEETINGS: dict[str, tuple[dict[str, Any], Callable[[Path, Path], dict[str, Any]]]] = {
    "join": ({"name": "other"}, sources("join")),
    "concat": ({"name": "x", "start": "2000-01-02"}, sources("concat")),
    "merge": ({"name": "x", "start": "2000-01-01T03"}, sources("merge")),
    "ensemble": ({"name": "x"}, sources("ensemble")),
    "constants": (
        {"name": "other", "timeless": True},
        lambda one, other: {"plugin": "constants", "source": of_file(one), "path": str(other)},
    ),
    "complement": (
        {"name": "other"},
        lambda one, other: {"plugin": "complement", "source": of_file(one), "other": of_file(other)},
    ),
    "regrid": (
        {"name": "x"},
        lambda one, other: {"plugin": "regrid", "to": {"like": of_file(one)}, "source": of_file(other)},
    ),
    "files of one source": (
        {"name": "x", "start": "2000-01-02"},
        lambda one, other: {"plugin": "xarray", "path": [str(one), str(other)]},
    ),
}


def opened(options: dict[str, Any]) -> DataSource:
    return create(
        "data-source", options["plugin"], {key: options[key] for key in options if key != "plugin"}, where="x"
    )


@pytest.mark.parametrize("meeting", MEETINGS)
@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=ORDERS)
def test_the_same_nodes_in_any_order_are_the_same_data(
    meeting: str, how: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    world, make = MEETINGS[meeting]
    written(tmp_path / "one.nc", "x")
    straight = written(tmp_path / "straight.nc", **world)
    reordered(straight, how).to_netcdf(tmp_path / "turned.nc")
    expected, found = (opened(make(tmp_path / "one.nc", tmp_path / f"{name}.nc")) for name in ("straight", "turned"))
    assert found.header.names == expected.header.names
    np.testing.assert_allclose(found.header.grid.latitudes, expected.header.grid.latitudes, atol=1e-4)
    times, nodes = expected.header.times, [23, 0, 7]
    wanted = expected.read(times, expected.header.names)
    np.testing.assert_array_equal(found.read(times, found.header.names), wanted)
    np.testing.assert_array_equal(found.read(times, found.header.names, nodes=nodes), wanted[..., nodes])
    assert len(np.unique(wanted)) > 40


@settings(deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(how=ORDERS)
def test_a_checkpoint_reads_the_same_nodes_in_any_order(how: dict[str, Any], trained: Path, tmp_path: Path) -> None:
    world = xr.load_dataset(trained / "world.nc")
    path = tmp_path / "turned.nc"
    reordered(world, how).to_netcdf(path)
    choice = PluginChoice(plugin="xarray", path=str(path))
    experiment, _ = restore(trained / "run/checkpoint.safetensors", source=choice)
    source, times = experiment.preprocessing.source, world.time.values[[3, 0]].astype("M8[s]")
    expected = np.stack([world[name].values[[3, 0]].reshape(2, -1) for name in ("t", "z")], axis=1)
    np.testing.assert_array_equal(source.read(times, ["t", "z"])[:, 0], expected)
