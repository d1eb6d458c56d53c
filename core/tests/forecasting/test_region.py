"""One of several grids of a forecast."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import ConfigError, ForecastHeader, Variable
from wxml.data.fields import Fields
from wxml.forecasting.region import Region
from wxml.testing.tiny_graphs import tiny_parts


@pytest.mark.carries_out("leave `forecast.region` out: the model has one grid")
def test_a_part_has_its_nodes_and_its_variables() -> None:
    grid, hours = tiny_parts(lacks=("q",)), np.array([6], "timedelta64[h]").astype("timedelta64[s]")
    variables, times = tuple(map(Variable, ("t", "q", "q_spread"))), np.array(["2000-01-01"], "datetime64[s]")
    header = ForecastHeader(grid, variables, times, hours, 1, {}, np.arange(68) % 2 == 0)
    region = Region.of("region", header)
    assert [one.name for one in region.header(header).variables] == ["t"]
    np.testing.assert_array_equal(region.header(header).boundary, np.arange(48, 68) % 2 == 0)
    values = np.arange(3 * 68, dtype="f4").reshape(1, 3, 68)
    written = region.fields(Fields(times[0], ("t", "q", "q_spread"), values))
    assert written.variables == ("t",)
    np.testing.assert_array_equal(written["t"][0], np.arange(48, 68))
    with pytest.raises(ConfigError, match="there is no grid 'regions'") as caught:
        Region.of("regions", header)
    assert "did you mean 'region'" in caught.value.fix
    with pytest.raises(ConfigError, match="there is no grid 'region'"):
        Region.of("region", replace(header, grid=replace(grid, parts=())))
