"""A small world in a NetCDF file, and the commands that build datasets of it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from click.testing import CliRunner, Result
from wxml_dataset_builder.command import command

HOURS = 6
LATITUDES = [60.0, 20.0, -20.0, -60.0]
LONGITUDES = [0.0, 90.0, 180.0, 270.0]


class Lab:
    """What the tests do."""

    @staticmethod
    def world(path: Path, dates: int = 24, *, drop: tuple[int, ...] = (), names: tuple[str, ...] = ("t", "q")) -> Path:
        """Write random fields of some variables, with missing values in the last one; `drop` leaves dates out."""
        shape = (dates, len(LATITUDES), len(LONGITUDES))
        times = np.datetime64("2000-01-01", "ns") + np.arange(dates) * np.timedelta64(HOURS, "h")
        arrays = {}
        for number, name in enumerate(names):
            values = np.random.default_rng(number + len(name)).normal(280, 5, shape).astype(np.float32)
            if name == "q":
                values[::3, 1, 2] = np.nan
            attributes = {"units": "K", "standard_name": "air_temperature"} if name == "t" else {"units": "kg kg-1"}
            arrays[name] = (("time", "latitude", "longitude"), values, attributes)
        coordinates = {
            "time": times,
            "latitude": ("latitude", LATITUDES, {"units": "degrees_north"}),
            "longitude": ("longitude", LONGITUDES, {"units": "degrees_east"}),
        }
        kept = [index for index in range(dates) if index not in drop]
        xr.Dataset(arrays, coordinates).isel(time=kept).to_netcdf(path)
        return path

    @staticmethod
    def recipe(path: Path, data: Path, **keys: Any) -> Path:
        """Write the recipe of a world; JSON is YAML."""
        path.write_text(json.dumps({"source": {"plugin": "xarray", "path": str(data)}, **keys}))
        return path

    @staticmethod
    def run(*arguments: object) -> Result:
        """Run a command below `wxml dataset`; an error of wxml passes through."""
        result = CliRunner().invoke(command, [str(one) for one in arguments], standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        return result

    @staticmethod
    def contents(store: Path) -> dict[str, bytes]:
        """The bytes of every file, but for the history of the store and what depends on it."""
        files = {path.relative_to(store).as_posix(): path.read_bytes() for path in store.rglob("*") if path.is_file()}
        checksums = files.pop("checksums.sha256").decode().splitlines()
        root = {name: files.pop(name) for name in ("zarr.json", ".zattrs", ".zmetadata") if name in files}
        for name, text in root.items():
            document = json.loads(text)
            for attributes in (document.get("attributes"), document, document.get("metadata", {}).get(".zattrs")):
                if isinstance(attributes, dict):
                    attributes.pop("history", None)
            files[name] = json.dumps(document).encode()
        files["checksums"] = "\n".join(line for line in checksums if line.partition("  ")[2] not in root).encode()
        return files


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    """Write worlds and recipes, run commands, compare stores."""
    return Lab


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Path]:
    """Build a dataset of a world, with the keys of a recipe, and return it."""

    def make(name: str, data: Path, *options: object, **keys: Any) -> Path:
        file = Lab.recipe(tmp_path / f"{name}.yaml", data, **keys)
        Lab.run("build", file, tmp_path / f"{name}.zarr", "--workers", "1", *options)
        return tmp_path / f"{name}.zarr"

    return make


DATES = np.datetime64("2000-01-01", "s") + 6 * np.arange(24) * np.timedelta64(1, "h")
MISSING = 5
"""The number of the date that the world lacks."""
NORTH, EAST = np.linspace(75, -75, 6), np.arange(8) * 45.0
WORLD_RECIPE = """
source: {{plugin: xarray, path: {path}}}
dates: {{missing: any}}
statistics: {{tendencies: [24h]}}
output: {{format: {format}, chunks: {{dates: 2}}}}
description: a small world
"""


@pytest.fixture
def dataset() -> Callable[..., Result]:
    """Run `wxml dataset` with some arguments; an error of wxml passes through."""

    def run(*arguments: object) -> Result:
        result = CliRunner().invoke(command, [str(one) for one in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture(scope="session")
def world_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A NetCDF file: temperature at two levels and a sea surface temperature that land lacks, without one date."""
    random = np.random.default_rng(0)
    axes = {
        "time": ("time", DATES.astype("datetime64[ns]")),
        "level": ("level", [500.0, 850.0], {"units": "hPa", "standard_name": "air_pressure", "positive": "down"}),
        "latitude": ("latitude", NORTH, {"units": "degrees_north"}),
        "longitude": ("longitude", EAST, {"units": "degrees_east"}),
    }
    temperature = random.normal([[[250.0]], [[280.0]]], 5, (24, 2, 6, 8)).astype("f4")
    sea = random.normal(290, 2, (24, 6, 8)).astype("f4")
    sea[:, 2:4, 1:3] = np.nan
    fields = {
        "t": (tuple(axes), temperature, {"units": "K", "standard_name": "air_temperature"}),
        "sst": (("time", "latitude", "longitude"), sea, {"units": "K", "standard_name": "sea_surface_temperature"}),
    }
    path = tmp_path_factory.mktemp("world") / "world.nc"
    xr.Dataset(fields, axes).drop_isel(time=MISSING).to_netcdf(path)
    return path


@pytest.fixture(scope="session", params=["zarr2", "zarr3"])
def built(request: pytest.FixtureRequest, world_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of the world in each format; to be read only. Its recipe lies beside it."""
    folder = tmp_path_factory.mktemp(request.param)
    recipe, target = folder / "recipe.yaml", folder / "world.zarr"
    recipe.write_text(WORLD_RECIPE.format(path=world_file, format=request.param), encoding="utf-8")
    result = CliRunner().invoke(command, ["build", str(recipe), str(target)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return target


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Path:
    """A copy of the dataset, to be spoilt."""
    return Path(shutil.copytree(built, tmp_path / "world.zarr"))
