"""A synthetic archive in the layout of anemoi-datasets, packed and not, and as one plain array."""

__all__ = ["PACKED", "PLAIN", "RAW", "Size", "make_archive"]

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from numcodecs import Blosc  # type: ignore[import-untyped]
from numpy.typing import NDArray

PACKED, PLAIN, RAW = "packed.zarr", "plain.zarr", "raw.npy"
"""The store as anemoi-datasets packs it (Blosc with lz4), that without a codec, and the values as one NumPy array."""
START = np.datetime64("2000-01-01T00", "s")
STEP = np.timedelta64(6 * 3600, "s")


class Size(NamedTuple):
    """How large the archive is; one date is a chunk."""

    dates: int
    variables: int
    rows: int
    """Of the grid, which has as many columns."""


def make_archive(folder: Path, size: Size) -> None:
    """Write the archive into a folder, unless it is there."""
    ready = folder / f"{'-'.join(map(str, size))}-with-statistics.ready"
    if ready.exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    north = 90 - (np.arange(size.rows) + 0.5) * 180 / size.rows
    east = np.arange(size.rows) * 360.0 / size.rows
    latitudes, longitudes = np.repeat(north, size.rows), np.tile(east, size.rows)
    shape = (size.dates, size.variables, 1, size.rows**2)
    raw = np.lib.format.open_memmap(folder / RAW, "w+", np.float32, shape)
    packers = {PACKED: Blosc(cname="lz4", clevel=5, shuffle=Blosc.SHUFFLE), PLAIN: None}
    stores = [_store(folder / name, shape, packer) for name, packer in packers.items()]
    for store in stores:
        store.create_array("latitudes", data=latitudes)
        store.create_array("longitudes", data=longitudes)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(size.variables, 6)).astype(np.float32)
    places = [np.radians(axis).astype(np.float32) for axis in (latitudes, longitudes)]
    for date in range(size.dates):
        raw[date, :, 0] = _fields(date, weights, *places, rng)
        for store in stores:
            store["data"][date] = raw[date]  # type: ignore[index]
    raw.flush()
    of_variable = [raw[:, number].astype(np.float64) for number in range(size.variables)]
    of_each = {
        "mean": [values.mean() for values in of_variable],
        "stdev": [values.std() for values in of_variable],
        "minimum": [values.min() for values in of_variable],
        "maximum": [values.max() for values in of_variable],
    }
    for store in stores:  # every node counts the same, as anemoi-datasets has it
        for name, numbers in of_each.items():
            store.create_array(name, data=np.array(numbers))
    ready.touch()


def _fields(
    date: int,
    weights: NDArray[np.float32],
    north: NDArray[np.float32],
    east: NDArray[np.float32],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Smooth fields with 1 % of noise, which pack about as badly as weather: `[variable, node]`."""
    waves = np.stack([np.sin(2 * north + 0.1 * date), np.cos(3 * east + 0.2 * date), np.sin(east + north)])
    level = 10 * np.arange(len(weights), dtype=np.float32)[:, None]
    noise = np.float32(0.01) * rng.standard_normal((len(weights), len(north)), dtype=np.float32)
    fields: NDArray[np.float32] = level + weights[:, :3] @ waves.astype(np.float32) + noise
    return fields


def _store(path: Path, shape: tuple[int, ...], packer: Any) -> zarr.Group:
    dates = START + np.arange(shape[0]) * STEP
    root = zarr.open_group(path, mode="w", zarr_format=2)
    names = [f"v{number:02d}" for number in range(shape[1])]
    rows = round(shape[3] ** 0.5)
    root.attrs.update(
        {
            "variables": names,
            "variables_metadata": {name: {} for name in names},
            "missing_dates": [],
            "frequency": "6h",
            "start_date": str(dates[0]),
            "end_date": str(dates[-1]),
            "field_shape": [rows, rows],
            "resolution": "1",
            "version": "0.30",
            "allow_nans": True,
            "constant_fields": [],
        }
    )
    root.create_array("data", shape=shape, chunks=(1, *shape[1:]), dtype="f4", fill_value=np.nan, compressors=packer)
    root.create_array("dates", data=dates)
    return root
