"""A comparison says who is better, by how much, and whether that is sure, in every direction of a score."""

import numpy as np
import pytest
from wxml_verification.comparison import Comparison, judged

# own score, other score, direction, relative gain
CASES = [
    (0.9, 1.0, "smaller", 0.1),
    (0.9, 0.75, "larger", 0.2),
    (-0.5, 1.0, "nearer to zero", 0.5),
    (1.1, 0.8, "nearer to one", 0.5),
    (1.25, 0.5, "nearer to one", 0.5),
    (3.0, 1.0, "neither", 0.0),
]


def comparison(own, other, better, p):
    """Of one score."""
    values = [np.full((1, 1, 1, 1, 1), float(one)) for one in (own, other)]
    difference = judged(values[0], better) - judged(values[1], better)
    return Comparison(
        "forecast",
        ("old",),
        ("score",),
        (better,),
        (True,),
        ("t",),
        ("K",),
        1,
        np.array([6], "timedelta64[h]"),
        ("all",),
        *values,
        difference,
        difference - 1,
        difference + 1,
        np.full(difference.shape, p),
        np.full(difference.shape, p),
        np.full(difference.shape, 9),
        "hac",
    )


@pytest.mark.parametrize(("own", "other", "better", "expected"), CASES)
def test_a_gain_is_positive_where_the_forecast_is_better(own, other, better, expected) -> None:
    np.testing.assert_allclose(comparison(own, other, better, 0.01).relative.item(), expected, atol=1e-15)
    np.testing.assert_allclose(comparison(other, own, better, 0.01).relative.item() <= 0, True)
    assert comparison(own, other, better, 0.05).verdict.item() == np.sign(expected)
    assert comparison(other, own, better, 0.05).verdict.item() == -np.sign(expected)
    assert comparison(own, other, better, 0.051).verdict.item() == 0
    assert comparison(own, other, better, np.nan).verdict.item() == 0
