"""Filters of states; the model is persistence, so every number is known."""

import numpy as np
import pytest
from wxml import ConfigError, ContractError, DataError, Fields, FilterSpace, Grid, StateFilter, Variable
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.config.state_filters import FilterChain
from wxml.forecasting.filters import filtered_fields
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves, tiny_grid

START = "2000-01-11T00"


@pytest.fixture
def values(checkpoint, tmp_path):
    """The forecast of t over 18 h with some filters, shape `[time, lead_time, node]`, and what persistence is."""
    path, waves = checkpoint(), TravellingWaves()

    def values(*filters: str) -> np.ndarray:
        changed = read_changes(path, [f"forecast.filters=[{', '.join(filters)}]"], ("forecast",))
        request = {"start": START, "end": "2000-01-11T12", "every": "12h", "lead_time": "18h", "changed": changed}
        output = tmp_path / "f.npz"
        forecast(ForecastRequest(path, output, overwrite=True, **request))
        with np.load(output) as file:
            return file["t"][:, :, 0] - np.array([waves.wave("t", 240.0 + hours, 0) for hours in (0, 12)])[:, None]

    return values


def test_a_step_feeds_back_what_the_filter_makes(values) -> None:
    """Node 0 gets 1 in each of three steps, node 1 in two, node 2 in one; each initial time counts for itself."""
    expected = np.zeros((2, 3, 48))
    expected[:, :, :3] = [[1, 0, 0], [2, 1, 0], [3, 2, 1]]
    np.testing.assert_allclose(values("{plugin: running, where: step}"), expected, atol=2e-3)


def test_what_comes_out_feeds_nothing_back(values) -> None:
    expected = np.zeros((2, 3, 48))
    expected[:, :, :3] = [[1, 0, 0], [1, 1, 0], [1, 1, 1]]
    np.testing.assert_allclose(values("{plugin: running}"), expected, atol=2e-3)


def test_a_filter_of_the_input_changes_each_state(values) -> None:
    """Every state that is read is the first one of its filter."""
    found = values("{plugin: running, where: input}")
    np.testing.assert_allclose(found[:, 0, 0], 1, atol=2e-3)
    np.testing.assert_allclose(found[:, :, 1:], 0, atol=2e-3)


@pytest.mark.carries_out("write `where: output`")
def test_what_cannot_be_fed_back_is_refused(values) -> None:
    with pytest.raises(ConfigError, match="changes names, units or nodes"):
        values("{plugin: kelvin, where: step}")
    with pytest.raises(DataError, match="takes values away at 2000-01-11T06"):
        values("{plugin: lose, where: step}")
    assert np.isnan(values("{plugin: kelvin, where: output}", "{plugin: lose, where: output}")[:, :, 0]).all()


def test_the_lock_of_a_forecast_has_its_filters(values, tmp_path) -> None:
    values("{plugin: lose}")
    kinds = [one["kind"] for one in read_provenance(tmp_path / "f.npz").plugins]
    assert "state-filter" in kinds


def test_a_filter_that_gives_another_shape_is_told_so() -> None:
    class Short(StateFilter):
        def _apply(self, values, valid_time, lead_time):
            return values[:, 1:]

    made = Short(FilterSpace(tiny_grid(), (Variable("t"), Variable("q")), np.timedelta64(6, "h")))
    with pytest.raises(ContractError, match=r"shape \[1, 1, 48\], and must give .* \[1, 2, 48\]"):
        made.apply(np.zeros((1, 2, 48), np.float32), np.datetime64(START, "s"))


def test_standard_deviations_follow_their_variables(checkpoint, tmp_path) -> None:
    """A filter of other units, one that adds a number, one that takes a value away: σ changes with the last alone."""
    path = checkpoint({"model.spread": {}})
    written = {}
    for name, filters in (("plain", ""), ("filtered", "{plugin: kelvin}, {plugin: running}, {plugin: lose}")):
        changed = read_changes(path, [f"forecast.filters=[{filters}]"], ("forecast",))
        forecast(ForecastRequest(path, tmp_path / f"{name}.npz", start=START, spread=True, changed=changed))
        with np.load(tmp_path / f"{name}.npz") as file:
            written[name] = {one: file[one] for one in file}
    plain, filtered = written["plain"], written["filtered"]
    assert set(plain) == set(filtered)
    np.testing.assert_array_equal(filtered["q_spread"], plain["q_spread"])
    np.testing.assert_array_equal(filtered["t_spread"][..., 1:], plain["t_spread"][..., 1:])
    assert np.isnan(filtered["t_spread"][..., 0]).all()


class Coarse(StateFilter):
    """Every second node, with a further variable."""

    places = ("output",)

    def __init__(self, space: FilterSpace) -> None:
        super().__init__(space)
        old = space.grid
        self.grid = Grid.unstructured(old.latitudes[::2], old.longitudes[::2])
        self.variables = (*space.variables, Variable("both"))

    def moved(self, fields):
        return fields[..., ::2]

    def _apply(self, values, valid_time, lead_time):
        return np.concatenate([values, values.sum(axis=1, keepdims=True)], axis=1)[..., ::2]


def test_the_grid_and_the_boundary_follow_a_filter() -> None:
    """A mask at nodes 0 to 4 is one at the first three of every second node; a new variable has no deviation."""
    variables = (Variable("t"), Variable("q"))
    space = FilterSpace(tiny_grid(), variables, np.timedelta64(6, "h"))
    made = Coarse(space)
    chain = FilterChain((), (made,), made.variables, made.grid, dict(made.deviations))
    assert np.flatnonzero(chain.moved(np.arange(48) < 5)).tolist() == [0, 1, 2]
    means = np.arange(2 * 48, dtype=np.float32).reshape(1, 2, 48)
    lead = np.timedelta64(6 * 3600, "s")
    fields = Fields(np.datetime64(START, "s") + lead, ("t", "q", "t_spread", "q_spread"), np.tile(means, (1, 2, 1)))
    ((_, found),) = filtered_fields(chain, [(lead, fields)], lead, spread=True)
    assert found.variables == ("t", "q", "both", "t_spread", "q_spread")
    np.testing.assert_array_equal(found.values[:, :2], means[..., ::2])
    np.testing.assert_array_equal(found.values[:, 3:], means[..., ::2])
