"""An experiment trains on a dataset of Anemoi, with a field of another file, and its forecast is data again."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import zarr
from wxml_dataset_sources.xarray_source import XarraySource

NORTH, EAST = np.linspace(80, -80, 9), np.arange(16) * 22.5
TIMES = np.datetime64("2000-01-01", "s") + 6 * np.arange(80) * np.timedelta64(1, "h")
EXPERIMENT = """
defaults: [{model: gnn}]
data:
  source:
    plugin: constants
    path: orography.nc
    source: {plugin: anemoi, path: store.zarr, missing_dates: skip}
  variables: {forcing: [orog]}
  timestep: 6h
  split:
    training: [2000-01-01, 2000-01-14]
    validation: [2000-01-15, 2000-01-17]
    test: [2000-01-18, 2000-01-20]
graph: {plugin: icosahedral, refinement: 1, encoder: {radius: 0.6}, decoder: {nearest: 3}}
model: {channels: 8, processor: {num_layers: 1}}
training: {plugin: lightning, max_steps: 2, batch_size: 2, tracker: none, accelerator: cpu}
forecast: {lead_time: 12h}
"""


def write(folder: Path) -> None:
    """Twenty days, of which one date is missing, and an orography that lists its nodes from the south."""
    values = np.random.default_rng(0).normal(280, 10, (80, 2, 1, 144)).astype("f4")
    values[13] = np.nan
    root = zarr.open_group(folder / "store.zarr", mode="w", zarr_format=2)
    root.attrs.update({"variables": ["2t", "msl"], "frequency": "6h", "missing_dates": [str(TIMES[13])]})
    root.create_array("data", data=values, chunks=(1, 2, 1, 144))
    root.create_array("dates", data=TIMES)
    root.create_array("latitudes", data=np.repeat(NORTH, 16))
    root.create_array("longitudes", data=np.tile(EAST, 9))
    heights = np.random.default_rng(1).normal(500, 100, (9, 16)).astype("f4")
    axes = {"latitude": NORTH[::-1], "longitude": EAST}
    xr.Dataset({"orog": (tuple(axes), heights, {"units": "m"})}, axes).to_netcdf(folder / "orography.nc")
    (folder / "experiment.yaml").write_text(EXPERIMENT, encoding="utf-8")


@pytest.mark.slow
def test_it_trains_and_its_forecast_is_data(quickly, tmp_path: Path) -> None:
    write(tmp_path)
    trained = quickly("train", "experiment.yaml", folder=tmp_path)
    assert trained.returncode == 0, trained.stderr
    assert "1 of the 80 dates of `store.zarr` are missing" in trained.stderr
    checkpoint = next(tmp_path.rglob("checkpoint.safetensors")).relative_to(tmp_path)
    span = ("--start", "2000-01-18", "--end", "2000-01-19", "--every", "12h")
    done = quickly("forecast", str(checkpoint), "-o", "forecast.nc", *span, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    source = XarraySource(path=str(tmp_path / "forecast.nc"), lead_time="12h")
    assert source.header.names == ("2t", "msl")
    assert str(source.header.times[0]) == "2000-01-18T12:00:00"
    assert np.isfinite(source.read(source.header.times, ["2t"])).all()
