"""Windows, times between times, and what comes again and again."""

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.interpolate_times import InterpolateTimes
from wxml_dataset_sources.combining.repeated import Repeated
from wxml_dataset_sources.combining.rolling import Rolling

carries_out = pytest.mark.carries_out
DAY = np.datetime64("2000-01-01", "s")
HOUR = np.timedelta64(1, "h")


def hours(source) -> list[int]:
    return [int((time - DAY) / HOUR) for time in source.header.times]


def of_rain(path, hours, period) -> PluginChoice:
    """A source of rain over periods of so many hours, 1 mm in each, at times `hours`."""
    ends = np.array(hours, "i4")
    coordinates = {
        "time": ("time", ends, {"bounds": "time_bounds", "units": "hours since 2000-01-01"}),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    rain = np.ones((len(hours), 2, 2), "f4")
    variables = {
        "tp": (("time", "latitude", "longitude"), rain, {"units": "mm", "cell_methods": "time: sum"}),
        "t": (("time", "latitude", "longitude"), rain, {"units": "K", "cell_methods": "time: point"}),
        "time_bounds": (("time", "edge"), np.stack([ends - period, ends], axis=1)),
    }
    xr.Dataset(variables, coordinates).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


@pytest.mark.parametrize(("method", "step_type"), [("mean", "avg"), ("sum", "accum"), ("min", "min"), ("max", "max")])
def test_windows_of_three_times(world, everything, method, step_type):
    one = world("t z", count=6)
    source = Rolling(source=one.choice, window="18h", method=method, variables=["t"])
    assert hours(source) == [12, 18, 24, 30]
    windows = np.stack([one.values["t"][start : start + 3] for start in range(4)]).astype("f8")
    found = everything(source)
    np.testing.assert_allclose(found["t"], getattr(np, method)(windows, axis=1), rtol=1e-7)
    np.testing.assert_array_equal(found["z"], one.values["z"][2:])
    t, z = source.header.variables
    assert (t.step_type, t.period, t.units) == (step_type, "18h", "K")
    assert (z.step_type, z.period) == ("", "")


def test_windows_do_not_reach_across_a_gap(world):
    both = [world("t", start, count=3).choice.model_dump() for start in ("2000-01-01", "2000-01-02")]
    source = Rolling(source=PluginChoice(plugin="concat", sources=both), window="12h")
    assert hours(source) == [6, 12, 30, 36]


@carries_out("choose a multiple of {}")
def test_a_window_that_is_no_multiple_of_the_step(world):
    with pytest.raises(DataError, match=r"`window` is 15h, and the times of `source` \(xarray\) are 6h apart"):
        Rolling(source=world("t").choice, window="15h")
    assert hours(Rolling(source=world("t").choice, window="12h")) == [6, 12, 18]


@carries_out("choose times {} apart, with `subset` and its option `frequency`")
def test_rain_of_a_day_from_rain_of_six_hours(tmp_path, everything):
    choice = of_rain(tmp_path / "every_6_hours.nc", range(6, 49, 6), 6)
    source = Rolling(source=choice, window="24h", method="sum", variables=["tp"])
    assert hours(source) == [24, 30, 36, 42, 48]
    assert (everything(source)["tp"] == 4.0).all()
    assert (source.header.variables[0].step_type, source.header.variables[0].period) == ("accum", "24h")
    overlapping = of_rain(tmp_path / "every_3_hours.nc", range(6, 49, 3), 6)
    with pytest.raises(DataError, match=r"'tp' of `source` \(xarray\) is over periods of 6h, and its times are 3h"):
        Rolling(source=overlapping, window="24h", method="sum", variables=["tp"])
    apart = PluginChoice(plugin="subset", frequency="6h", source=overlapping.model_dump())
    assert (everything(Rolling(source=apart, window="24h", method="sum", variables=["tp"]))["tp"] == 4.0).all()


def test_a_time_between_is_on_the_line_between_both(world, everything):
    one = world("t z", count=3)
    source = InterpolateTimes(source=one.choice, frequency="2h")
    assert hours(source) == list(range(0, 13, 2))
    values = one.values["t"].astype("f8")
    expected = np.stack([np.interp(np.arange(0, 13, 2), [0, 6, 12], values[:, 0, node]) for node in range(12)], axis=1)
    np.testing.assert_allclose(everything(source)["t"][:, 0], expected, rtol=1e-6)
    np.testing.assert_array_equal(everything(source)["t"][::3], one.values["t"])


def test_gaps_stay_gaps(world):
    both = [world("t", start, count=2).choice.model_dump() for start in ("2000-01-01", "2000-01-02")]
    source = InterpolateTimes(source=PluginChoice(plugin="concat", sources=both), frequency="3h")
    assert hours(source) == [0, 3, 6, 24, 27, 30]


@carries_out("choose a step that divides {}", "leave it out with `subset` and its option `drop`")
def test_steps_that_do_not_fit_and_periods_are_refused(world, tmp_path):
    with pytest.raises(DataError, match=r"`frequency` is 4h, and the times of `source` \(xarray\) are 6h apart"):
        InterpolateTimes(source=world("t").choice, frequency="4h")
    assert hours(InterpolateTimes(source=world("t", count=2).choice, frequency="3h")) == [0, 3, 6]
    rain = of_rain(tmp_path / "rain.nc", range(6, 25, 6), 6)
    with pytest.raises(DataError, match=r"'tp' of `source` \(xarray\) describes periods \(accum 6h\), and has no"):
        InterpolateTimes(source=rain, frequency="3h")
    dry = PluginChoice(plugin="subset", drop=["tp"], source=rain.model_dump())
    assert len(InterpolateTimes(source=dry, frequency="3h").header.times) == 7


PERIOD = {"start": "2001-01-01", "end": "2001-03-02", "frequency": "12h"}


def test_a_constant_holds_at_all_times_and_for_all_members(world, everything):
    one = world("orog lsm", count=1)
    source = Repeated(source=one.choice, members=3, **PERIOD)
    assert source.header.times[0] == np.datetime64("2001-01-01")
    assert source.header.times[-1] == np.datetime64("2001-03-02T12")
    assert len(source.header.times) == 61 * 2
    for name, values in everything(source).items():
        assert values.shape == (122, 3, 12)
        np.testing.assert_array_equal(values, np.broadcast_to(one.values[name], values.shape))


def of_times(world, times) -> PluginChoice:
    return PluginChoice(plugin="concat", sources=[world("t", time, count=1).choice.model_dump() for time in times])


def test_a_climatology_of_months(world, everything):
    months = [f"1990-{month:02}-15" for month in range(1, 13)]
    source = Repeated(
        source=of_times(world, months), every="month", start="2000-12-30", end="2001-02-01", frequency="1d"
    )
    known = {month: world("t", f"1990-{month:02}-15", count=1).values["t"][0] for month in (12, 1, 2)}
    for time, values in zip(source.header.times, everything(source)["t"], strict=True):
        np.testing.assert_array_equal(values, known[int(str(time)[5:7])])


def test_a_climatology_of_days_and_hours_without_29_february(world, everything):
    days = world("t", "1991-02-27", count=6, step=12)
    source = Repeated(source=days.choice, every="day", start="2004-02-27", end="2004-03-01", frequency="12h")
    found = everything(source)["t"]
    np.testing.assert_array_equal(found, days.values["t"][[0, 1, 2, 3, 2, 3, 4, 5]])


def test_a_climatology_of_days_holds_at_all_hours(world, everything):
    days = world("t", "1991-01-01T12", count=3, step=24)
    source = Repeated(source=days.choice, every="day", start="2004-01-02", end="2004-01-03", frequency="6h")
    np.testing.assert_array_equal(everything(source)["t"], days.values["t"][[1, 1, 1, 1, 2, 2, 2, 2]])


@carries_out(
    "choose times with `subset`, or another `every`",
    "choose `start`, `end` and `frequency` such that it has values for all times",
    "leave `members` out, or choose one of them with `subset` and its option `members`",
    "swap the two",
)
def test_what_cannot_be_repeated(world):
    many = world("t", count=3, step=24)
    with pytest.raises(DataError, match=r"`source` \(xarray\) has 2000-01-01T00 and 2000-01-02T00, and `every"):
        Repeated(source=many.choice, **PERIOD)
    first = PluginChoice(plugin="subset", end="2000-01-01", source=many.choice.model_dump())
    assert len(Repeated(source=first, **PERIOD).header.times) == 122
    with pytest.raises(DataError, match=r"`source` \(xarray\) has nothing for 2001-01-04T00 \(`every: day`\)"):
        Repeated(source=many.choice, every="day", **PERIOD)
    assert len(Repeated(source=many.choice, every="day", **PERIOD | {"end": "2001-01-03"}).header.times) == 6
    ensemble = world("t", count=1, members=2)
    with pytest.raises(DataError, match=r"`members` is 3, and `source` \(xarray\) has 2 members of its own"):
        Repeated(source=ensemble.choice, members=3, **PERIOD)
    assert Repeated(source=ensemble.choice, **PERIOD).header.members == 2
    with pytest.raises(DataError, match="`end` 2000-01-01 is before `start` 2001-01-01"):
        Repeated(source=ensemble.choice, **PERIOD | {"end": "2000-01-01"})
    assert Repeated(source=ensemble.choice, start="2000-01-01", end="2001-01-01", frequency="1d").header.members == 2


def test_the_closest_time_and_of_two_the_earlier_one(world, everything):
    own = world("t", "2000-01-01", count=3, step=12)  # 00, 12, 24 hours
    period = {"start": "1999-12-31T18", "end": "2000-01-03T00", "frequency": "6h"}
    source = Repeated(source=own.choice, every="closest", **period)
    nearest = [0, 0, 0, 1, 1, 2, 2, 2, 2, 2]  # 6 and 18 hours are as near to both
    np.testing.assert_array_equal(everything(source)["t"], own.values["t"][nearest])
    one = Repeated(source=world("t", count=1).choice, every="closest", **period)
    assert len(one.header.times) == 10
