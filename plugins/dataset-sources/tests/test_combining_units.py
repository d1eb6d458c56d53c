"""Where two sources meet, the values of both are in the units of the first; what cannot be converted is refused."""

import logging

import numpy as np
import pytest
from wxml import PluginChoice
from wxml.data.units import conversion
from wxml.errors import DataError
from wxml_dataset_sources.combining.concat import Concat
from wxml_dataset_sources.combining.cutout import Cutout
from wxml_dataset_sources.combining.ensemble import Ensemble
from wxml_dataset_sources.combining.grids import Grids
from wxml_dataset_sources.combining.merge import Merge

REGION = {"latitudes": tuple(np.arange(50.0, 29, -5)), "longitudes": tuple(np.arange(-10.0, 31, 5))}
COARSE = {"latitudes": tuple(np.arange(80.0, -81, -20)), "longitudes": tuple(np.arange(0.0, 360, 20))}
KINDS = {
    Concat: ({}, {"start": "2000-01-02"}),
    Merge: ({"step": 12}, {"start": "2000-01-01T06", "step": 12}),
    Ensemble: ({}, {}),
    Cutout: (REGION, COARSE),
    Grids: (REGION, REGION | {"latitudes": (-50.0, -60.0)}),
}


def meeting(kind, world, units, other):
    """Two parts with other units of one variable; the other variable stays."""
    return [world({"t": one, "z": "m"}, **part).choice for one, part in zip((units, other), KINDS[kind], strict=True)]


def converted(choice: PluginChoice, units: str) -> PluginChoice:
    return PluginChoice.model_validate({"plugin": "convert", "source": choice.model_dump(), "units": {"t": units}})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("units", "other"), [("K", "degC"), ("degF", "K"), ("Pa", "hPa"), ("%", "(0 - 1)")])
@pytest.mark.parametrize("turned", [False, True])
def test_the_units_of_the_first_are_those_of_all(world, everything, kind, units, other, turned, caplog) -> None:
    parts = meeting(kind, world, units, units)
    expected = everything(kind(sources=parts))
    first, second = (other, units) if turned else (units, other)
    changed = [
        converted(part, other) if is_other else part for part, is_other in zip(parts, (turned, not turned), strict=True)
    ]
    with caplog.at_level(logging.INFO, "wxml"):
        source = kind(sources=changed)
    assert [variable.units for variable in source.header.variables] == [first, "m"]
    told = f"has 't' in {second!r}; it is converted to {first!r}, as in `sources.0`"
    assert [told in message for message in caplog.messages].count(True) == 1
    found = everything(source)
    np.testing.assert_array_equal(found["z"], expected["z"])
    line = conversion(units, first)
    np.testing.assert_allclose(found["t"], expected["t"] * line.scale + line.offset, rtol=3e-6, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("units", "other"), [("m2 s-2", "m"), ("mm", "kg m-2"), ("J m-2", "W m-2"), ("K", "furlongs")])
def test_another_quantity_is_refused_with_both_sides(world, kind, units, other) -> None:
    expected = rf"`sources\.0` \(xarray\) has 't' in '{units}', and `sources\.1` \(xarray\) has it in '{other}'"
    with pytest.raises(DataError, match=expected):
        kind(sources=meeting(kind, world, units, other))


@pytest.mark.parametrize("kind", KINDS)
def test_other_spellings_are_the_same_without_a_word(world, kind, caplog) -> None:
    caplog.set_level(logging.INFO, "wxml")
    kind(sources=meeting(kind, world, "m**2 s**-2", "m2/s2"))
    assert "units" not in caplog.text
    assert "converted" not in caplog.text
