"""Fields that follow from the time and the place, as variables of a source."""

import numpy as np
import pytest
from wxml import DataSource, Grid, create
from wxml.data.forcings import COMPUTED_FORCINGS, compute_forcings
from wxml.errors import WxmlError
from wxml.testing import DataSourceContract
from wxml_dataset_sources.forcings_source import Forcings

carries_out = pytest.mark.carries_out
DAY = {"start": "2000-06-21", "end": "2000-06-21", "frequency": "6h"}


def forcings(**options) -> DataSource:
    """The source, as a config makes it."""
    return create("data-source", "forcings", options, where="data.source")


def chosen(world):
    return {"plugin": "xarray", **world.choice.options}


class TestForcings(DataSourceContract):
    plugin = Forcings

    @pytest.fixture(autouse=True)
    def _source(self, world):
        self.options = {"source": chosen(world("t", members=2)), "variables": ["insolation", "cos_latitude"]}


class TestForcingsOnAGrid(DataSourceContract):
    plugin = Forcings
    options = {"grid": {"octahedral": 4}, "members": 3, **DAY}


def test_they_are_those_that_a_model_reads_bit_for_bit(world, everything):
    template = world("t", start="2003-12-30", count=12, step=5, latitudes=(71.0, 3.0, -46.0), members=2)
    source = forcings(source=chosen(template))
    found = everything(source)
    assert set(found) == set(COMPUTED_FORCINGS)
    wanted = compute_forcings(source.header.names, source.header.grid, template.times)
    for number, name in enumerate(source.header.names):
        for member in range(2):
            np.testing.assert_array_equal(found[name][:, member], wanted[:, number])


def test_by_hand(everything):
    source = forcings(grid={"degrees": 90.0}, **DAY, variables=["sin_latitude", "cos_longitude", "cos_local_time"])
    found = everything(source)
    assert source.header.times.astype(str).tolist() == [f"2000-06-21T{hour:02}:00:00" for hour in (0, 6, 12, 18)]
    np.testing.assert_allclose(found["sin_latitude"][0, 0], np.repeat([1, 0, -1], 4), atol=1e-7)
    np.testing.assert_allclose(found["cos_longitude"][0, 0], np.tile([1, 0, -1, 0], 3), atol=1e-7)
    at_greenwich = found["cos_local_time"][:, 0, 0]  # 0 is midnight, π is noon
    np.testing.assert_allclose(at_greenwich, [1, 0, -1, 0], atol=1e-7)
    assert [variable.units for variable in source.header.variables] == ["1"] * 3


def test_the_sun_of_midsummer(everything):
    sun = everything(forcings(grid={"degrees": 10.0}, **DAY, variables=["insolation"]))["insolation"][2, 0]
    noon = sun.reshape(19, 36)[:, 0]
    latitudes = 90 - 10.0 * np.arange(19)
    expected = np.maximum(np.cos(np.radians(latitudes - 23.44)), 0)
    np.testing.assert_allclose(noon, expected, atol=2e-3)


def test_other_times_than_those_of_the_template(world):
    source = forcings(source=chosen(world("t")), variables=["sin_julian_day"], **DAY)
    assert len(source.header.times) == 4
    assert len(source.header.grid) == 12


def test_they_join_what_they_are_for(world, everything):
    t = world("t", members=2)
    source = create(
        "data-source",
        "join",
        {"sources": [chosen(t), {"plugin": "forcings", "variables": ["insolation"], "source": chosen(t)}]},
        where="data.source",
    )
    found = everything(source)
    wanted = compute_forcings(["insolation"], source.header.grid, t.times)[:, 0]
    np.testing.assert_array_equal(found["insolation"][:, 1], wanted)
    np.testing.assert_array_equal(found["t"], t.values["t"])


@pytest.mark.parametrize(
    ("wrong", "says", "right"),
    [
        pytest.param(
            DAY,
            "neither `grid` nor `source` says",
            DAY | {"grid": {"degrees": 30.0}},
            marks=carries_out("name the `source` that they are for, or write for example grid: {degrees: 1.0}"),
        ),
        pytest.param(
            {"grid": {"degrees": 30.0}, "start": "2000-01-01"},
            "`start`, `end` and `frequency` belong together",
            DAY | {"grid": {"degrees": 30.0}},
            marks=carries_out("write all three, or none of them and name a `source`, whose times are taken"),
        ),
        pytest.param(
            DAY | {"grid": {}},
            "`grid` needs one of",
            DAY | {"grid": {"degrees": 1.0}},
            marks=carries_out("write for example {}: {degrees: 1.0}"),
        ),
        (
            DAY | {"grid": {"degrees": 30.0}, "variables": ["sin_latitud"]},
            "'sin_latitud', which is no forcing",
            DAY | {"grid": {"degrees": 30.0}, "variables": ["sin_latitude"]},
        ),
    ],
)
def test_what_is_not_said_is_asked_for(wrong, says, right):
    with pytest.raises(WxmlError, match=says):
        forcings(**wrong)
    assert len(forcings(**right).header.times) == 4


def test_on_the_grid_of_another_source(world):
    source = forcings(grid={"like": chosen(world("t"))}, **DAY)
    assert source.header.grid.identity == Grid.regular([60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0]).identity
