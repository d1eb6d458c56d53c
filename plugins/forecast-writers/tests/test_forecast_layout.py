"""The names, dimensions and attributes in the file, against lists written by hand from CF-1.10."""

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, Variable
from wxml.forecasting.layout import ForecastLayout

DIMENSIONS = {"time": 2, "prediction_timedelta": 3}


def raw(path):
    """The dataset as it lies in the file: nothing is decoded."""
    return xr.open_dataset(path, decode_cf=False)


@pytest.fixture
def written(tmp_path, make_writer, make_header, write_forecast):
    """The undecoded file of a header with these changes."""

    def of(*arguments, **changes):
        return raw(write_forecast(make_writer(tmp_path), make_header(*arguments, **changes), []))

    return of


def test_a_regular_grid_has_axes(written) -> None:
    with written(Grid.regular([10, 20, 40], [350, 360, 370])) as file:
        assert file.msl.sizes == DIMENSIONS | {"latitude": 3, "longitude": 3}
        assert file.latitude.attrs == {
            "standard_name": "latitude",
            "long_name": "latitude",
            "units": "degrees_north",
            "axis": "Y",
        }
        assert file.longitude.attrs == {
            "standard_name": "longitude",
            "long_name": "longitude",
            "units": "degrees_east",
            "axis": "X",
        }
        assert file.latitude.values.tolist() == [10, 20, 40]
        np.testing.assert_allclose(file.longitude.values, [-10, 0, 10], atol=1e-12)
        assert file.area_weight.dims == ("latitude", "longitude")
        assert file.msl.attrs["coordinates"] == "area_weight"


def test_latitudes_from_north_to_south_stay_so(written) -> None:
    with written(Grid.regular([80, 30, -30], [0, 120, 240])) as file:
        assert file.latitude.values.tolist() == [80, 30, -30]
        assert file.longitude.values.tolist() == [0, 120, 240]


def test_longitudes_of_a_globe_that_starts_at_the_date_line_rise_from_there(written) -> None:
    with written(Grid.regular([-45, 45], [-180, -90, 0, 90])) as file:
        assert file.longitude.values.tolist() == [-180, -90, 0, 90]


def test_longitudes_may_go_once_around(written) -> None:
    around = Grid(np.zeros(5), np.array([0.0, 90, 180, 270, 0]), np.full(5, 0.2), (1, 5), is_regular=True)
    with written(around) as file:
        assert file.longitude.values.tolist() == [0, 90, 180, 270, 360]


def test_a_curvilinear_grid_has_places_in_two_dimensions(written) -> None:
    latitudes, longitudes = np.meshgrid([50.0, 51, 52], [5.0, 6], indexing="ij")
    with written(Grid.curvilinear(latitudes + 0.1 * longitudes, longitudes)) as file:
        assert file.msl.sizes == DIMENSIONS | {"y": 3, "x": 2}
        assert file.latitude.dims == file.longitude.dims == file.area_weight.dims == ("y", "x")
        assert file.longitude.values.tolist() == [[5, 6], [5, 6], [5, 6]]
        assert "axis" not in file.latitude.attrs
        assert file.msl.attrs["coordinates"] == "latitude longitude area_weight"


def test_any_other_grid_is_a_row_of_cells(written) -> None:
    with written(Grid.healpix(1)) as file:
        assert file.msl.sizes == DIMENSIONS | {"cell": 12}
        assert file.latitude.dims == file.longitude.dims == file.area_weight.dims == ("cell",)
        assert np.allclose(file.area_weight.values, 1 / 12)
        assert file.msl.attrs["coordinates"] == "latitude longitude area_weight"


def test_a_regular_grid_whose_longitudes_jump_gets_places_in_two_dimensions(written) -> None:
    weights = np.full(6, 1 / 6)
    jumping = Grid(np.repeat([-45.0, 45], 3), np.tile([0.0, 90, 45], 2), weights, (2, 3), is_regular=True)
    with written(jumping) as file:
        assert file.msl.sizes == DIMENSIONS | {"y": 2, "x": 3}
        assert file.longitude.values.tolist() == [[0, 90, 45], [0, 90, 45]]


def test_times_and_lead_times(written) -> None:
    with written() as file:
        assert file.time.attrs == {
            "standard_name": "forecast_reference_time",
            "long_name": "initial time",
            "calendar": "proleptic_gregorian",
            "units": "hours since 1970-01-01T00:00:00",
        }
        assert file.prediction_timedelta.attrs == {
            "standard_name": "forecast_period",
            "long_name": "lead time",
            "dtype": "timedelta64[ns]",
            "units": "hours",
        }
        assert file.time.dtype == file.prediction_timedelta.dtype == np.int64
        assert file.time.values.tolist() == [438288, 438300]  # 50 years with 12 leap days: 18262 days of 24 hours
        assert file.prediction_timedelta.values.tolist() == [6, 12, 24]


def test_times_that_are_not_whole_hours_are_counted_in_seconds(written) -> None:
    with written(lead_times=np.array([1800, 3600], "timedelta64[s]")) as file:
        assert file.prediction_timedelta.attrs["units"] == "seconds"
        assert file.prediction_timedelta.values.tolist() == [1800, 3600]
        assert file.time.attrs["units"] == "hours since 1970-01-01T00:00:00"


def test_members_are_numbered_and_stand_before_the_nodes(written) -> None:
    with written(members=3) as file:
        assert tuple(file.msl.sizes.items()) == (
            ("time", 2),
            ("prediction_timedelta", 3),
            ("number", 3),
            ("latitude", 3),
            ("longitude", 4),
        )
        assert file.number.values.tolist() == [0, 1, 2]
        assert file.number.attrs == {"standard_name": "realization", "long_name": "ensemble member", "units": "1"}


def test_global_attributes(written) -> None:
    with written(provenance={"a": 1}) as file:
        assert file.attrs == {
            "Conventions": "CF-1.10",
            "title": "machine-learned weather forecast",
            "wxml_provenance": '{"a": 1}',
        }


def test_a_variable_at_a_level_says_what_it_is(written) -> None:
    with written() as file:
        attributes = dict(file.t_850.attrs)
        attributes.pop("_FillValue", None)  # format 3 of zarr says so outside of the attributes
        assert attributes == {
            "long_name": "temperature at level 850",
            "param": "t",
            "units": "K",
            "level": 850.0,
            "standard_name": "air_temperature",
            "coordinates": "area_weight",
        }
        assert file.t_850.dtype == np.float32


def test_the_fill_value_is_nan(tmp_path, make_header, write_forecast) -> None:
    from wxml_forecast_writers.netcdf_writer import NetcdfWriter
    from wxml_forecast_writers.zarr_writer import ZarrWriter

    for writer in NetcdfWriter(str(tmp_path / "a.nc")), ZarrWriter(str(tmp_path / "a.zarr"), zarr_format=2):
        with raw(write_forecast(writer, make_header(), [])) as file:
            assert np.isnan(file.msl.attrs["_FillValue"])
            assert "_FillValue" not in file.time.attrs
            assert "_FillValue" not in file.latitude.attrs


def test_chunks_hold_a_step_and_at_most_32_mib_of_members(make_header) -> None:
    nodes = 2**20  # 4 MiB a member
    grid = Grid.unstructured(np.zeros(nodes), np.linspace(0, 359, nodes))
    assert ForecastLayout.of(make_header(grid, members=20)).chunks == (1, 1, 8, nodes)
    assert ForecastLayout.of(make_header(grid, members=5)).chunks == (1, 1, 5, nodes)
    assert ForecastLayout.of(make_header(grid)).chunks == (1, 1, nodes)


def test_units_that_nobody_knows_are_left_out(written) -> None:
    with written(variables=[Variable("t_850", param="t", level=850)]) as file:
        assert "units" not in file.t_850.attrs
        assert "standard_name" not in file.t_850.attrs
