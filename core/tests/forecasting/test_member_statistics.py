"""Statistics in place of members, against NumPy over the members that another output stores."""

from pathlib import Path

import numpy as np
import pytest
from wxml import ConfigError, ForecastHeader, Grid, Variable, VariableRoles
from wxml.artefacts.source_changes import read_changes
from wxml.config.output_schema import OutputConfig
from wxml.data.fields import Fields
from wxml.forecasting.cf_names import cf_attributes
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.forecasting.view import view_of

LEAD = np.timedelta64(21600, "s")
HEADER = ForecastHeader(
    Grid.unstructured([0.0, 10.0], [0.0, 10.0]),
    (Variable("t", units="degC", standard_name="air_temperature"), Variable("msl"), Variable("msl_spread")),
    np.array(["2000-01-01"], "datetime64[s]"),
    np.array([LEAD]),
    4,
    {},
)
VALUES = np.array([[[1, 5], [0, 0], [9, 9]], [[2, 5], [0, 4], [9, 9]], [[3, 5], [0, np.nan], [9, 9]],
                   [[10, 5], [8, 0], [9, 9]]], "f4")  # fmt: skip
FIELDS = Fields(HEADER.initial_times[0] + LEAD, ("t", "msl", "msl_spread"), VALUES)


def written(**output: object) -> tuple[ForecastHeader, Fields]:
    config = OutputConfig.model_validate({"path": "f.zarr", **output})
    view = view_of(config, HEADER, VariableRoles(("t", "msl")), "forecast.outputs.0")
    fields = view.fields(FIELDS, LEAD)
    assert fields is not None
    assert view.header(HEADER).place(fields, LEAD) == (0, 0)
    return view.header(HEADER), fields


def test_statistics_by_hand() -> None:
    """1, 2, 3, 10: mean 4, variance (9 + 4 + 1 + 36) / 3, quantile 0.5 2.5, and 0.9 is 3 + 0.7 · 7."""
    header, fields = written(members=["mean", "std", "quantiles"], quantiles=[0.5, 0.9])
    assert header.members == 1
    assert fields.variables == ("t", "msl", "t_std", "msl_std", "t_q50", "msl_q50", "t_q90", "msl_q90")
    assert fields["t"].tolist() == [[4, 5]]
    np.testing.assert_allclose(fields["t_std"], [[(50 / 3) ** 0.5, 0]], rtol=1e-6)
    np.testing.assert_allclose(fields["t_q50"], [[2.5, 5]])
    np.testing.assert_allclose(fields["t_q90"], [[7.9, 5]], rtol=1e-6)
    np.testing.assert_array_equal(fields["msl"], [[2, np.nan]])  # one member has no value at the second node
    np.testing.assert_array_equal(np.isnan(fields["msl_q90"]), [[False, True]])


def test_the_file_says_which_statistic_it_is() -> None:
    header, _ = written(members=["mean", "std", "quantiles"], quantiles=[0.025], variables={"select": ["t"]})
    mean, std, quantile = map(cf_attributes, header.variables)
    assert (mean["member_statistic"], mean["cell_methods"]) == ("mean of 4 members", "number: mean")
    assert (std["units"], mean["units"]) == ("K", "degC")
    assert std["cell_methods"] == "number: standard_deviation"
    assert header.variables[2].name == "t_q2.5"
    assert quantile["long_name"] == "temperature, quantile 0.025 of 4 members"
    assert "cell_methods" not in quantile


NOISE = {"model.noise": {"channels": 3}, "model.processor": {"plugin": "conditioned"}}


def request(path: Path, folder: Path, members: int | None) -> ForecastRequest:
    outputs = f"forecast.outputs=[{{path: {folder}/m.npz, members: [mean, std, quantiles]}}]"
    changed = read_changes(path, [outputs], ("data.source", "forecast"))
    return ForecastRequest(path, folder / "all.npz", start="2000-01-11", changed=changed, members=members)


@pytest.mark.carries_out("leave `members` of the output out, or forecast several, as with --members 10")
def test_one_member_has_no_statistics(checkpoint, tmp_path) -> None:
    path = checkpoint(NOISE)
    with pytest.raises(ConfigError, match=r"needs several, and the forecast has one \(forecast\.outputs\.0\.members\)"):
        forecast(request(path, tmp_path, None))
    forecast(request(path, tmp_path, 10))
    with np.load(tmp_path / "m.npz") as found:
        assert found["t"].shape[2] == 1


def test_statistics_of_an_ensemble_equal_those_of_its_stored_members(checkpoint, tmp_path) -> None:
    """The model is persistence, so the two members of the source differ."""
    path = checkpoint({**NOISE, "data.source": {"plugin": "waves", "members": 2}})
    forecast(request(path, tmp_path, 10))
    with np.load(tmp_path / "all.npz") as members, np.load(tmp_path / "m.npz") as found:
        for name in ("t", "q"):
            values = members[name].astype(np.float64)
            assert values.shape[2] == 20
            assert values.std(axis=2).max() > 0
            np.testing.assert_allclose(found[name], values.mean(2, keepdims=True), rtol=1e-6)
            np.testing.assert_allclose(found[f"{name}_std"], values.std(2, ddof=1, keepdims=True), rtol=1e-5, atol=1e-9)
            np.testing.assert_allclose(found[f"{name}_q90"], np.quantile(values, 0.9, 2, keepdims=True), rtol=1e-6)
