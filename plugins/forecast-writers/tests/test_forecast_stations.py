"""Forecasts at stations keep their names in every format."""

import xarray as xr
from wxml import Grid


def test_names_of_stations_read_back(tmp_path, make_writer, make_header, write_forecast) -> None:
    names = ("Zürich", "De Bilt")
    header = make_header(Grid.unstructured([47.4, 52.1], [8.5, 5.2]), stations=names)
    writer = make_writer(tmp_path)
    path = write_forecast(writer, header, [(0, 0, 3.0)])
    with type(writer).read(path) as stored:
        assert stored.header.stations == names
    with xr.open_dataset(path) as dataset:
        assert dataset.station.values.tolist() == [0, 1]
        assert "station" not in dataset.data_vars
