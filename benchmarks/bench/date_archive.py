"""An archive as anemoi-datasets lays it out: fields with a little noise, one date in a chunk, compressed or not."""

__all__ = ["Archive", "archive"]

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numcodecs import Blosc  # type: ignore[import-untyped]

START, STEP = np.datetime64("2000-01-01T00", "s"), np.timedelta64(6, "h")


@dataclass(frozen=True)
class Archive:
    """A store, and what is in it."""

    path: Path
    dates: int
    variables: int
    nodes: int


def archive(folder: Path, dates: int, variables: int, nodes: int, *, compressed: bool) -> Archive:
    """Make the store in `folder`, or take the one that is there.

    A wave and noise of 1 % compress about as badly as weather in single precision. zarr format 2, which both wxml and
    anemoi-datasets read, compressed as anemoi-datasets does it.
    """
    made = Archive(folder / f"dates-{'lz4' if compressed else 'plain'}.zarr", dates, variables, nodes)
    if made.path.exists():
        return made
    rng = np.random.default_rng(0)
    root = zarr.create_group(made.path, zarr_format=2)
    latitudes, longitudes = (np.degrees(place) for place in _spiral(nodes))
    names = [f"v{number:02d}" for number in range(variables)]
    times = START + np.arange(dates) * STEP
    root.attrs.update(
        variables=names,
        variables_metadata={name: {} for name in names},
        start_date=str(times[0]),
        end_date=str(times[-1]),
        frequency="6h",
        resolution="unknown",
        version="0.30",
        ensemble_dimension=2,
        flatten_grid=True,
        statistics_start_date=str(times[0]),
        statistics_end_date=str(times[-1]),
    )
    shape = (dates, variables, 1, nodes)
    compressor = Blosc(cname="lz4", clevel=5, shuffle=1) if compressed else None
    data = root.create_array("data", shape=shape, chunks=(1, *shape[1:]), dtype="f4", compressors=compressor)
    phases = rng.uniform(0, 2 * np.pi, (variables, 1, 1))
    for date in range(dates):
        wave = np.sin(np.radians(longitudes) * 3 + phases + 0.1 * date) * np.cos(np.radians(latitudes))
        data[date] = (wave + 0.01 * rng.standard_normal(shape[1:])).astype(np.float32)
    columns = {"latitudes": latitudes, "longitudes": longitudes, "dates": times.astype("M8[s]")}
    for statistic, value in (("mean", 0.0), ("stdev", 0.6), ("minimum", -1.1), ("maximum", 1.1)):
        columns[statistic] = np.full(variables, value)
    for name, values in columns.items():
        root.create_array(name, data=values, compressors=None)
    return made


def _spiral(nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes of a Fibonacci lattice, in radians."""
    number = np.arange(nodes) + 0.5
    return np.arcsin(1 - 2 * number / nodes), (np.pi * (1 + 5**0.5) * number) % (2 * np.pi)
