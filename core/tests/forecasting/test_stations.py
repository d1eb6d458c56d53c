"""Forecasts at stations: the nearest node by brute force, bilinear values of a plane, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from wxml import DataError, ForecastHeader, Grid, Variable
from wxml.config.output_schema import RegionConfig
from wxml.data.fields import Fields
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.forecasting.region import Region, region_of
from wxml.forecasting.stations import read_stations

GLOBE = Grid.regular(np.linspace(90, -90, 19), np.arange(0.0, 360.0, 10.0))
AREA = Grid.regular([40.0, 45.0, 50.0], [355.0, 0.0, 5.0, 10.0])


def stations(folder: Path, *places: tuple[str, float, float]) -> Path:
    path = folder / "stations.csv"
    lines = [f"{name},{latitude},{longitude},10" for name, latitude, longitude in places]
    path.write_text("\n".join(["station,latitude,longitude,elevation", *lines]) + "\n")
    return path


def at(path: Path, grid: Grid, method: str) -> Region:
    chosen = RegionConfig.model_validate({"points": {"file": str(path), "method": method}})
    return region_of(chosen, grid, "forecast.outputs.0.region")


def read(region: Region, values: np.ndarray) -> np.ndarray:
    whole = Fields(np.datetime64("2000-01-01", "s"), ("t",), values.astype("f4")[None, None])
    return region.fields(whole)["t"][0]


def random_places(count: int) -> list[tuple[str, float, float]]:
    rng = np.random.default_rng(0)
    places = zip(np.degrees(np.arcsin(rng.uniform(-1, 1, count))), rng.uniform(-180, 360, count), strict=True)
    return [(f"s{number}", *place) for number, place in enumerate(places)]


@pytest.mark.parametrize("grid", [GLOBE, Grid.healpix(8), Grid.octahedral(12)])
def test_the_nearest_node_is_that_of_brute_force(tmp_path, grid) -> None:
    places = random_places(50)
    region = at(stations(tmp_path, *places), grid, "nearest")
    nodes = unit_vectors(grid.latitudes, grid.longitudes)
    for number, (_, latitude, longitude) in enumerate(places):
        place = unit_vectors(np.array(latitude), np.array(longitude))
        distances = angular_distance(place, nodes)
        assert distances[region.nodes[number, 0]] <= distances.min() + 1e-7
    values = np.arange(len(grid))
    np.testing.assert_array_equal(read(region, values), region.nodes[:, 0])


@pytest.mark.parametrize("rows", [np.linspace(90, -90, 19), np.linspace(-90, 90, 19)])
@pytest.mark.parametrize("first", [0.0, -180.0, 175.0])
def test_bilinear_values_are_exact_for_what_is_linear_in_both(tmp_path, rows, first) -> None:
    grid = Grid.regular(rows, first + np.arange(36) * 10.0)
    region = at(stations(tmp_path, *random_places(60)), grid, "bilinear")
    places = np.array([place[1:] for place in random_places(60)])
    np.testing.assert_allclose(read(region, grid.latitudes), places[:, 0], atol=1e-4)
    angle = np.radians(grid.longitudes)
    expected = np.degrees(np.arctan2(read(region, np.sin(angle)), read(region, np.cos(angle))))
    assert np.abs((expected - places[:, 1] + 180) % 360 - 180).max() < 0.1


def test_a_missing_neighbour_of_no_weight_does_not_count(tmp_path) -> None:
    region = at(stations(tmp_path, ("on", 45, 0), ("off", 45, 2.5)), AREA, "bilinear")
    values = np.where(np.arange(12) == 6, np.nan, 1.0)  # 45°N 5°E, east of the first station
    np.testing.assert_array_equal(read(region, values), [1.0, np.nan])
    np.testing.assert_allclose(region.weights.sum(axis=1), 1)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
@pytest.mark.carries_out("take them out of the file")
def test_a_station_outside_of_a_limited_area_is_named(tmp_path, method) -> None:
    inside = ("in", 41.0, -4.0)
    with pytest.raises(DataError, match=r"1 of 2 stations are outside of the forecast: far \(.*\.region\.points\)"):
        at(stations(tmp_path, inside, ("far", 60.0, 0.0)), AREA, method)
    assert at(stations(tmp_path, inside), AREA, method).stations == ("in",)


@pytest.mark.carries_out("write `method: nearest`")
def test_bilinear_needs_rows_and_columns(tmp_path) -> None:
    path = stations(tmp_path, ("a", 41.0, -4.0))
    with pytest.raises(DataError, match="needs a grid of rows and columns, and this has 768 single nodes"):
        at(path, Grid.healpix(8), "bilinear")
    at(path, Grid.healpix(8), "nearest")


HEAD = "station,latitude,longitude\n"


@pytest.mark.parametrize(
    "text", ["", "name,lat\na,1\n", f"{HEAD}a,x,1\n", f"{HEAD}a,1,1\na,2,2\n", f"{HEAD}a,91,1\n", f"{HEAD}a,nan,1\n"]
)
@pytest.mark.carries_out("write a CSV file with a line of column names: station, latitude, longitude (degrees)")
def test_a_file_that_has_no_stations_is_refused(tmp_path, text) -> None:
    path = tmp_path / "stations.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"stations\.csv"):
        read_stations(path)
    with pytest.raises(DataError, match=r"absent\.csv` cannot be read"):
        read_stations(tmp_path / "absent.csv")
    assert read_stations(stations(tmp_path, ("a", 1, 2))).names == ("a",)


@pytest.mark.carries_out("name each node, or none")
def test_the_header_names_the_stations(tmp_path) -> None:
    header = ForecastHeader(
        GLOBE, (Variable("t"),), np.array(["2000-01-01"], "datetime64[s]"), np.array([21600], "timedelta64[s]"), 1, {}
    )
    found = at(stations(tmp_path, ("a", 41.0, -4.0), ("b", 0, 0)), GLOBE, "nearest").header(header)
    assert (found.stations, len(found.grid)) == (("a", "b"), 2)
    assert found.grid.longitudes.tolist() == [356, 0]
    with pytest.raises(DataError, match="must name each of 684 nodes, got 1 names"):
        ForecastHeader(GLOBE, header.variables, header.initial_times, header.lead_times, 1, {}, stations=("a",))
