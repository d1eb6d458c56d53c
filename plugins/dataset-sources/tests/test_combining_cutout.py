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
    "cut it to a region with `subset` and its option `area`, list it last, or set `neighbours` to 5",
    "take a finer source after it, or leave it out",
)
def test_what_is_no_region_is_refused(world):
    coarse, region = world("t", **COARSE), world("t", **REGION)
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has no hull on one half of the globe"):
        Cutout(sources=[coarse.choice, region.choice])
    cut = PluginChoice(plugin="subset", source=coarse.choice.model_dump(), area={"south": 10, "west": -50, "east": 70})
    assert len(Cutout(sources=[cut, coarse.choice]).header.grid) == 162
    most = world("t", latitudes=tuple(np.arange(80.0, -41, -10)), longitudes=COARSE["longitudes"])
    with pytest.raises(DataError, match="has no hull on one half of the globe"):
        Cutout(sources=[most.choice, coarse.choice])
    around = Cutout(sources=[most.choice, coarse.choice], neighbours=5).header.grid
    assert around.latitudes[13 * 18 :].max() == -60
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


def bay(world) -> PluginChoice:
    """A region around a bay, open to the south: columns at 0 and 40°E, joined by a row."""
    wide = world("t", latitudes=tuple(np.arange(60.0, 19, -4)), longitudes=tuple(np.arange(0.0, 41, 4)))
    area = [{"south": 48}, {"west": 0, "east": 12}, {"west": 28, "east": 40}]
    parts = [{"plugin": "subset", "source": wide.choice.model_dump(), "area": area[0]}]
    parts += [
        {"plugin": "subset", "source": wide.choice.model_dump(), "area": side | {"north": 44}} for side in area[1:]
    ]
    return PluginChoice(plugin="grids", sources=parts)


def test_a_node_in_a_bay_of_the_region_stays(world):
    region, coarse = (
        bay(world),
        world("t", latitudes=tuple(np.arange(85.0, -86, -10)), longitudes=tuple(np.arange(0.0, 360, 10))),
    )
    places = [(35.0, 20.0), (25.0, 20.0)]  # in the bay
    inside = [(55.0, 20.0), (35.0, 10.0), (25.0, 30.0)]

    def there(**options: object) -> set[tuple[float, float]]:
        grid = Cutout(sources=[region, coarse.choice], **options).header.grid
        return {*zip(grid.latitudes, grid.longitudes, strict=True)}

    hull, near = there(), there(neighbours=5)
    assert not hull & {*places, *inside}
    assert near >= set(places)
    assert not near & set(inside)
    assert {place for place in near - hull if place[0] % 10 == 5 and place[1] % 10 == 0} == set(places)


@pytest.mark.parametrize("neighbours", [4, 5, 8])
def test_of_a_region_without_bays_neighbours_leave_out_what_its_hull_does(world, neighbours):
    region, coarse = world("t", **REGION), world("t", **COARSE)
    fine = world("t", latitudes=tuple(np.arange(58.5, 22, -3)), longitudes=tuple(np.arange(-18.5, 38, 3)))
    for outer in (coarse, fine):
        one = Cutout(sources=[region.choice, outer.choice]).header.grid
        other = Cutout(sources=[region.choice, outer.choice], neighbours=neighbours).header.grid
        kept = [{*zip(grid.latitudes.round(6), grid.longitudes.round(6), strict=True)} for grid in (one, other)]
        # a parallel is no great circle: at the northern and southern edge the two differ by less than half a spacing
        assert all(47.5 < lat < 52.5 or 27.5 < lat < 32.5 for lat, _ in kept[0] ^ kept[1])


def test_four_regions_in_each_other_cover_each_node_once(world):
    choices = [
        world(
            "t", latitudes=tuple(45 + half * np.linspace(1, -1, 9)), longitudes=tuple(20 + half * np.linspace(-1, 1, 9))
        )
        for half in (2.0, 6.0, 15.0)
    ]
    sources = [world.choice for world in choices] + [world("t", **COARSE).choice]
    for options in ({}, {"neighbours": 6}):
        grid = Cutout(sources=sources, **options).header.grid
        assert grid.area_weights.sum() == pytest.approx(1)
        assert (grid.area_weights > 0).all()
        places = unit_vectors(grid.latitudes, grid.longitudes)
        in_middle = places @ unit_vectors(np.array(45.0), np.array(20.0)) > np.cos(np.radians(1.4))
        assert np.all(np.flatnonzero(in_middle) < 81)  # all of them are of the first


def test_a_mask_is_written_once_and_read_then(world, tmp_path, monkeypatch, everything):
    sources = [world("t", **REGION).choice, world("t", **COARSE).choice]
    path = tmp_path / "mask.npz"
    options = {"sources": sources, "min_distance_km": 500.0, "max_distance_km": 4000.0, "mask": str(path)}
    plain = Cutout(sources=sources, min_distance_km=500.0, max_distance_km=4000.0)
    first = Cutout(**options)
    before = path.read_bytes()
    monkeypatch.setattr("wxml_dataset_sources.combining.nesting_file.covered", None)  # made no more
    second = Cutout(**options)
    assert path.read_bytes() == before
    for source in (first, second):
        assert source.header.grid.identity == plain.header.grid.identity
        np.testing.assert_array_equal(source.header.grid.area_weights, plain.header.grid.area_weights)
    np.testing.assert_array_equal(everything(second)["t"], everything(plain)["t"])
    assert first.fingerprint() == second.fingerprint() != plain.fingerprint()


def test_a_mask_that_was_made_by_hand(world, tmp_path):
    region, coarse = (world("t", **part).choice for part in (REGION, COARSE))
    grids = [Cutout(sources=[each]).header.grid for each in (region, coarse)]
    own = [world("t", **part) for part in (REGION, COARSE)]
    covers = [np.full(len(grid), -1) for grid in grids]
    covers[1][:18] = 0  # the northernmost row is covered by the region, and the next one is left out
    covers[1][18:36] = -2
    path = tmp_path / "mine.npz"
    identities = [Cutout(sources=[each.choice])._sources[0].header.grid.identity for each in own]
    np.savez(path, covered_by_0=covers[0], covered_by_1=covers[1], grids=np.array(identities))
    grid = Cutout(sources=[region, coarse], mask=str(path)).header.grid
    assert len(grid) == 45 + 162 - 36
    assert grid.latitudes[45:].max() == 40
    alone = grids[1].area_weights
    share = alone[:18].sum() / (1 - alone[18:36].sum())
    assert grid.area_weights[:45].sum() == pytest.approx(share)


@carries_out("remove the file, to have it made again, or name another one", "name a file in a folder that is there")
def test_a_mask_of_something_else(world, tmp_path):
    sources = [world("t", **REGION).choice, world("t", **COARSE).choice]
    path = tmp_path / "mask.npz"
    with pytest.raises(DataError, match=r"`mask` .* cannot be written"):
        Cutout(sources=sources, mask=str(tmp_path / "nowhere" / "mask.npz"))
    Cutout(sources=sources, mask=str(path))
    with pytest.raises(DataError, match=r"was made with .*'min_distance_km': 0\.0.* now"):
        Cutout(sources=sources, mask=str(path), min_distance_km=10.0)
    with pytest.raises(DataError, match=r"is that of other nodes than those of `sources\.0`"):
        Cutout(sources=[world("t", **SMALL).choice, sources[1]], mask=str(path))
    whole = path.read_bytes()
    np.savez(tmp_path / "objects.npz", covered_by_0=np.array([{}], object), covered_by_1=np.zeros(3), grids=["", ""])
    for damaged in (whole[: len(whole) // 2], b"", (tmp_path / "objects.npz").read_bytes()):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read as a mask of 2 sources"):
            Cutout(sources=sources, mask=str(path))
    path.unlink()
    assert len(Cutout(sources=sources, mask=str(path), min_distance_km=10.0).header.grid) > 45
