"""What an output has of a forecast: variables and lead times."""

import numpy as np
import pytest
from wxml import ConfigError, ForecastHeader, Grid, Variable, VariableRoles
from wxml.config.output_schema import OutputConfig, VariableKeys
from wxml.data.fields import Fields
from wxml.errors import DataError
from wxml.forecasting.view import view_of

HOUR = np.timedelta64(3600, "s")
VARIABLES = (
    Variable("t_850", param="t", level=850, level_type="isobaric"),
    Variable("t_500", param="t", level=500, level_type="isobaric"),
    Variable("t_850_spread", param="t_spread", level=850, level_type="isobaric"),
    Variable("msl", level_type="meanSea"),
    Variable("tp"),
)
HEADER = ForecastHeader(
    Grid.regular([10.0, 0.0], [0.0, 10.0, 20.0]),
    VARIABLES,
    np.array(["2000-01-01"], "datetime64[s]"),
    np.arange(1, 5) * 6 * HOUR,
    2,
    {},
)
ROLES = VariableRoles(("t_850", "t_500", "msl"), (), ("tp",))
NAMES = tuple(one.name for one in VARIABLES)
FIELDS = Fields(HEADER.initial_times[0] + 6 * HOUR, NAMES, np.arange(60, dtype="f4").reshape(2, 5, 6))


def view(**output: object):
    return view_of(OutputConfig.model_validate({"path": "f.zarr", **output}), HEADER, ROLES, "forecast.outputs.0")


def names(**choice: object) -> list[str]:
    return [one.name for one in view(variables=choice).header(HEADER).variables]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({}, NAMES),
        ({"select": ["t_*"]}, ("t_850", "t_500", "t_850_spread")),
        ({"select": ["msl", "t_850"]}, ("t_850", "t_850_spread", "msl")),
        ({"select": ["t_850"], "drop": ["*_spread"]}, ("t_850",)),
        ({"select": [{"param": "t", "level": 500}]}, ("t_500",)),
        ({"select": [{"level": [500, 1000]}, {"role": "diagnostic"}]}, ("t_500", "tp")),
        ({"drop": [{"level_type": "isobaric"}]}, ("msl", "tp")),
        ({"select": [{"param": "t"}]}, ("t_850", "t_500", "t_850_spread")),
    ],
)
def test_variables_are_chosen_by_pattern_or_by_what_the_data_say(choice, expected) -> None:
    assert tuple(names(**choice)) == expected
    written = view(variables=choice).fields(FIELDS, 6 * HOUR)
    assert written.variables == expected
    for name in expected:
        np.testing.assert_array_equal(written[name], FIELDS[name])


def test_a_choice_that_fits_nothing_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"no variable fits 't_85' \(forecast\.outputs\.0\.variables\.select\.0\)"
    ) as e:
        names(select=["t_85"])
    assert "did you mean 't_850'" in e.value.fix
    with pytest.raises(ConfigError, match=r"no variable fits .*'level': 10"):
        names(drop=[{"level": 10}])


@pytest.mark.carries_out("drop fewer, or leave the output out")
def test_nothing_to_write_is_refused() -> None:
    with pytest.raises(ConfigError, match="leaves no variable to write"):
        names(select=["tp"], drop=["*"])
    assert names(select=["tp"], drop=["msl"]) == ["tp"]


@pytest.mark.parametrize(
    ("times", "expected"),
    [({}, [6, 12, 18, 24]), ({"every": "12h"}, [12, 24]), ({"steps": [1, 4]}, [6, 24]),
     ({"every": "12h", "steps": [1, 2]}, [12])],
)  # fmt: skip
def test_lead_times_are_chosen(times, expected) -> None:
    chosen = view(**times)
    assert (chosen.header(HEADER).lead_times / HOUR).tolist() == expected
    assert [hours for hours in (6, 12, 18, 24) if chosen.fields(FIELDS, hours * HOUR) is not None] == expected


@pytest.mark.carries_out("write a multiple of {}, such as that", "name steps from 1 to {}")
def test_lead_times_that_there_are_not_are_refused() -> None:
    with pytest.raises(ConfigError, match="no lead time is a multiple of it") as caught:
        view(every="5h")
    assert caught.value.fix == "write a multiple of 6h, such as that"
    assert len(view(every="6h").header(HEADER).lead_times) == 4
    with pytest.raises(ConfigError, match="the forecast has 4 steps, got 5"):
        view(steps=[5])
    assert len(view(steps=[4]).header(HEADER).lead_times) == 1


@pytest.mark.carries_out("write one, such as `param: t`")
def test_empty_keys_are_refused() -> None:
    with pytest.raises((DataError, ValueError), match="keys of variables must not be empty"):
        VariableKeys.model_validate({})
    assert VariableKeys.model_validate({"param": "t"}).param == "t"


def test_variables_and_region_go_together() -> None:
    chosen = view(variables={"select": ["msl"]}, region={"box": {"west": 5, "east": 20}})
    assert chosen.header(HEADER).grid.shape == (2, 2)
    np.testing.assert_array_equal(chosen.fields(FIELDS, 6 * HOUR).values, FIELDS.values[:, 3:4][..., [1, 2, 4, 5]])
