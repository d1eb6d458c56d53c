"""The grids whose nodes a forecast has behind each other: their names, and what each lacks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, GridPart, open_forecast
from wxml.errors import DataError
from wxml.forecasting.layout import ForecastLayout, parts_from_text

PARTS = (GridPart("globe", 20), GridPart("north-1", 4, ("msl",)))
SEVERAL = replace(Grid.reduced_gaussian([4, 8, 8, 4]), parts=PARTS)
WHOLE = replace(Grid.regular([10.0, 20.0, 30.0], [0.0, 1.0, 2.0, 3.0]), parts=(GridPart("all", 12),))


@pytest.mark.parametrize("grid", [SEVERAL, WHOLE], ids=["several", "one regular grid with a name"])
def test_the_parts_are_flags_and_are_read_back(make_header, write_forecast, make_writer, tmp_path, grid) -> None:
    path = write_forecast(make_writer(tmp_path), make_header(grid), [(0, 0, 1.0)])
    with open_forecast(Path(path)) as stored:
        assert stored.header.grid.parts == grid.parts
        assert stored.header.grid.identity == grid.identity
        assert {one.name for one in stored.header.variables} == {"t_850", "msl"}
    with xr.open_dataset(path, decode_timedelta=True, engine="netcdf4" if path.endswith("nc") else "zarr") as opened:
        flags = opened["grid_part"]
        assert flags.attrs["flag_meanings"].split() == [part.name for part in grid.parts]
        assert np.atleast_1d(flags.attrs["flag_values"]).tolist() == list(range(len(grid.parts)))
        names = np.array(flags.attrs["flag_meanings"].split())[flags.values.ravel()]
        assert names.tolist() == [part.name for part in grid.parts for _ in range(part.count)]
        assert set(opened.data_vars) == {"t_850", "msl"}


def test_one_grid_has_none(make_header) -> None:
    assert "grid_part" not in [coordinate.name for coordinate in ForecastLayout.of(make_header()).coordinates]
    assert parts_from_text("a.nc", None, 12) == ()


@pytest.mark.carries_out("write the forecast again, or take `grid_part` out: its nodes are then one grid")
@pytest.mark.parametrize(
    "text",
    ["{", "{}", "[1]", 3.5, json.dumps([PARTS[0].record()]), json.dumps([PARTS[0].record()] * 2), '[{"name": "a b"}]'],
)
def test_damaged_parts_name_the_file(text) -> None:
    with pytest.raises(DataError, match=r"the `wxml_parts` of `a\.nc` is damaged"):
        parts_from_text("a.nc", text, 24)
    assert parts_from_text("a.nc", json.dumps([part.record() for part in PARTS]), 24) == PARTS
