"""Standard names, against entries of the CF standard name table looked up by hand."""

import pytest
from wxml import Variable
from wxml.forecasting.cf_names import QUANTITIES, cf_attributes


@pytest.mark.parametrize(
    ("param", "units", "standard_name"),
    [
        ("t", "K", "air_temperature"),
        ("air", "degK", "air_temperature"),
        ("2t", "K", "air_temperature"),
        ("t2m", "degC", "air_temperature"),
        ("2d", "K", "dew_point_temperature"),
        ("u", "m s**-1", "eastward_wind"),
        ("V", "m/s", "northward_wind"),
        ("10u", "m s-1", "eastward_wind"),
        ("v10", "m s**-1", "northward_wind"),
        ("w", "Pa s**-1", "lagrangian_tendency_of_air_pressure"),
        ("w", "m s**-1", "upward_air_velocity"),
        ("z", "m**2 s**-2", "geopotential"),
        ("z", "m2 s-2", "geopotential"),
        ("z", "gpm", "geopotential_height"),
        ("q", "kg kg**-1", "specific_humidity"),
        ("r", "%", "relative_humidity"),
        ("sp", "Pa", "surface_air_pressure"),
        ("msl", "Pa", "air_pressure_at_mean_sea_level"),
        ("Psl", "hPa", "air_pressure_at_mean_sea_level"),
        ("tp", "m", "lwe_thickness_of_precipitation_amount"),
        ("tp", "kg m^-2", "precipitation_amount"),
    ],
)
def test_standard_names(param, units, standard_name) -> None:
    assert cf_attributes(Variable("name", param=param, units=units))["standard_name"] == standard_name


@pytest.mark.parametrize(("param", "units"), [("t", "Pa"), ("z", ""), ("q", "m s-1"), ("vorticity", "s-1")])
def test_no_standard_name_where_the_units_or_the_short_name_do_not_fit(param, units) -> None:
    attributes = cf_attributes(Variable("name", param=param, units=units))
    assert "standard_name" not in attributes
    assert attributes["long_name"] == attributes["param"] == param


def test_heights_that_the_short_name_fixes() -> None:
    wind = cf_attributes(Variable("10u", units="m s-1"))
    assert (wind["height"], wind["height_units"], wind["long_name"]) == (10.0, "m", "10 metre eastward wind")
    assert "level" not in wind
    assert "height" not in cf_attributes(Variable("msl", units="Pa"))


def test_what_the_source_says_goes_before_the_table() -> None:
    low = cf_attributes(Variable("t2m", units="K", standard_name="surface_temperature", height="150 cm"))
    assert (low["standard_name"], low["height"], low["height_units"]) == ("surface_temperature", 150.0, "cm")


def test_a_level_is_named_in_the_long_name() -> None:
    attributes = cf_attributes(Variable("u_0.995", param="u", level=0.995, units="m s-1"))
    assert attributes["long_name"] == "eastward wind at level 0.995"
    assert attributes["level"] == 0.995


def test_no_short_name_means_two_things_in_the_same_units() -> None:
    keys = [(name, unit) for row in QUANTITIES for name in row.short_names for unit in row.units]
    assert len(keys) == len(set(keys))
