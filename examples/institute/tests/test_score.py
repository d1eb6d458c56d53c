"""What every verification metric must do, and what only this one does."""

import numpy as np
import pytest
from wxml import Grid, Variable, VerificationSpace, VerifiedFields
from wxml.testing import VerificationMetricContract

from acme_weather.frost import Frost


class TestFrost(VerificationMetricContract):
    plugin = Frost


@pytest.mark.parametrize(
    ("forecast", "truth", "rate"),
    [
        ([270.0, 270.0, 280.0, 280.0], [270.0, 270.0, 270.0, 280.0], 2 / 3),
        ([270.0, np.nan, 280.0, 280.0], [270.0, 270.0, 270.0, np.nan], 1 / 2),
        ([270.0, 280.0, 280.0, 280.0], [280.0, 280.0, 280.0, 280.0], np.nan),
    ],
)
def test_the_hit_rate_by_hand(forecast: list[float], truth: list[float], rate: float) -> None:
    """Four nodes of equal area: hits over hits and misses; what is missing on either side counts in neither."""
    grid = Grid.unstructured([0.0] * 4, [0.0, 90.0, 180.0, 270.0])
    space = VerificationSpace((Variable("t", units="K"),), grid, {"all": grid.area_weights}, members=1)
    fields = VerifiedFields(
        {"t": np.array([[forecast]])},
        {"t": np.array([truth])},
        {},
        grid.area_weights[None],
        np.datetime64("2001-01-01"),
        np.array([6], "timedelta64[h]"),
    )
    metric = Frost(space)
    found = metric.value(metric.statistics(metric.subjects[0], fields))
    np.testing.assert_allclose(found, [[rate]])


def test_winds_know_no_frost() -> None:
    grid = Grid.unstructured([0.0, 0.0], [0.0, 180.0])
    variables = (Variable("u", units="m s-1"), Variable("t", units="K"))
    space = VerificationSpace(variables, grid, {"all": grid.area_weights}, members=1)
    assert [one.name for one in Frost(space).subjects] == ["t"]
