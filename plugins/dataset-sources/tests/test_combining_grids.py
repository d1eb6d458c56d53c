"""Nodes of several grids as one list, and variables of another grid beside those of a source."""

import numpy as np
import pytest
from wxml import Grid, PluginChoice
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.complement import Complement
from wxml_dataset_sources.combining.cutout import Cutout
from wxml_dataset_sources.combining.grids import Grids
from wxml_dataset_sources.combining.rename import Rename
from wxml_dataset_sources.combining.weights import interpolation_weights

carries_out = pytest.mark.carries_out
NORTH = {"latitudes": (50.0, 45.0, 40.0), "longitudes": (10.0, 20.0, 30.0)}
SOUTH = {"latitudes": (-40.0, -45.0), "longitudes": (100.0, 110.0, 120.0, 130.0)}
OFFSET = {"latitudes": (75.0, 25.0, -25.0, -75.0), "longitudes": (5.0, 95.0, 185.0, 275.0)}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))


def test_the_nodes_of_all_behind_each_other(world, everything):
    north, south = world("t z", members=2, **NORTH), world("z t", members=2, **SOUTH)
    source = Grids(sources=[north.choice, south.choice])
    grid, found = source.header.grid, everything(source)
    assert grid.shape == (17,)
    np.testing.assert_array_equal(grid.latitudes, [*np.repeat([50, 45, 40], 3), *np.repeat([-40, -45], 4)])
    for name in "tz":
        expected = np.concatenate([north.values[name], south.values[name]], axis=-1)
        np.testing.assert_array_equal(found[name], expected)


def test_each_has_the_share_of_its_area(world):
    north, south = world("t", **NORTH), world("t", **SOUTH)
    weights = Grids(sources=[north.choice, south.choice]).header.grid.area_weights
    one = np.sin(np.radians(52.5)) - np.sin(np.radians(37.5))  # by 30°
    two = np.sin(np.radians(47.5)) - np.sin(np.radians(37.5))  # by 40°
    assert weights[:9].sum() == pytest.approx(one * 30 / (one * 30 + two * 40))
    globe = world("t", **OFFSET)
    weights = Grids(sources=[north.choice, globe.choice]).header.grid.area_weights
    assert weights[9:].sum() / weights[:9].sum() == pytest.approx(2 * 360 / (one * 30))
    given = Grids(sources=[north.choice, south.choice], areas=[3, 1]).header.grid.area_weights
    assert given[:9].sum() == pytest.approx(0.75)


@carries_out(
    "give the area of each source in `areas`, in any unit, such as `areas: [51, 2]`",
    "give one area for each source",
    "put the finer one in place of the other with `cutout`, or cut one of them with `subset`",
)
def test_what_cannot_be_one_list(world):
    north, south = world("t", **NORTH), world("t", **SOUTH)
    listed = PluginChoice(plugin="subset", thinning={"random": 0.6, "seed": 1}, source=north.choice.model_dump())
    with pytest.raises(
        DataError, match=r"the area of `sources\.0` \(subset\) is not known: its grid is a list of 5 nodes"
    ):
        Grids(sources=[listed, south.choice])
    with pytest.raises(DataError, match="`areas` has 1 numbers, and there are 2 sources"):
        Grids(sources=[listed, south.choice], areas=[51])
    assert len(Grids(sources=[listed, south.choice], areas=[51, 2]).header.grid) == 13
    cut = world("t", latitudes=(60.0, 45.0), longitudes=(-340.0, -330.0))
    says = r"`sources\.0` \(xarray\) and `sources\.1` \(xarray\) both have a node at 45°N 20°E, and 2 in all"
    with pytest.raises(DataError, match=says):
        Grids(sources=[north.choice, cut.choice])
    area = PluginChoice(plugin="subset", area={"south": 50}, source=cut.choice.model_dump())
    assert len(Grids(sources=[north.choice, area], areas=[1, 1]).header.grid) == 11


def test_the_nearest_nodes_weigh_by_one_over_their_distance():
    source, target = Grid.octahedral(6), Grid.healpix(3)
    places, wanted = (unit_vectors(grid.latitudes, grid.longitudes) for grid in (source, target))
    distances = np.linalg.norm(places[None] - wanted[:, None], axis=-1)
    for count in (1, 3, 8):
        expected = np.zeros_like(distances)
        nearest = np.argsort(distances, axis=1)[:, :count]
        inverse = 1 / np.take_along_axis(distances, nearest, 1)
        np.put_along_axis(expected, nearest, inverse / inverse.sum(axis=1, keepdims=True), 1)
        found = interpolation_weights(source, target, "inverse-distance", count)
        chosen = np.array(
            [len(set(np.round(np.sort(row)[: count + 1], 9))) == count + 1 for row in distances]
        )  # no ties
        assert chosen.any()
        np.testing.assert_allclose(found.toarray()[chosen], expected[chosen], atol=1e-9)
        np.testing.assert_allclose(found.sum(axis=1), 1.0)
    own = interpolation_weights(source, source, "inverse-distance", 4)
    np.testing.assert_array_equal(own.toarray(), np.eye(len(source)))


@pytest.mark.parametrize("how", [{}, {"method": "inverse-distance", "neighbours": 2}, {"method": "inverse-distance"}])
def test_the_variables_of_another_grid_on_the_own_nodes(world, everything, how):
    own, other = world("t z", members=2), world("q", members=2, **OFFSET)
    source = Complement(source=own.choice, other=other.choice, **how)
    assert source.header.names == ("t", "z", "q")
    found = everything(source)
    np.testing.assert_array_equal(found["t"], own.values["t"])
    grid = source._sources[1]._sources[0].header.grid
    method = how.get("method", "nearest")
    weights = interpolation_weights(grid, source.header.grid, method, how.get("neighbours", 4)).toarray()
    np.testing.assert_allclose(found["q"], other.values["q"] @ weights.T, rtol=1e-6)
    assert len(source.provenance()["files"]) == 2
    alone = source.read(source.header.times[[1]], ["q", "z"])
    np.testing.assert_array_equal(alone[0, :, 0], found["q"][1])


@carries_out("leave it out, or write `method: inverse-distance`")
def test_complements_that_do_not_fit(world):
    own, other = world("t z"), world("t q", **OFFSET)
    options = {"source": own.choice, "other": other.choice}
    with pytest.raises(DataError, match=r"variable 't' is in `source` \(xarray\) and in `other` \(xarray\)"):
        Complement(**options)
    assert Complement(**options, override=True).header.names == ("t", "z", "q")
    with pytest.raises(DataError, match="`neighbours` is 3, and counts for `method: inverse-distance` alone"):
        Complement(**options, override=True, neighbours=3)
    assert Complement(**options, override=True, neighbours=3, method="inverse-distance").header.members == 1
    later = world("q", "2000-02-01", **OFFSET)
    with pytest.raises(DataError, match=r"`source` \(xarray\) has data for 2000-01-01T00, `other` \(xarray\) has none"):
        Complement(source=own.choice, other=later.choice)


def test_several_grids_with_names_have_the_variables_of_all(world, everything):
    north, south = world("t z", members=2, **NORTH), world("z q", members=2, **SOUTH)
    source = Grids(sources=[north.choice, south.choice], names=["fine", "coarse"])
    assert source.header.names == ("t", "z", "q")
    parts = [(part.name, part.count, part.lacks) for part in source.header.grid.parts]
    assert parts == [("fine", 9, ("q",)), ("coarse", 8, ("t",))]
    found = everything(source)
    np.testing.assert_array_equal(found["z"], np.concatenate([north.values["z"], south.values["z"]], axis=-1))
    np.testing.assert_array_equal(found["t"][..., :9], north.values["t"])
    np.testing.assert_array_equal(found["q"][..., 9:], south.values["q"])
    assert np.isnan(found["t"][..., 9:]).all()
    assert np.isnan(found["q"][..., :9]).all()
    some = source.read(source.header.times[[2, 0]], ["q", "z", "t"], members=[1], nodes=[12, 3, 8, 16])
    every = source.read(source.header.times, ["q", "z", "t"])
    np.testing.assert_array_equal(some, every[[2, 0]][:, [1]][..., [12, 3, 8, 16]])


def test_one_grid_with_a_name_is_that_grid_bit_for_bit(world, everything):
    north = world("t z", members=2, **NORTH)
    source = Grids(sources=[north.choice], names=["fine"])
    for name, values in north.values.items():
        assert everything(source)[name].tobytes() == values.tobytes()
    assert [(part.name, part.count, part.lacks) for part in source.header.grid.parts] == [("fine", 9, ())]
    plain = Grids(sources=[north.choice]).header.grid
    assert plain.parts == ()
    np.testing.assert_array_equal(source.header.grid.area_weights, plain.area_weights)


@carries_out("name each source once")
def test_names_of_grids_are_one_for_each(world):
    north, south = world("t", **NORTH), world("z", **SOUTH)
    with pytest.raises(DataError, match="`names` has 1 names, and there are 2 sources"):
        Grids(sources=[north.choice, south.choice], names=["fine"])
    with pytest.raises(
        DataError, match=r"`sources\.0` \(xarray\) has variable 't', `sources\.1` \(xarray\) has only z"
    ):
        Grids(sources=[north.choice, south.choice])
    with pytest.raises(DataError, match="must have letters, digits"):
        Grids(sources=[north.choice, south.choice], names=["a b", "c"])
    assert len(Grids(sources=[north.choice, south.choice], names=["fine", "coarse"]).header.grid.parts) == 2
    twice = Grids(sources=[north.choice, north.choice], names=["one", "two"])  # grids of their own may share places
    assert len(twice.header.grid) == 18


def test_a_cutout_keeps_names_too(world):
    region, globe = (
        world("t z", **NORTH),
        world("t", latitudes=(80.0, 43.0, 0.0, -80.0), longitudes=(15.0, 105.0, 195.0, 285.0)),
    )
    source = Cutout(sources=[region.choice, globe.choice], names=["inner", "outer"])
    assert [(part.name, part.lacks) for part in source.header.grid.parts] == [("inner", ()), ("outer", ("z",))]
    assert source.provenance()["options"]["names"] == ["inner", "outer"]
    assert "names" not in Cutout(sources=[region.choice]).provenance()["options"]


def test_new_names_are_also_those_of_what_a_grid_lacks(world, everything):
    north, south = world("t z", **NORTH), world("t", **SOUTH)
    grids = {
        "plugin": "grids",
        "names": ["fine", "coarse"],
        "sources": [one.choice.model_dump() for one in (north, south)],
    }
    source = Rename(source=PluginChoice(**grids), names={"z": "height", "t": "z"})
    assert source.header.names == ("z", "height")
    assert [(part.name, part.lacks) for part in source.header.grid.parts] == [("fine", ()), ("coarse", ("height",))]
    found = everything(source)
    assert np.isnan(found["height"][..., 9:]).all()
    assert np.isfinite(found["z"]).all()
