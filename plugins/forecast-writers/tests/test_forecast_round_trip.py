"""xarray reads back what was written, without a warning (warnings are errors in these tests)."""

import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from wxml import Grid, Variable
from wxml_forecast_writers.zarr_writer import ZarrWriter

NAMES = ("t_850", "msl", "2t", "x.y-z@+")
START = np.datetime64("2019-12-31T18", "s")


@st.composite
def grids(draw):
    rows, columns = draw(st.integers(1, 4)), draw(st.integers(1, 5))
    latitudes = np.linspace(-70, 80, rows)[:: draw(st.sampled_from([1, -1]))]
    longitudes = draw(st.sampled_from([-180.0, -10.0, 0.0, 200.0])) + 7.5 * np.arange(columns)
    kind = draw(st.sampled_from(["regular", "curvilinear", "reduced", "unstructured"]))
    if kind == "regular":
        return Grid.regular(latitudes, longitudes)
    if kind == "curvilinear":
        latitudes, longitudes = np.meshgrid(
            np.linspace(40, 50, rows + 1), np.linspace(0, 9, columns + 1), indexing="ij"
        )
        return Grid.curvilinear(latitudes + 0.1 * longitudes, longitudes)
    if kind == "reduced":
        return Grid.reduced_gaussian([4, 8, 8, 4])
    return Grid.unstructured(latitudes, longitudes[:1].repeat(rows), areas=1.0 + np.arange(rows))


@st.composite
def forecasts(draw, make_header):
    """A header, and the values of some of its steps in any order."""
    header = make_header(
        draw(grids()),
        [Variable(name, units="1") for name in draw(st.sets(st.sampled_from(NAMES), min_size=1))],
        initial_times=START + 5400 * np.array(sorted(draw(st.sets(st.integers(0, 20), min_size=1, max_size=3)))),
        lead_times=1800 * np.array(sorted(draw(st.sets(st.integers(1, 20), min_size=1, max_size=3))), "timedelta64[s]"),
        members=draw(st.integers(1, 3)),
    )
    places = [(i, j) for i in range(len(header.initial_times)) for j in range(len(header.lead_times))]
    chosen = draw(st.lists(st.sampled_from(places), unique=True))
    shape = (header.members, len(header.variables), len(header.grid))
    return header, [(i, j, draw(hnp.arrays(np.float32, shape, fill=st.just(np.float32(0.1))))) for i, j in chosen]


def assert_holds(dataset, header, steps):
    assert set(dataset.data_vars) == {variable.name for variable in header.variables}
    np.testing.assert_array_equal(dataset.time.values, header.initial_times)
    np.testing.assert_array_equal(dataset.prediction_timedelta.values, header.lead_times)
    written = {(i, j): values for i, j, values in steps}
    missing = np.full((header.members, len(header.variables), len(header.grid)), np.nan, np.float32)
    for number, variable in enumerate(header.variables):
        array = dataset[variable.name].values
        assert array.dtype == np.float32
        for place in np.ndindex(array.shape[:2]):
            expected = written.get(place, missing)[:, number]
            np.testing.assert_array_equal(array[place].reshape(expected.shape), expected)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_steps_in_any_order_read_back_equal_and_the_others_are_missing(
    data, make_writer, make_header, write_forecast
) -> None:
    header, steps = data.draw(forecasts(make_header))
    with tempfile.TemporaryDirectory() as folder:
        path = write_forecast(make_writer(folder), header, steps)
        with xr.open_dataset(path) as dataset:
            assert_holds(dataset, header, steps)


@settings(max_examples=12, deadline=None)
@given(grid=grids())
def test_the_place_and_weight_of_every_node_read_back_in_the_order_of_the_grid(
    grid, make_writer, make_header, write_forecast
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write_forecast(make_writer(folder), make_header(grid), [])
        with xr.open_dataset(path) as dataset:
            weight = dataset.area_weight
            latitude = dataset.latitude.broadcast_like(weight).transpose(*weight.dims).values.ravel()
            longitude = dataset.longitude.broadcast_like(weight).transpose(*weight.dims).values.ravel()
            assert weight.dtype == np.float64
            np.testing.assert_array_equal(weight.values.ravel(), grid.area_weights)
    np.testing.assert_array_equal(latitude, grid.latitudes)
    np.testing.assert_allclose(np.mod(longitude, 360), grid.longitudes, rtol=0, atol=1e-9)


def test_a_step_written_twice_holds_the_second_values(tmp_path, make_writer, make_header, write_forecast) -> None:
    path = write_forecast(make_writer(tmp_path), make_header(), [(1, 2, 7.0), (1, 2, 8.0)])
    with xr.open_dataset(path) as dataset:
        assert np.all(dataset.msl[1, 2] == 8.0)
        assert int(dataset.msl.notnull().sum()) == 12


def test_variables_in_another_order_go_to_their_own_places(tmp_path, make_writer, make_header, make_fields) -> None:
    header = make_header()
    turned = make_header(variables=header.variables[::-1])
    values = np.arange(2)[None, :, None]
    writer = make_writer(tmp_path)
    writer.open(header)
    writer.write(make_fields(turned, 0, 0, values), np.timedelta64(6, "h"))
    writer.close()
    with xr.open_dataset(writer.target) as dataset:
        assert float(dataset.msl[0, 0].mean()) == 0
        assert float(dataset.t_850[0, 0].mean()) == 1


def test_times_are_decoded_to_dates_and_durations(tmp_path, make_writer, make_header, write_forecast) -> None:
    path = write_forecast(make_writer(tmp_path), make_header(), [])
    with xr.open_dataset(path) as dataset:
        valid = dataset.time + dataset.prediction_timedelta
        assert valid.dtype == np.dtype("datetime64[ns]")
        assert valid.values[1, 2] == np.datetime64("2020-01-02T12")


def test_the_weighted_mean_over_the_globe_is_that_of_the_sphere(
    tmp_path, make_writer, make_header, write_forecast
) -> None:
    """The mean of sin² of the latitude over a sphere is 1/3; over the latitudes it would be 1/2."""
    grid = Grid.regular(np.linspace(89, -89, 90), np.arange(0, 360, 30))
    values = np.sin(np.radians(grid.latitudes)) ** 2
    with xr.open_dataset(write_forecast(make_writer(tmp_path), make_header(grid), [(1, 0, values)])) as dataset:
        means = dataset.msl.weighted(dataset.area_weight).mean(["latitude", "longitude"])
        assert means.sel(time="2020-01-01T12", prediction_timedelta="6h").item() == pytest.approx(1 / 3, abs=2e-4)
        assert np.isnan(means.sel(time="2020-01-01T00", prediction_timedelta="6h").item())


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_open_zarr_finds_consolidated_metadata_and_one_chunk_a_step(
    tmp_path, zarr_format, make_header, write_forecast
) -> None:
    from wxml_forecast_writers.zarr_writer import ZarrWriter

    writer = ZarrWriter(str(tmp_path / "forecast.zarr"), zarr_format=zarr_format)
    path = write_forecast(writer, make_header(members=2), [(0, 0, 1.0)])
    with xr.open_zarr(path, consolidated=True) as dataset:
        assert dataset.msl.encoding["chunks"] == (1, 1, 2, 3, 4)
        assert float(dataset.msl[0, 0].sum()) == 24


def test_every_step_is_on_the_disk_before_the_next_one(tmp_path, make_writer, make_header, make_fields) -> None:
    """Nothing waits in memory: noise cannot be packed, so each step must add its own size."""
    grid = Grid.unstructured(np.linspace(-80, 80, 50_000), np.zeros(50_000))
    header = make_header(grid)
    writer = make_writer(tmp_path)
    writer.open(header)
    sizes = [bytes_below(Path(tmp_path))]
    for lead in range(3):
        noise = np.random.default_rng(lead).integers(0, 2**31, (1, 2, 50_000)).astype(np.int32).view(np.float32)
        writer.write(make_fields(header, 0, lead, noise), header.lead_times[lead])
        sizes.append(bytes_below(Path(tmp_path)))
    writer.close()
    assert min(np.diff(sizes)) > 0.9 * 2 * 4 * 50_000
    assert bytes_below(Path(tmp_path)) - sizes[-1] < 10_000


def bytes_below(folder):
    return sum(os.path.getsize(path) for path in folder.rglob("*") if path.is_file())


def test_no_file_of_a_forecast_is_foreign(tmp_path, make_writer, make_header, write_forecast) -> None:
    path = write_forecast(make_writer(tmp_path), make_header(), [(0, 0, 3.0), (1, 2, 4.0)])
    assert make_writer(tmp_path).foreign_files(path) == []


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", ["thesis.txt", "7", "c", ".notes", "msl/thesis.txt", "msl/0.0.x", "other/zarr", "a/7"])
def test_every_other_file_in_a_zarr_store_is_foreign(tmp_path, make_header, write_forecast, zarr_format, name) -> None:
    path = tmp_path / "forecast.zarr"
    write_forecast(ZarrWriter(str(path), zarr_format=zarr_format), make_header(), [(0, 0, 3.0)])
    (path / name).parent.mkdir(exist_ok=True)
    (path / name).touch()
    (path / "link").symlink_to(tmp_path)
    assert ZarrWriter.foreign_files(str(path)) == sorted(["link", name])
