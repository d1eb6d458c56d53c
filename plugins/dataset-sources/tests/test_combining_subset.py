"""Parts of a source, and other names."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, PluginChoice
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.node_choice import Area
from wxml_dataset_sources.combining.node_mask import Mask
from wxml_dataset_sources.combining.rename import Rename
from wxml_dataset_sources.combining.subset import Subset
from wxml_dataset_sources.combining.thinning import EARTH_RADIUS_KM, Thinning

carries_out = pytest.mark.carries_out
HOUR = np.timedelta64(1, "h")
FINE = {"latitudes": tuple(np.arange(75.0, -90.0, -30.0)), "longitudes": tuple(np.arange(0.0, 360.0, 30.0))}


def hours(source: Any) -> list[int]:
    """The times in hours after the beginning of 2000."""
    return [int((time - np.datetime64("2000-01-01", "s")) / HOUR) for time in source.header.times]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, list(range(0, 60, 6))),
        ({"start": "2000-01-01T07"}, list(range(12, 60, 6))),
        ({"end": "2000-01-01"}, [0, 6, 12, 18]),
        ({"end": "2000-01-01T12"}, [0, 6, 12]),
        ({"frequency": "12h"}, [0, 12, 24, 36, 48]),
        ({"start": "2000-01-01T06", "frequency": "12h"}, [6, 18, 30, 42, 54]),
        ({"start": "2000-01-02", "end": "2000-01-02", "frequency": "1d"}, [24]),
    ],
)
def test_times(world, everything, options, expected):
    one = world("t", count=10)
    source = Subset(source=one.choice, **options)
    assert hours(source) == expected
    np.testing.assert_array_equal(everything(source)["t"], one.values["t"][[hour // 6 for hour in expected]])


@carries_out("choose a period among the times of the source: {}", "choose a multiple of {}")
def test_times_that_are_not_there(world):
    one = world("t")
    with pytest.raises(DataError, match=r"no time of the source is from `start` 2001-01-01 to `end` None"):
        Subset(source=one.choice, start="2001-01-01")
    assert hours(Subset(source=one.choice, start="2000-01-01T18")) == [18]
    with pytest.raises(DataError, match=r"`frequency` is 4h, and the times of the source are 6h apart"):
        Subset(source=one.choice, frequency="4h")
    assert hours(Subset(source=one.choice, frequency="18h")) == [0, 18]


@carries_out("{}known: {}", "keep one of {}")
def test_variables_in_the_order_of_the_selection(world, everything):
    one = world("t_500 t_850 z q")
    source = Subset(source=one.choice, select=["z", "q", "t_850", "z"], drop=["q"])
    assert source.header.names == ("z", "t_850")
    np.testing.assert_array_equal(everything(source)["t_850"], one.values["t_850"])
    assert Subset(source=one.choice, drop=["z"]).header.names == ("t_500", "t_850", "q")
    with pytest.raises(DataError, match=r"`select` names 't_85', which the source does not have\n.*mean 't_850'"):
        Subset(source=one.choice, select=["t_85"])
    with pytest.raises(DataError, match=r"`select` \['z'\] without `drop` \['z'\] leaves nothing\n  keep one of t_500"):
        Subset(source=one.choice, select=["z"], drop=["z"])


@carries_out("name some of these, each once")
@pytest.mark.parametrize(("wrong", "named"), [([0, 3], "3"), ([-1], "-1"), ([1, 1], "1"), ([], "nothing")])
def test_members_in_the_order_of_the_option(world, everything, wrong, named):
    one = world("t z", members=3)
    source = Subset(source=one.choice, members=[2, 0])
    assert source.header.members == 2
    np.testing.assert_array_equal(everything(source)["z"], one.values["z"][:, [2, 0]])
    with pytest.raises(DataError, match=f"`members` names {named}, and the source has the members 0 to 2"):
        Subset(source=one.choice, members=wrong)


def test_a_box_of_a_regular_grid_is_regular_across_greenwich(world, everything):
    one = world("t", **FINE)
    source = Subset(source=one.choice, area=Area(north=50, south=-20, west=-60, east=30))
    grid, expected = source.header.grid, Grid.regular([45.0, 15.0, -15.0], [-60.0, -30.0, 0.0, 30.0])
    assert grid.identity == expected.identity
    assert grid.is_regular
    np.testing.assert_allclose(grid.area_weights, expected.area_weights, rtol=1e-12)
    table = one.values["t"].reshape(4, 1, 6, 12)
    np.testing.assert_array_equal(everything(source)["t"], table[:, :, 1:4][..., [10, 11, 0, 1]].reshape(4, 1, 12))


def test_the_edges_of_a_box_belong_to_it(world):
    def count(**edges: float) -> int:
        return len(Subset(source=one.choice, area=Area(**edges)).header.grid)

    one = world("t", **FINE)
    assert count(north=45, south=15, west=30, east=60) == 4
    assert count(west=330, east=-330) == 18
    assert count(west=0, east=360) == count() == 72
    assert count(west=90, east=90) == 6


@carries_out("choose a larger area, or another one")
def test_a_box_without_nodes_is_refused(world):
    one = world("t", **FINE)
    with pytest.raises(DataError, match=r"no node is in the `area` from 46 to 50°N and -180 to 180°E; the grid"):
        Subset(source=one.choice, area=Area(north=50, south=46))
    assert len(Subset(source=one.choice, area=Area(north=50, south=40)).header.grid) == 12


def test_every_second_row_and_column(world, everything):
    one = world("t", **FINE)
    source = Subset(source=one.choice, thinning=Thinning(every=2))
    assert source.header.grid.identity == Grid.regular([75.0, 15.0, -45.0], np.arange(0.0, 360.0, 60.0)).identity
    table = one.values["t"].reshape(4, 1, 6, 12)
    np.testing.assert_array_equal(everything(source)["t"], table[:, :, ::2, ::2].reshape(4, 1, 18))


def test_nodes_at_random_are_the_same_for_a_seed_and_have_their_own_values(world, everything):
    one = world("t", **FINE)
    sources = [Subset(source=one.choice, thinning=Thinning(random=0.25, seed=seed)) for seed in (1, 1, 2)]
    first, same, other = (source.header.grid for source in sources)
    assert first.identity == same.identity != other.identity
    assert len(first) == 18
    whole = Subset(source=one.choice).header.grid
    places = list(zip(whole.latitudes, whole.longitudes, strict=True))
    nodes = [places.index(place) for place in zip(first.latitudes, first.longitudes, strict=True)]
    np.testing.assert_array_equal(everything(sources[0])["t"], one.values["t"][..., nodes])
    shares = whole.area_weights[nodes]
    np.testing.assert_allclose(first.area_weights, shares / shares.sum())


@pytest.mark.parametrize("kilometres", [2000.0, 4000.0, 12000.0])
def test_no_two_nodes_are_nearer_than_the_distance_and_none_could_be_added(world, kilometres):
    one = world("t", **FINE)
    whole = Subset(source=one.choice).header.grid
    grid = Subset(source=one.choice, thinning=Thinning(distance=kilometres)).header.grid
    points, all_points = (unit_vectors(each.latitudes, each.longitudes) for each in (grid, whole))
    apart = EARTH_RADIUS_KM * np.arccos(np.clip(points @ points.T, -1, 1)) + 1e9 * np.eye(len(grid))
    assert apart.min() >= kilometres
    reach = EARTH_RADIUS_KM * np.arccos(np.clip(all_points @ points.T, -1, 1)).min(axis=1)
    assert reach.max() < kilometres


@carries_out("write for example thinning: {every: 2}")
@pytest.mark.parametrize(("options", "got"), [({}, "none"), ({"every": 2, "random": 0.5}, "every and random")])
def test_one_way_of_thinning(world, options, got):
    with pytest.raises(DataError, match=f"`thinning` needs one of `every`, `random` and `distance`, got {got}"):
        Subset(source=world("t").choice, thinning=Thinning(**options))
    Subset(source=world("t").choice, thinning=Thinning(every=2))


def test_an_area_is_thinned_within(world, everything):
    one = world("t", **FINE)
    source = Subset(source=one.choice, area=Area(north=50, south=-50, west=60, east=200), thinning=Thinning(every=2))
    assert source.header.grid.identity == Grid.regular([45.0, -15.0], [60.0, 120.0, 180.0]).identity
    table = one.values["t"].reshape(4, 1, 6, 12)
    np.testing.assert_array_equal(everything(source)["t"], table[:, :, 1:5:2, 2:8:2].reshape(4, 1, 6))


def test_another_name_and_another_parameter(world, everything):
    one = world("t_500 t_850 z")
    source = Rename(source=one.choice, names={"z": "geopotential", "t_850": "t_low"})
    assert source.header.names == ("t_500", "t_low", "geopotential")
    assert source.header.variables[2].param == "geopotential"
    assert [variable.units for variable in source.header.variables] == ["K"] * 3
    for new, old in (("t_low", "t_850"), ("geopotential", "z"), ("t_500", "t_500")):
        np.testing.assert_array_equal(everything(source)[new], one.values[old])


@carries_out("give one of them a name that no other variable has", "{}known: {}")
def test_names_that_are_taken_or_not_there(world):
    one = world("t z")
    with pytest.raises(DataError, match=r"'t' and 'z' are both called 't' then"):
        Rename(source=one.choice, names={"z": "t"})
    assert Rename(source=one.choice, names={"z": "t", "t": "z"}).header.names == ("z", "t")
    with pytest.raises(DataError, match=r"`names` names 'zz', which the source does not have\n.*'z'"):
        Rename(source=one.choice, names={"zz": "h"})
    assert Rename(source=one.choice, names={"z": "h"}).header.names == ("t", "h")


def test_a_parameter_stands_for_all_its_levels(tmp_path, everything):
    values = np.random.default_rng(0).normal(280, 10, (1, 2, 2, 2)).astype("f4")
    coordinates = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "level": ("level", [500.0, 850.0], {"units": "hPa"}),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    variables = {"t": (tuple(coordinates), values), "z": (("time", "latitude", "longitude"), values[:, 0])}
    xr.Dataset(variables, coordinates).to_netcdf(tmp_path / "levels.nc")
    choice = PluginChoice(plugin="xarray", path=str(tmp_path / "levels.nc"))
    assert Subset(source=choice, select=["t"]).header.names == ("t_500", "t_850")
    assert Subset(source=choice, drop=["t"]).header.names == ("z",)
    renamed = Rename(source=choice, names={"t": "temperature", "t_500": "t_middle"})
    assert renamed.header.names == ("t_middle", "temperature_850", "z")
    assert [variable.param for variable in renamed.header.variables] == ["t", "temperature", "z"]
    np.testing.assert_array_equal(everything(renamed)["temperature_850"][0, 0], values[0, 1].ravel())


@carries_out("write for example mask: {variable: lsm, least: 0.5}")
def test_nodes_by_the_values_of_a_field(world, everything):
    one, turned = world("t z"), world("t z", latitudes=(-60.0, 0.0, 60.0), longitudes=(180.0, 270.0, 0.0, 90.0))
    values = one.values["z"][0, 0]
    middle = float(np.median(values))
    source = Subset(source=one.choice, mask=Mask(variable="z", least=middle))
    np.testing.assert_array_equal(everything(source)["t"], one.values["t"][..., values >= middle])
    elsewhere = Mask(variable="z", most=middle, source=turned.choice)
    source = Subset(source=one.choice, mask=elsewhere)
    np.testing.assert_array_equal(everything(source)["t"], one.values["t"][..., values <= middle])
    assert len(source.provenance()["files"]) == 2
    for limits in ({}, {"least": 2.0, "most": 1.0}):
        with pytest.raises(DataError, match="`mask` needs `least`, `most`, or both in this order, got"):
            Subset(source=one.choice, mask=Mask(variable="z", **limits))
    with pytest.raises(DataError, match="no node is left by `mask`, `trim_edge` and `area`"):
        Subset(source=one.choice, mask=Mask(variable="z", least=1e6))


@carries_out("trim a region of rows and columns by less than half of them, or cut it with `area`")
def test_the_edge_of_a_region_is_trimmed(world, everything, tmp_path):
    region = world("t", latitudes=tuple(np.arange(50.0, 39, -2)), longitudes=tuple(np.arange(0.0, 21, 4)))
    source = Subset(source=region.choice, trim_edge=2)
    assert source.header.grid.shape == (2, 2)
    assert source.header.grid.is_regular
    expected = region.values["t"].reshape(4, 1, 6, 6)[..., 2:-2, 2:-2].reshape(4, 1, 4)
    np.testing.assert_array_equal(everything(source)["t"], expected)
    for choice, width in ((region.choice, 3), (world("t").choice, 1)):
        with pytest.raises(DataError, match=r"`trim_edge` is \d, and the grid of `source` \(xarray\) has shape"):
            Subset(source=choice, trim_edge=width)


def test_a_projected_grid_keeps_its_rows_and_columns(tmp_path):
    latitudes, longitudes = np.meshgrid(np.linspace(40, 50, 7), np.linspace(0, 10, 5), indexing="ij")
    latitudes = latitudes + 0.1 * longitudes
    axes = {"latitude": (("y", "x"), latitudes, {"units": "degrees_north"})}
    axes |= {
        "longitude": (("y", "x"), longitudes, {"units": "degrees_east"}),
        "time": [np.datetime64("2000-01-01", "ns")],
    }
    values = np.arange(35, dtype="f4").reshape(1, 7, 5)
    xr.Dataset({"t": (("time", "y", "x"), values, {"units": "K"})}, axes).to_netcdf(tmp_path / "x.nc")
    source = Subset(source=PluginChoice(plugin="xarray", path=str(tmp_path / "x.nc")), trim_edge=1)
    assert source.header.grid.shape == (5, 3)
    np.testing.assert_allclose(source.header.grid.latitudes, latitudes[1:-1, 1:-1].ravel())
    assert source.header.grid.area_weights.sum() == pytest.approx(1)
    np.testing.assert_array_equal(source.read(source.header.times, ["t"])[0, 0, 0], values[0, 1:-1, 1:-1].ravel())
