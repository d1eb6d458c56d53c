"""Other units, other scales, and more members."""

import numpy as np
import pytest
import xarray as xr
from wxml import PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.convert import Convert
from wxml_dataset_sources.combining.ensemble import Ensemble
from wxml_dataset_sources.combining.rescale import Rescale, Scaling

carries_out = pytest.mark.carries_out


def of_value(path, units: str, value: float) -> PluginChoice:
    """A source that has one value everywhere, at one time."""
    coordinates = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "latitude": ("latitude", [1.0, 0.0], {"units": "degrees_north"}),
        "longitude": ("longitude", [0.0, 1.0], {"units": "degrees_east"}),
    }
    field = (tuple(coordinates), np.full((1, 2, 2), value, "f4"), {"units": units})
    xr.Dataset({"x": field}, coordinates).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


@pytest.mark.parametrize(
    ("units", "value", "wanted", "expected"),
    [
        ("K", 300.0, "degC", 26.85),
        ("degC", -40.0, "degF", -40.0),
        ("degC", 0.0, "K", 273.15),
        ("m s-1", 10.0, "km h-1", 36.0),
        ("m s**-1", 10.0, "knot", 19.438445),
        ("m/s", 10.0, "m s-1", 10.0),
        ("Pa", 101325.0, "hPa", 1013.25),
        ("hPa", 500.0, "mb", 500.0),
        ("kg kg**-1", 0.012, "g kg-1", 12.0),
        ("(0 - 1)", 0.25, "%", 25.0),
        ("%", 25.0, "1", 0.25),
        ("m**2 s**-2", 98066.5, "J/kg", 98066.5),
        ("kg m-2 s-1", 0.001, "kg m-2 day-1", 86.4),
        ("J m-2", 3600000.0, "kW h m-2", 1.0),
    ],
)
def test_values_in_other_units(tmp_path, units, value, wanted, expected):
    source = Convert(source=of_value(tmp_path / "x.nc", units, value), units={"x": wanted})
    assert source.header.variables[0].units == wanted
    np.testing.assert_allclose(source.read(source.header.times, ["x"]), expected, rtol=1e-6)


def test_only_what_is_named_changes(world, everything):
    one = world({"t": "K", "p": "Pa", "q": "1"})
    source = Convert(source=one.choice, units={"p": "hPa"})
    found = everything(source)
    np.testing.assert_allclose(found["p"], one.values["p"] / 100, rtol=1e-6)
    np.testing.assert_array_equal(found["t"], one.values["t"])
    assert [variable.units for variable in source.header.variables] == ["K", "hPa", "1"]


@pytest.mark.parametrize(
    ("units", "wanted", "says"),
    [
        pytest.param(
            "m",
            "kg m-2",
            "'x' is in 'm', which cannot be converted to 'kg m-2'",
            marks=carries_out(
                "choose units of the same quantity, or multiply with `rescale`, such as by 1000 from m to kg m-2"
            ),
        ),
        pytest.param(
            "K",
            "degrees-ish",
            "`units` of 'x' is 'degrees-ish', which is no known unit",
            marks=carries_out("write it like 'degC', 'm s-1' or 'kg m-2', or multiply with `rescale`"),
        ),
        ("code table 4.2", "1", "'x' is in 'code table 4.2', which is no known unit"),
        pytest.param(
            "",
            "K",
            "'x' states no units, so that it cannot be converted to 'K'",
            marks=carries_out("say what its units are with `rescale`, whose scale is 1 if none is given"),
        ),
    ],
)
def test_what_cannot_be_converted_can_be_rescaled(tmp_path, units, wanted, says):
    choice = of_value(tmp_path / "x.nc", units, 2.0)
    with pytest.raises(DataError, match=f"^{says}"):
        Convert(source=choice, units={"x": wanted})
    source = Rescale(source=choice, variables={"x": Scaling(scale=1000, units="kg m-2")})
    assert source.header.variables[0].units == "kg m-2"
    assert (source.read(source.header.times, ["x"]) == 2000.0).all()


def test_a_scale_and_an_offset_of_all_levels(world, everything):
    one = world("t z")
    variables = {"t": Scaling(scale=2, offset=-3, units="1")}
    found = everything(Rescale(source=one.choice, variables=variables))
    np.testing.assert_allclose(found["t"], 2 * one.values["t"].astype("f8") - 3, rtol=1e-7)
    np.testing.assert_array_equal(found["z"], one.values["z"])


def test_members_of_all_sources_behind_each_other(world, everything):
    first, second = world("t z", members=2), world("z t", latitudes=(-60.0, 0.0, 60.0), longitudes=(180, 270, 0, 90))
    straight = world("t z")
    source = Ensemble(sources=[first.choice, second.choice])
    assert source.header.members == 3
    for name, values in everything(source).items():
        expected = np.concatenate([first.values[name], straight.values[name]], axis=1)
        np.testing.assert_array_equal(values, expected)


def test_ensembles_of_other_times_or_variables_are_refused(world):
    one, later, other = world("t"), world("t", "2000-02-01"), world("z")
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has data for 2000-01-01T00, `sources\.1` \(xarray\)"):
        Ensemble(sources=[one.choice, later.choice])
    with pytest.raises(DataError, match=r"`sources\.0` \(xarray\) has variable 't', `sources\.1` \(xarray\) has"):
        Ensemble(sources=[one.choice, other.choice])
