"""Variables beside each other, times after each other and between each other."""

import logging
from typing import Any

import numpy as np
import pytest
from wxml import PluginChoice, create
from wxml.errors import DataError
from wxml_dataset_sources.combining.concat import Concat
from wxml_dataset_sources.combining.join import Join
from wxml_dataset_sources.combining.merge import Merge

carries_out = pytest.mark.carries_out
TURNED = {"latitudes": (-60.0, 0.0, 60.0), "longitudes": (-180.0, -90.0, 0.0, 90.0)}


def wrapped(plugin: str, world: Any, **options: Any) -> PluginChoice:
    """A world inside of another source."""
    return PluginChoice(plugin=plugin, source=world.choice.model_dump(), **options)


def same(found, expected):
    assert list(found) == list(expected)
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_join_has_the_variables_of_all(world, everything):
    first, second = world("t z"), world("q")
    source = Join(sources=[first.choice, second.choice])
    same(everything(source), first.values | second.values)
    q, t = source.read(first.times[2:0:-1], ["q", "t"]).transpose(2, 0, 1, 3)
    np.testing.assert_array_equal(q, second.values["q"][2:0:-1])
    np.testing.assert_array_equal(t, first.values["t"][2:0:-1])


@pytest.mark.parametrize("kind", [Join, Concat, Merge])
def test_nodes_in_another_order_are_put_into_that_of_the_first(world, everything, kind):
    variables, start = ("q", "2000-01-01") if kind is Join else ("t", "2000-01-02")
    turned, straight = world(variables, start, **TURNED), world(variables, start)
    found = everything(kind(sources=[world("t").choice, turned.choice]))
    same(found, everything(kind(sources=[world("t").choice, straight.choice])))
    assert not np.array_equal(turned.values[variables], straight.values[variables])


def test_places_in_single_precision_are_the_same(world):
    exact, rounded = (300.1, 301.3), tuple(float(np.float32(place)) for place in (300.1, 301.3))
    source = Join(sources=[world("t", longitudes=exact).choice, world("q", longitudes=rounded).choice])
    np.testing.assert_array_equal(source.header.grid.longitudes[:2], exact)


@carries_out("bring one of them to the grid of the other with `regrid`")
@pytest.mark.parametrize("kind", [Join, Concat, Merge])
def test_other_nodes_are_refused_with_both_names(world, kind, tmp_path, monkeypatch):
    monkeypatch.setenv("WXML_CACHE", str(tmp_path))
    first, other = world("t"), world("q" if kind is Join else "t", "2000-01-01" if kind is Join else "2000-01-02")
    elsewhere = world(" ".join(other.values), str(other.times[0]), latitudes=(60.0, 0.0, -50.0))
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has a grid .* `sources\.1` \(xarray\).*60°N 0°E to"):
        kind(sources=[first.choice, elsewhere.choice])
    brought = wrapped("regrid", elsewhere, to={"like": first.choice.model_dump()}, method="nearest")
    assert (
        kind(sources=[first.choice, brought]).header.grid.identity == kind(sources=[first.choice]).header.grid.identity
    )


@carries_out(
    "give one of them another name with `rename`, leave it out with `subset` and its option `drop`, or take the last "
    "one with `override: true`"
)
def test_equal_names_are_refused_or_the_last_one_counts(world, everything):
    first, second = world("t z"), world({"z": "m"})
    with pytest.raises(DataError, match=r"variable 'z' is in `sources\.0` \(xarray\) and in `sources\.1` \(xarray\)"):
        Join(sources=[first.choice, second.choice])
    last = Join(sources=[first.choice, second.choice], override=True)
    same(everything(last), {"t": first.values["t"], "z": second.values["z"]})
    assert [variable.units for variable in last.header.variables] == ["K", "m"]
    renamed = Join(sources=[first.choice, wrapped("rename", second, names={"z": "height"})])
    same(everything(renamed), {**first.values, "height": second.values["z"]})
    dropped = Join(sources=[wrapped("subset", first, drop=["z"]), second.choice])
    same(everything(dropped), {"t": first.values["t"], "z": second.values["z"]})


@carries_out("cut both to the times that they share, with `subset` and its options `start`, `end` and `frequency`")
def test_other_times_are_refused_with_both_names(world):
    many, few = world("t", count=8), world("q", "2000-01-01T06", count=3, step=12)
    expected = (
        r"`sources\.0` \(xarray\) has data for 2000-01-01T00, `sources\.1` \(xarray\) has none: 8 times from "
        r"2000-01-01T00 to 2000-01-02T18 in `sources\.0` \(xarray\), 3 times from 2000-01-01T06 to 2000-01-02T06 in"
    )
    with pytest.raises(DataError, match=expected):
        Join(sources=[many.choice, few.choice])
    with pytest.raises(DataError, match=r"`sources\.1` \(xarray\) has data for 2000-01-01T00, `sources\.0`"):
        Join(sources=[few.choice, many.choice])
    cut = wrapped("subset", many, start="2000-01-01T06", end="2000-01-02T06", frequency="12h")
    assert len(Join(sources=[cut, few.choice]).header.times) == 3


@carries_out("choose the same number of members from both, with `subset` and its option `members`")
def test_other_members_are_refused_with_both_names(world, everything):
    many, one = world("t", members=3), world("q")
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has 3 members, `sources\.1` \(xarray\) has 1 member"):
        Join(sources=[many.choice, one.choice])
    source = Join(sources=[wrapped("subset", many, members=[2]), one.choice])
    same(everything(source), {"t": many.values["t"][:, 2:], "q": one.values["q"]})


def test_periods_follow_each_other_in_any_order_and_a_gap_has_no_times(world, everything):
    early, late = world("t z", count=3), world("z t", "2000-01-05", count=2)
    for sources in ([early.choice, late.choice], [late.choice, early.choice]):
        source = Concat(sources=sources)
        np.testing.assert_array_equal(source.header.times, np.concatenate([early.times, late.times]))
        found = everything(source)
        for name in "tz":
            expected = np.concatenate([early.values[name], late.values[name]])
            np.testing.assert_array_equal(found[name], expected)
    assert Concat(sources=[late.choice, early.choice]).header.names == ("z", "t")
    with pytest.raises(DataError, match="no data for 2000-01-03T00"):
        source.read([np.datetime64("2000-01-03", "s")], ["t"])


def test_times_between_each_other_are_put_in_order(world, everything):
    whole = world("t", count=6)
    halves = [world("t", f"2000-01-01T{hour}", count=3, step=12) for hour in ("00", "06")]
    same(everything(Merge(sources=[half.choice for half in reversed(halves)])), whole.values)


@carries_out(
    "cut one of them with `subset` and its options `start` and `end`; times that alternate are for `merge`",
    "cut one of them with `subset` and its options `start` and `end`",
)
def test_what_overlaps_is_refused_with_both_names(world):
    early, late = world("t", count=5), world("t", "2000-01-02", count=3)
    expected = r"`sources\.1` \(xarray\) begins at 2000-01-02T00, and `sources\.0` \(xarray\) ends at 2000-01-02T00"
    with pytest.raises(DataError, match=expected):
        Concat(sources=[early.choice, late.choice])
    expected = r"`sources\.0` \(xarray\) and `sources\.1` \(xarray\) both have data for 2000-01-02T00"
    with pytest.raises(DataError, match=expected):
        Merge(sources=[early.choice, late.choice])
    cut = wrapped("subset", early, end="2000-01-01")
    assert len(Concat(sources=[cut, late.choice]).header.times) == 7
    assert len(Merge(sources=[cut, late.choice]).header.times) == 7
    alternating = [world("t", f"2000-01-01T{hour}", step=12).choice for hour in ("00", "06")]
    with pytest.raises(DataError, match="begins at 2000-01-01T06"):
        Concat(sources=alternating)
    assert len(Merge(sources=alternating).header.times) == 8


@carries_out("leave it out with `subset` and its option `drop`, or give it the name of the other source with `rename`")
@pytest.mark.parametrize("kind", [Concat, Merge])
def test_other_variables_are_refused_with_both_names(world, kind):
    early, late, other = world("t z"), world("t", "2000-01-02"), world("t h", "2000-01-02")
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has variable 'z', `sources\.1` \(xarray\) has only"):
        kind(sources=[early.choice, late.choice])
    with pytest.raises(DataError, match=r"`sources\.1` \(xarray\) has variable 'z', `sources\.0` \(xarray\) has only"):
        kind(sources=[late.choice, early.choice])
    assert kind(sources=[wrapped("subset", early, drop=["z"]), late.choice]).header.names == ("t",)
    assert kind(sources=[early.choice, wrapped("rename", other, names={"h": "z"})]).header.names == ("t", "z")


@pytest.mark.parametrize("kind", [Concat, Merge])
def test_units_that_are_not_stated_are_told(world, kind, caplog):
    kelvin, unstated = world({"t": "K"}), world({"t": ""}, "2000-01-02")
    with caplog.at_level(logging.WARNING, "wxml"):
        kind(sources=[kelvin.choice, unstated.choice])
    assert "the units of 't' cannot be compared: 'K' in `sources.0` (xarray), '' in `sources.1`" in caplog.text


def test_combinations_combine_to_any_depth(world, everything):
    worlds = {name: world(name, start) for name, start in (("t", "2000-01-01"), ("z", "2000-01-01"))}
    later = {name: world(name, "2000-01-02") for name in worlds}
    pairs = [
        {"plugin": "join", "sources": [each.choice.model_dump() for each in both.values()]} for both in (worlds, later)
    ]
    nested = {"source": {"plugin": "concat", "sources": pairs}, "names": {"t": "temperature"}}
    found = everything(create("data-source", "rename", nested))
    expected = {
        new: np.concatenate([worlds[old].values[old], later[old].values[old]])
        for old, new in (("t", "temperature"), ("z", "z"))
    }
    same(found, expected)


def test_the_record_names_all_files_once_each_and_in_one_order(world):
    first, second, third = world("t"), world("z"), world("q")
    inner = {"plugin": "join", "sources": [first.choice.model_dump(), second.choice.model_dump()]}
    source = Join(sources=[PluginChoice(**inner), third.choice])
    record = source.provenance()
    names = [each.choice.options["path"] for each in (first, second, third)]
    assert [file["name"] for file in record["files"]] == names
    assert record["sources"][0]["source"] == "join"
    assert [each["files"] for each in record["sources"]] == [2, 1]
    alone = [create("data-source", "xarray", each.choice.options) for each in (first, second, third)]
    assert source.checksums() == [digest for each in alone for digest in each.checksums()]
    stamps = {source.stamp(), Join(sources=[first.choice, third.choice]).stamp()}
    assert len(stamps) == 2
    assert "" not in stamps


def test_a_source_without_files_has_no_checksums_and_no_stamp():
    small = PluginChoice(plugin="simulated-atmosphere", truncation=5, end="2000-01-02", spin_up_days=0)
    source = create("data-source", "subset", {"source": small.model_dump(), "select": ["t"]})
    assert source.checksums() == []
    assert source.stamp() == ""
    assert "files" not in source.provenance()
