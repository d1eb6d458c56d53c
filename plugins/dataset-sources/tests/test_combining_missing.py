"""Times that are missing: counted, refused or filled."""

import logging

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.missing import Missing

carries_out = pytest.mark.carries_out
DAY = np.datetime64("2000-01-01", "s")
HOUR = np.timedelta64(1, "h")


def parts(world, *starts_and_counts) -> PluginChoice:
    """A source with gaps: 6-hourly parts."""
    worlds = [world("t z", start, count=count) for start, count in starts_and_counts]
    return PluginChoice(plugin="concat", sources=[each.choice.model_dump() for each in worlds])


def hours(source) -> list[int]:
    return [int((time - DAY) / HOUR) for time in source.header.times]


def at(source, hour: int) -> np.ndarray:
    """The values of z, then t, at one time."""
    return source.read([DAY + hour * HOUR], ["z", "t"])[0]


@pytest.fixture(scope="module")
def gap(world) -> PluginChoice:
    """Times at 0, 6, 24, 30 hours: 12 and 18 are missing."""
    return parts(world, ("2000-01-01", 2), ("2000-01-02", 2))


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("interpolate", lambda early, late, share: early + share * (late - early)),
        ("closest", lambda early, late, share: early if share < 0.5 else late),
        ("mean", lambda early, late, share: (early + late) / 2),
        ("min", lambda early, late, share: np.minimum(early, late)),
        ("max", lambda early, late, share: np.maximum(early, late)),
        ("nan", lambda early, late, share: np.full_like(early, np.nan)),
    ],
)
def test_a_gap_is_filled_from_both_sides(gap, policy, expected):
    source = Missing(source=gap, policy=policy)
    assert hours(source) == [0, 6, 12, 18, 24, 30]
    early, late = at(source, 6).astype("f8"), at(source, 24).astype("f8")
    for hour, share in ((12, 1 / 3), (18, 2 / 3)):
        np.testing.assert_allclose(at(source, hour), expected(early, late, share), rtol=1e-6)


def test_what_is_there_stays_as_it_is(gap):
    whole, source = Missing(source=gap, policy="skip"), Missing(source=gap, policy="interpolate")
    for hour in (0, 6, 24, 30):
        np.testing.assert_array_equal(at(source, hour), at(whole, hour))


@carries_out("fill them with `policy: interpolate`, or leave the gaps with `policy: skip`")
def test_missing_times_are_counted_and_refused_or_passed_over(gap, caplog):
    says = "`source` (concat) lacks 2 of 6 times, the first is 2000-01-01T12"
    with pytest.raises(DataError) as refused:
        Missing(source=gap)
    assert refused.value.message == says
    with caplog.at_level(logging.WARNING, "wxml"):
        skipping = Missing(source=gap, policy="skip")
    assert caplog.messages == [f"{says} (policy: skip)"]
    assert hours(skipping) == [0, 6, 24, 30]
    assert skipping.provenance()["missing_times"] == 2
    assert hours(Missing(source=gap, policy="interpolate")) == [0, 6, 12, 18, 24, 30]


def test_a_source_without_gaps_is_not_told_of(world, caplog):
    with caplog.at_level(logging.WARNING, "wxml"):
        source = Missing(source=world("t").choice)
    assert not caplog.messages
    assert hours(source) == [0, 6, 12, 18]
    assert source.provenance()["missing_times"] == 0


def test_only_short_gaps_are_filled(world):
    source = parts(world, ("2000-01-01", 2), ("2000-01-01T18", 1), ("2000-01-03", 1))
    assert hours(Missing(source=source, policy="mean", longest="12h")) == [0, 6, 12, 18, 48]
    assert hours(Missing(source=source, policy="mean", longest="30h")) == list(range(0, 49, 6))


@pytest.mark.parametrize("policy", ["interpolate", "closest", "mean", "nan"])
def test_the_ends_are_filled_from_the_first_and_the_last_time(world, policy):
    one = parts(world, ("2000-01-02", 2))
    source = Missing(source=one, policy=policy, extend_start="2000-01-01T11", extend_end="2000-01-02T13")
    assert hours(source) == [12, 18, 24, 30, 36]
    for hour, end in ((12, 24), (18, 24), (36, 30)):
        expected = np.full_like(at(source, end), np.nan) if policy == "nan" else at(source, end)
        np.testing.assert_array_equal(at(source, hour), expected)


@carries_out("give a `frequency` that divides all steps between the times, or choose times with `subset`")
def test_times_off_the_step_are_refused(world):
    odd = parts(world, ("2000-01-01", 2), ("2000-01-01T15", 1))
    says = r"`source` \(concat\) has a time 2000-01-01T15, which is no multiple of 6h after 2000-01-01T00"
    with pytest.raises(DataError, match=says):
        Missing(source=odd, policy="skip")
    assert hours(Missing(source=odd, policy="mean", frequency="3h")) == [0, 3, 6, 9, 12, 15]
    cut = PluginChoice(plugin="subset", end="2000-01-01T12", source=odd.model_dump())
    assert hours(Missing(source=cut, policy="mean")) == [0, 6]


def test_each_time_of_the_source_is_read_once(gap, monkeypatch):
    source = Missing(source=gap, policy="interpolate")
    asked = []
    inner = type(source._sources[0])._read_part
    monkeypatch.setattr(
        type(source._sources[0]),
        "_read_part",
        lambda self, request, out: (asked.append(len(request.times)), inner(self, request, out)),
    )
    source.read(source.header.times, ["t"])
    assert asked == [4]


def with_holes(path, values) -> PluginChoice:
    """A source with the field `x` of three nodes on the equator at 0, 10 and 30°E, and `y`, which is whole."""
    values = np.asarray(values, "f4")
    coordinates = {
        "time": np.datetime64("2000-01-01", "ns") + 6 * np.arange(len(values)) * HOUR,
        "latitude": ("latitude", [0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 10.0, 30.0], {"units": "degrees_east"}),
    }
    fields = {
        name: (tuple(coordinates), each[:, None], {"units": "K"})
        for name, each in (("x", values), ("y", 0 * values + 1))
    }
    fields["y"][1][:] = 1
    xr.Dataset(fields, coordinates).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


NAN = np.nan
HOLES = [[1, 2, 3], [NAN, NAN, 9], [5, NAN, NAN], [NAN, 8, NAN], [2, 4, 6]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("nearest-node", [[1, 2, 3], [9, 9, 9], [5, 5, 5], [8, 8, 8], [2, 4, 6]]),
        ("interpolate", [[1, 2, 3], [3, 2, 9], [5, 8, 9], [3.5, 8, 6], [2, 4, 6]]),
        ("closest", [[1, 2, 3], [1, 2, 9], [5, 8, 9], [5, 8, 6], [2, 4, 6]]),
        ("mean", [[1, 2, 3], [3, 2, 9], [5, 8, 9], [3.5, 8, 6], [2, 4, 6]]),
        ("min", [[1, 2, 3], [1, 2, 9], [5, 8, 9], [2, 8, 6], [2, 4, 6]]),
        ("max", [[1, 2, 3], [5, 2, 9], [5, 8, 9], [5, 8, 6], [2, 4, 6]]),
    ],
)
def test_single_values_are_filled_by_hand(tmp_path, values, expected):
    source = Missing(source=with_holes(tmp_path / "x.nc", HOLES), values=values)
    times = source.header.times
    np.testing.assert_allclose(source.read(times, ["x"])[:, 0, 0], expected)
    np.testing.assert_allclose(
        source.read(times[[3, 1]], ["y", "x"], nodes=[2, 0])[:, 0, 1], np.array(expected)[[3, 1]][:, [2, 0]]
    )


def test_values_that_nothing_is_near_to_stay_missing_and_all_are_told_once(tmp_path, caplog):
    choice = with_holes(tmp_path / "x.nc", [[1, NAN, 3], [4, NAN, 6], [7, NAN, 9]])
    source = Missing(source=choice, values="interpolate")
    with caplog.at_level(logging.WARNING, "wxml"):
        for _ in range(2):
            assert np.isnan(source.read(source.header.times, ["x"])[:, 0, 0, 1]).all()
    says = (
        "'x' of `source` (xarray) lacks 3 of 9 values, the first at 2000-01-01T00 (values: interpolate); 3 stay missing"
    )
    assert caplog.messages == [says]
    assert not np.isnan(Missing(source=choice, values="nearest-node").read(source.header.times, ["x"])).any()
    nothing = with_holes(tmp_path / "y.nc", [[NAN] * 3] * 2)
    assert np.isnan(Missing(source=nothing, values="nearest-node").read(source.header.times[:2], ["x"])).all()


@carries_out(
    "fill them, for example with `values: nearest-node`, or keep them with `keep`",
    "write for example `values: nearest-node`, or leave `variables` out",
)
def test_single_values_are_kept_refused_or_filled_by_name(tmp_path):
    choice = with_holes(tmp_path / "x.nc", HOLES)
    times = Missing(source=choice).header.times
    np.testing.assert_array_equal(Missing(source=choice).read(times, ["x"])[:, 0, 0], np.array(HOLES))
    refusing = Missing(source=choice, values="error")
    assert (refusing.read(times, ["y"]) == 1).all()
    with pytest.raises(DataError, match=r"'x' of `source` \(xarray\) lacks 6 of 15 values, the first at 2000-01-01T06"):
        refusing.read(times, ["x"])
    with pytest.raises(DataError, match="`variables` is about the single values that `values` fills"):
        Missing(source=choice, variables=["x"])
    assert np.isnan(Missing(source=choice, values="mean", variables=["y"]).read(times, ["x"])).sum() == 6
    assert not np.isnan(Missing(source=choice, values="nearest-node", variables=["x"]).read(times, ["x"])).any()


def test_whole_times_are_filled_from_values_that_are_filled(tmp_path):
    choice = with_holes(tmp_path / "x.nc", [[1, 2, 3], [NAN, 4, 5], [0, 0, 0], [3, 6, 7]])
    gap = PluginChoice(plugin="subset", start="2000-01-01T06", frequency="12h", source=choice.model_dump())
    source = Missing(source=gap, policy="mean", frequency="6h", values="nearest-node")
    found = source.read(source.header.times, ["x"])[:, 0, 0]
    np.testing.assert_allclose(found, [[4, 4, 5], [3.5, 5, 6], [3, 6, 7]])
