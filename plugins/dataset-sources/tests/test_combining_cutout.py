"""Regions with more nodes inside of a coarser grid."""

import numpy as np
import pytest
from wxml import PluginChoice
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.cutout import Cutout

carries_out = pytest.mark.carries_out
COARSE = {"latitudes": tuple(np.arange(80.0, -81, -20)), "longitudes": tuple(np.arange(0.0, 360, 20))}
REGION = {"latitudes": tuple(np.arange(50.0, 29, -5)), "longitudes": tuple(np.arange(-10.0, 31, 5))}
SMALL = {"latitudes": (44.0, 42.0, 40.0, 38.0, 36.0), "longitudes": (14.0, 17.0, 20.0, 23.0, 26.0)}


def at(grid, values, latitude, longitude):
    """The values at a place, `[time, member]`."""
    found = np.flatnonzero((grid.latitudes == latitude) & (grid.longitudes == longitude % 360))
    assert len(found) == 1
    return values[..., found[0]]


def test_nodes_in_the_hull_of_the_region_are_left_out(world, everything):
    region, coarse = world("t", **REGION), world("t", **COARSE)
    source = Cutout(sources=[region.choice, coarse.choice])
    grid, found = source.header.grid, everything(source)["t"]
    assert len(grid) == 45 + 162 - 2  # 40°N 0°E and 40°N 20°E
    np.testing.assert_array_equal(found[..., :45], region.values["t"])
    outside = np.setdiff1d(np.arange(162), [2 * 18, 2 * 18 + 1])
    np.testing.assert_array_equal(found[..., 45:], coarse.values["t"][..., outside])
    assert at(grid, found, 60, 0).shape == (4, 1)


def test_the_region_has_the_area_of_what_it_covers(world):
    region, coarse = world("t", **REGION), world("t", **COARSE)
    alone = Cutout(sources=[coarse.choice]).header.grid.area_weights
    weights = Cutout(sources=[region.choice, coarse.choice]).header.grid.area_weights
    assert weights.sum() == pytest.approx(1)
    assert weights[:45].sum() == pytest.approx(alone[36] + alone[37])
    np.testing.assert_allclose(weights[45:], np.delete(alone, [36, 37]))
    own = Cutout(sources=[region.choice]).header.grid.area_weights
    np.testing.assert_allclose(weights[:45] / weights[:45].sum(), own)


def test_nodes_too_near_to_the_region_are_left_out(world):
    sources = [world("t", **REGION).choice, world("t", **COARSE).choice]
    grid = Cutout(sources=sources, min_distance_km=1200).header.grid  # 10° of latitude are 1112 km
    there = {(lat, lon) for lat, lon in zip(grid.latitudes[45:], grid.longitudes[45:], strict=True)}
    assert not {(60.0, 0.0), (60.0, 20.0), (20.0, 0.0), (20.0, 20.0)} & there
    assert {(80.0, 0.0), (0.0, 0.0), (20.0, 60.0)} <= there


def test_a_region_in_a_region_in_the_globe(world, everything):
    small, region, coarse = world("t", **SMALL), world("t", **REGION), world("t", **COARSE)
    source = Cutout(sources=[small.choice, region.choice, coarse.choice])
    grid, found = source.header.grid, everything(source)["t"]
    # of the region, 40°N at 15, 20 and 25°E are in the small one; of the globe, 40°N at 0 and 20°E are covered
    assert len(grid) == 25 + 45 - 3 + 162 - 2
    assert grid.area_weights.sum() == pytest.approx(1)
    assert (grid.area_weights > 0).all()
    np.testing.assert_array_equal(found[..., :25], small.values["t"])
    straight = Cutout(sources=[region.choice])
    expected = at(straight.header.grid, region.values["t"], 45, 10)
    np.testing.assert_array_equal(at(grid, found, 45, 10), expected)


@carries_out(
    "cut it to a region with `subset` and its option `area`, or list it last",
    "take a finer source after it, or leave it out",
)
def test_what_is_no_region_is_refused(world):
    coarse, region = world("t", **COARSE), world("t", **REGION)
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has no hull on one half of the globe"):
        Cutout(sources=[coarse.choice, region.choice])
    cut = PluginChoice(plugin="subset", source=coarse.choice.model_dump(), area={"south": 10, "west": -50, "east": 70})
    assert len(Cutout(sources=[cut, coarse.choice]).header.grid) == 162
    between = world("t", latitudes=(55.0, 52.0, 49.0), longitudes=(5.0, 10.0, 15.0))
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) covers no node of a source after it"):
        Cutout(sources=[between.choice, coarse.choice])
    assert len(Cutout(sources=[between.choice, region.choice, coarse.choice]).header.grid) > 162


def test_other_times_are_refused(world):
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has data for 2000-01-01T00, `sources\.1` \(xarray\)"):
        Cutout(sources=[world("t", **REGION).choice, world("t", "2000-02-01", **COARSE).choice])


def test_nodes_far_from_the_regions_are_left_out(world, everything):
    region, coarse = world("t", **REGION), world("t", **COARSE)
    source = Cutout(sources=[region.choice, coarse.choice], max_distance_km=2400)  # 20° of latitude are 2224 km
    grid = source.header.grid
    there = {(lat, lon) for lat, lon in zip(grid.latitudes[45:], grid.longitudes[45:], strict=True)}
    places = unit_vectors(grid.latitudes[:45], grid.longitudes[:45])
    for latitude in COARSE["latitudes"]:
        for longitude in COARSE["longitudes"]:
            angle = np.arccos(np.clip(places @ unit_vectors(np.array(latitude), np.array(longitude)), -1, 1)).min()
            is_covered = latitude == 40 and longitude in (0, 20)
            assert ((latitude, longitude) in there) == (angle * 6371 < 2400 and not is_covered)
    assert grid.area_weights.sum() == pytest.approx(1)
    assert everything(source)["t"].shape[-1] == len(grid)
