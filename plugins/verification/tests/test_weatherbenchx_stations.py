"""Forecasts at stations are those of WeatherBench-X, recorded by `peer-tests/record_weatherbenchx_stations.py`."""

import json
from pathlib import Path

import numpy as np
import pytest
from wxml import Grid, Variable
from wxml_verification.placement import placement
from wxml_verification.stations.heights import corrections
from wxml_verification.stations.options import Heights

RECORD = json.loads(Path(__file__).with_name("weatherbenchx_stations.json").read_text(encoding="utf-8"))
GIVEN, PLACES = RECORD["inputs"], {name: np.array(values) for name, values in RECORD["stations"].items()}
GRID = Grid.regular(GIVEN["latitude"], GIVEN["longitude"])
STATIONS = Grid.unstructured(PLACES["latitude"], PLACES["longitude"])
UNITS = {"t2m": "K", "si10": "m s-1"}


@pytest.mark.parametrize(("method", "peers"), [("bilinear", "linear"), ("nearest", "nearest")])
def test_values_with_their_corrections_are_equal(method, peers):
    """The peer's `nearest` takes the nearest row and column; stations whose nearest node is another are left out."""
    placed = placement(GRID, STATIONS, method, None, "verification.stations")
    model = placed.of(np.ravel(GIVEN["ground"]))
    lines = corrections(
        [Variable(name, units=units) for name, units in UNITS.items()], model, PLACES["elevation"], Heights()
    )
    same = np.ones(len(STATIONS), bool)
    if method == "nearest":
        column = (np.round(PLACES["longitude"] / 15) * 15) % 360
        same = (placed.of(GRID.longitudes) == column) & (
            placed.of(GRID.latitudes) == np.round(PLACES["latitude"] / 15) * 15
        )
        assert same.sum() >= 30
    for name in UNITS:
        factor, offset = lines[name]
        own = placed.of(np.reshape(GIVEN[name], (2, -1))) * factor + offset
        assert own[:, same] == pytest.approx(np.array(RECORD["found"][peers][name])[:, same], abs=1e-10)
    assert (np.abs(model - PLACES["elevation"]) > 1500).sum() > 5  # some are beyond, and not corrected
