"""A small world in a NetCDF file, and the commands that build datasets of it."""

import json
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
