"""The mask of the nodes that are given and not forecast."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, open_forecast
from wxml.errors import DataError
from wxml.forecasting.layout import ForecastHeader, ForecastLayout

REDUCED = Grid.reduced_gaussian([4, 8, 8, 4])


@pytest.mark.parametrize("grid", [None, REDUCED], ids=["regular", "reduced"])
def test_the_mask_is_a_coordinate_and_is_read_back(make_header, write_forecast, make_writer, tmp_path, grid) -> None:
    header = make_header(grid)
    mask = np.arange(len(header.grid)) % 3 == 1
    path = write_forecast(make_writer(tmp_path), make_header(grid, boundary=mask), [(0, 0, 1.0)])
    with open_forecast(Path(path)) as stored:
        np.testing.assert_array_equal(stored.header.boundary, mask)
        assert {one.name for one in stored.header.variables} == {"t_850", "msl"}
    with xr.open_dataset(path, decode_timedelta=True, engine="netcdf4" if path.endswith("nc") else "zarr") as opened:
        assert opened["boundary"].dtype == np.int8
        assert opened["boundary"].values.ravel().tolist() == mask.astype(int).tolist()
        assert set(opened.data_vars) == {"t_850", "msl"}


def test_a_forecast_of_all_nodes_has_none(make_header) -> None:
    for boundary in (None, np.zeros(12, bool)):
        layout = ForecastLayout.of(make_header(boundary=boundary))
        assert "boundary" not in [coordinate.name for coordinate in layout.coordinates]


@pytest.mark.carries_out("give one truth value for each node of the grid, or None")
@pytest.mark.parametrize("boundary", [np.zeros(11, bool), np.zeros(12), np.zeros((3, 4), bool)])
def test_a_mask_of_something_else_is_refused(make_header, boundary) -> None:
    with pytest.raises(DataError, match=r"`boundary` of a forecast must be \[node\] = \[12\] truth values, got"):
        make_header(boundary=boundary)
    assert isinstance(make_header(boundary=np.zeros(12, bool)), ForecastHeader)
