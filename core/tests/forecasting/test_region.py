"""Where the values of an output lie."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import ConfigError, ForecastHeader, Grid, Variable
from wxml.config.output_schema import RegionConfig
from wxml.data.fields import Fields
from wxml.errors import DataError
from wxml.forecasting.region import region_of
from wxml.testing.tiny_graphs import tiny_parts

TIMES, HOURS = np.array(["2000-01-01"], "datetime64[s]"), np.array([21600], "timedelta64[s]")


def box(**edges: float) -> RegionConfig:
    return RegionConfig.model_validate({"box": edges})


@pytest.mark.carries_out("leave `region` out: the model has one grid")
def test_a_part_has_its_nodes_and_its_variables() -> None:
    grid = tiny_parts(lacks=("q",))
    header = ForecastHeader(
        grid, tuple(map(Variable, ("t", "q", "q_spread"))), TIMES, HOURS, 1, {}, np.arange(68) % 2 == 0
    )
    region = region_of(RegionConfig(part="region"), grid, "forecast.outputs.0.region")
    assert [one.name for one in region.header(header).variables] == ["t"]
    np.testing.assert_array_equal(region.header(header).boundary, np.arange(48, 68) % 2 == 0)
    values = np.arange(3 * 68, dtype="f4").reshape(1, 3, 68)
    np.testing.assert_array_equal(
        region.fields(Fields(TIMES[0], ("t", "q", "q_spread"), values))["t"][0], np.arange(48, 68)
    )
    with pytest.raises(
        ConfigError, match=r"there is no grid 'regions' \(forecast\.outputs\.0\.region\.part\)"
    ) as caught:
        region_of(RegionConfig(part="regions"), grid, "forecast.outputs.0.region")
    assert "did you mean 'region'" in caught.value.fix
    with pytest.raises(ConfigError, match="there is no grid 'region'") as caught:
        region_of(RegionConfig(part="region"), replace(grid, parts=()), "forecast.outputs.0.region")
    assert caught.value.fix == "leave `region` out: the model has one grid"


def test_a_box_of_a_regular_grid_has_its_rows_and_columns_across_greenwich() -> None:
    grid = Grid.regular([60.0, 50.0, 40.0], np.arange(0.0, 360.0, 90.0))
    region = region_of(box(north=60, south=50, west=-90, east=90), grid, "here")
    assert (region.grid.shape, region.grid.is_regular) == ((2, 3), True)
    assert region.nodes.tolist() == [3, 0, 1, 7, 4, 5]
    assert region.grid.longitudes.tolist() == [270, 0, 90] * 2
    shares = grid.area_weights[[3, 0, 1, 7, 4, 5]]
    np.testing.assert_allclose(region.grid.area_weights, shares / shares.sum())


def test_a_box_around_the_earth_keeps_the_order_of_the_columns() -> None:
    grid = Grid.regular([60.0, 50.0, 40.0], np.arange(0.0, 360.0, 90.0))
    assert region_of(box(north=55), grid, "here").nodes.tolist() == list(range(4, 12))
    assert region_of(box(south=55, west=-180, east=180), grid, "here").nodes.tolist() == list(range(4))


def test_a_box_of_other_nodes_has_those_in_it() -> None:
    grid = Grid.unstructured([10.0, 20.0, 30.0, 20.0], [350.0, 10.0, 5.0, 90.0])
    region = region_of(box(north=25, south=10, west=-15, east=10), grid, "here")
    assert (region.nodes.tolist(), region.grid.shape, region.grid.is_regular) == ([0, 1], (2,), False)


@pytest.mark.carries_out("widen the box")
def test_an_empty_box_is_refused() -> None:
    grid = Grid.unstructured([10.0, 20.0], [350.0, 10.0])
    with pytest.raises(ConfigError, match=r"no node of the forecast lies in the box \(here\.box\)"):
        region_of(box(north=19, south=11), grid, "here")
    assert len(region_of(box(north=20, south=10), grid, "here").grid) == 2


@pytest.mark.carries_out("write one, such as `part: europe`")
def test_a_region_has_one_key() -> None:
    with pytest.raises((DataError, ValueError), match="a region must have one of"):
        RegionConfig.model_validate({"part": "europe", "box": {"north": 70}})
    assert RegionConfig.model_validate({"part": "europe"}).part == "europe"
