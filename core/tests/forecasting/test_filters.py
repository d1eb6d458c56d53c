"""Filters of states; the model is persistence, so every number is known."""

import numpy as np
import pytest
from wxml import ConfigError, ContractError, DataError, FilterSpace, StateFilter, Variable
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
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
    with pytest.raises(ConfigError, match="changes names or units"):
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
