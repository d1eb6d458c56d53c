"""A store of anemoi-datasets opens here with its dates, variables and values, and an experiment trains on it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from exchanged_data import LATITUDES, LONGITUDES, MISSING, SHAPE, TIMES
from wxml import Grid, create
from wxml.data.statistics import compute_statistics

EXPERIMENT = """
defaults: [{{model: gnn}}]
data:
  source: {{plugin: anemoi, path: {store}, missing_dates: skip}}
  variables: {{diagnostic: [tp], forcing: [cos_latitude]}}
  transforms: [{{plugin: impute}}, {{plugin: normalise}}]
  timestep: 6h
  split: {{training: [2020-01-01, 2020-01-07], validation: [2020-01-08, 2020-01-10]}}
graph: {{plugin: limited-area, refinement: 4}}
model: {{channels: 8, processor: {{num_layers: 1}}}}
training: {{plugin: lightning, max_steps: 2, batch_size: 2, tracker: none, accelerator: cpu}}
"""


@pytest.fixture
def source(peer_store: Path):
    return create("data-source", "anemoi", {"path": str(peer_store), "missing_dates": "skip"})


def test_dates_variables_and_places_are_those_that_the_peer_reads(source, peer_store, peer_reads) -> None:
    theirs = peer_reads(peer_store)
    assert theirs["missing"].tolist() == [MISSING]
    assert np.array_equal(source.header.times, np.delete(theirs["dates"], MISSING))
    assert np.array_equal(source.header.times, np.delete(TIMES, MISSING))
    assert source.header.names == tuple(theirs["variables"])
    assert np.array_equal(source.header.grid.latitudes, theirs["latitudes"])
    assert np.array_equal(source.header.grid.longitudes, theirs["longitudes"])


def test_values_are_bitwise_those_that_the_peer_reads(source, peer_store, peer_reads) -> None:
    theirs = np.delete(peer_reads(peer_store)["values"], MISSING, axis=0)
    found = source.read(source.header.times, source.header.names)
    assert np.array_equal(found.swapaxes(1, 2), theirs, equal_nan=True)


def test_values_are_bitwise_those_of_the_files_from_which_it_was_made(source, fields) -> None:
    with xr.open_dataset(fields / "fields.nc") as file:
        found = source.read(source.header.times, ["sst", "t_500", "t_850"])[:, 0].reshape(-1, 3, *SHAPE)
        assert np.array_equal(found[:, 0], file["sst"], equal_nan=True)
        assert np.array_equal(found[:, 1:], file["t"])
    rain = create("data-source", "xarray", {"path": str(fields / "rain.grib")})
    expected = rain.read(rain.header.times, ["tp"])
    assert np.array_equal(source.read(rain.header.times, ["tp"]), expected)


def test_levels_units_and_periods_are_known(source) -> None:
    sea, high, low, rain = source.header.variables
    assert (sea.name, sea.level, sea.units) == ("sst", None, "K")
    assert [(one.param, one.level, one.level_units, one.units) for one in (high, low)] == [
        ("t", 500.0, "hPa", "K"),
        ("t", 850.0, "hPa", "K"),
    ]
    assert (rain.name, rain.units, rain.step_type, rain.period) == ("tp", "m", "accum", "6h")
    assert source.header.grid.identity == Grid.regular(LATITUDES, LONGITUDES).identity


def test_extremes_are_those_that_the_peer_has_stored(source, peer_store, peer_reads) -> None:
    theirs = peer_reads(peer_store)
    days = source.header.times[source.header.times <= np.datetime64("2020-01-08T18")]
    ours = compute_statistics(source, source.header.names, days, np.timedelta64(6, "h"))
    assert np.array_equal(ours.minimum, theirs["statistics_minimum"])
    assert np.array_equal(ours.maximum, theirs["statistics_maximum"])


def test_an_experiment_trains_on_it(peer_store: Path, tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(EXPERIMENT.format(store=peer_store), encoding="utf-8")
    wxml = Path(sys.executable).with_name("wxml")
    done = subprocess.run(
        [str(wxml), "train", "experiment.yaml"], cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 of the 40 dates" in done.stderr
    assert list(tmp_path.rglob("checkpoint.safetensors"))
