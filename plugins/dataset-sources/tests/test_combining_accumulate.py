"""Sums over each step, from totals that run on."""

import logging

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.accumulate import UNLESS_SIGNED, Accumulate

carries_out = pytest.mark.carries_out
RAIN = np.array([3.0, 0.0, 5.0, 1.0, 2.0, 4.0, 0.0, 6.0], "f4")
"""Of the eight steps of 6 hours that end at 6, 12, … hours."""


def of_totals(path, totals, hours=range(6, 49, 6)) -> PluginChoice:
    """A source with totals `tp`, and `t`, which is the hour."""
    hours = np.array(hours)
    coordinates = {
        "time": np.datetime64("2000-01-01", "ns") + hours * np.timedelta64(1, "h"),
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    series = (("tp", totals), ("t", hours))
    fields = {name: np.tile(np.asarray(each, "f4")[:, None, None], (1, 2, 2)) for name, each in series}
    variables = {name: (tuple(coordinates), field, {"units": "mm"}) for name, field in fields.items()}
    xr.Dataset(variables, coordinates).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


def test_a_total_from_the_start_on(tmp_path, everything):
    source = Accumulate(source=of_totals(tmp_path / "x.nc", RAIN.cumsum()), variables=["tp"], start="2000-01-01")
    found = everything(source)
    np.testing.assert_array_equal(found["tp"][:, 0, 0], RAIN)
    np.testing.assert_array_equal(found["t"][:, 0, 0], range(6, 49, 6))
    tp = source.header.variables[0]
    assert (tp.step_type, tp.period, tp.units) == ("accum", "6h", "mm")


def test_totals_that_begin_again_each_day(tmp_path, everything):
    totals = np.concatenate([RAIN[:4].cumsum(), RAIN[4:].cumsum()])
    choice = of_totals(tmp_path / "x.nc", totals)
    source = Accumulate(source=choice, variables=["tp"], start="2000-01-01", restart="24h")
    np.testing.assert_array_equal(everything(source)["tp"][:, 0, 0], RAIN)
    mixed = source.read(source.header.times[[5, 4, 4, 0]], ["t", "tp"])[:, 0, :, 0]
    np.testing.assert_array_equal(mixed, [[36, 4], [30, 2], [30, 2], [6, 3]])


def test_times_without_a_sum_are_left_out(tmp_path, everything):
    kept = [1, 2, 4, 5, 7]  # 12, 18, 30, 36, 48 hours
    totals = np.concatenate([RAIN[:4].cumsum(), RAIN[4:].cumsum()])[kept]
    choice = of_totals(tmp_path / "x.nc", totals, [6 * (index + 1) for index in kept])
    source = Accumulate(source=choice, variables=["tp"], start="2000-01-01", restart="24h")
    found = everything(source)
    np.testing.assert_array_equal(found["t"][:, 0, 0], [18, 30, 36])
    np.testing.assert_array_equal(found["tp"][:, 0, 0], [5, 2, 4])
    late = Accumulate(source=choice, variables=["tp"], start="2000-01-02")
    np.testing.assert_array_equal(everything(late)["t"][:, 0, 0], [30, 36])


def test_totals_that_fall(tmp_path, everything, caplog):
    choice = of_totals(tmp_path / "x.nc", [1.0, 3.0, 2.5, 4.0], [6, 12, 18, 24])
    options = {"source": choice, "variables": ["tp"], "start": "2000-01-01"}
    kept, clipped = Accumulate(**options), Accumulate(**options, not_negative=True)
    with caplog.at_level(logging.WARNING, "wxml"):
        for _ in range(2):
            np.testing.assert_array_equal(everything(kept)["tp"][:, 0, 0], [1, 2, -0.5, 1.5])
            np.testing.assert_array_equal(everything(clipped)["tp"][:, 0, 0], [1, 2, 0, 1.5])
    says = "4 of 16 sums of 'tp' of `source` (xarray) are negative, down to -0.5: "
    assert caplog.messages == [f"{says}{UNLESS_SIGNED}", f"{says}they count as 0 (not_negative)"]


@carries_out("choose a multiple of {}")
def test_a_restart_between_two_times(tmp_path):
    choice = of_totals(tmp_path / "x.nc", RAIN.cumsum())
    with pytest.raises(DataError, match=r"`restart` is 15h, and the times of `source` \(xarray\) are 6h apart"):
        Accumulate(source=choice, variables=["tp"], start="2000-01-01", restart="15h")
    assert len(Accumulate(source=choice, variables=["tp"], start="2000-01-01", restart="12h").header.times) == 8


@carries_out("take it as it is, or sum it with `rolling`; if the source is wrong, write `assume: true`")
def test_sums_and_means_are_no_totals_that_run_on(tmp_path, everything):
    choice = of_totals(tmp_path / "x.nc", RAIN)
    rolled = PluginChoice(plugin="rolling", window="6h", method="sum", variables=["tp"], source=choice.model_dump())
    options = {"source": rolled, "variables": ["tp"], "start": "2000-01-01"}
    with pytest.raises(DataError, match=r"'tp' of `source` \(rolling\) is accum 6h, and no total that runs on"):
        Accumulate(**options)
    assumed = everything(Accumulate(**options, assume=True))["tp"][:, 0, 0]
    np.testing.assert_array_equal(assumed, np.diff(RAIN, prepend=0))


def test_a_wrong_start_is_told_and_corrected_by_the_right_one(tmp_path, everything, caplog):
    choice = of_totals(tmp_path / "x.nc", np.concatenate([RAIN[:4].cumsum(), RAIN[4:].cumsum()]))
    wrong = Accumulate(source=choice, variables=["tp"], start="2000-01-01T12", restart="24h")
    right = Accumulate(source=choice, variables=["tp"], start="2000-01-01", restart="24h")
    assert (everything(wrong)["tp"] < 0).any()
    assert "correct `start` and `restart`" in caplog.text
    np.testing.assert_array_equal(everything(right)["tp"][:, 0, 0], RAIN)
