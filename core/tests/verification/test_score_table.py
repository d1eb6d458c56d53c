"""Scores as text: a table whose every number is known, and JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest
from wxml import DataError, Scores
from wxml.verification.score_table import MOST_COLUMNS, score_table, scores_as_json

HOUR = np.timedelta64(3600, "s")
BETTER, UNITS = ("smaller", "nearer to zero"), ("K", "g kg-1")


def scores(
    values: np.ndarray, lead_times: list[int], forecasts: tuple[str, ...] = ("forecast", "persistence")
) -> Scores:
    """Of t and q; values are `[metric, forecast, variable, lead_time]`, lead times in hours."""
    metrics = ("rmse", "bias")[: len(values)]
    return Scores(
        metrics, forecasts, ("t", "q"), np.array(lead_times) * HOUR, values, ("K", "g kg-1"), 12, BETTER[: len(values)]
    )


VALUES = np.array(
    [
        [[[0.5, 1.25, 2.0], [0.1, 0.2, 0.3]], [[1.0, 1.0, 30000.0], [0.1, np.nan, 0.4]]],
        [[[9.0, 9.0, 9.0], [9.0, 9.0, 9.0]], [[8.0, 8.0, 8.0], [8.0, 8.0, 8.0]]],
    ]
)


def test_the_table_by_hand() -> None:
    """Better for t at 6 and 18 hours and for q at 18; what persistence scores for q at 12 hours is not known."""
    assert score_table(scores(VALUES, [6, 12, 18])).splitlines() == [
        "RMSE, 12 initial times",
        "variable  units   forecast      6h   12h    18h",
        "t         K       forecast     0.5  1.25      2",
        "                  persistence    1     1  3e+04",
        "q         g kg-1  forecast     0.1   0.2    0.3",
        "                  persistence  0.1     –    0.4",
        "better than persistence in 3 of 5 (variable, lead time) pairs",
    ]


def test_another_metric() -> None:
    table = score_table(scores(VALUES, [6, 12, 18]), "bias")
    assert table.startswith("BIAS")
    assert table.splitlines()[2].split() == ["t", "K", "forecast", "9", "9", "9"]
    assert table.endswith("better than persistence in 0 of 6 (variable, lead time) pairs")


def test_an_equal_score_is_no_better() -> None:
    equal = np.ones((1, 2, 2, 3))
    assert "better than persistence in 0 of 6" in score_table(scores(equal, [6, 12, 18]))


@pytest.mark.parametrize(
    ("better", "own", "other", "wins"),
    [
        ("smaller", 1.0, 2.0, True),
        ("smaller", 2.0, 1.0, False),
        ("larger", 0.9, 0.5, True),
        ("larger", 0.5, 0.9, False),
        ("larger", -0.5, 0.0, False),
        ("nearer to zero", -1.0, 2.0, True),
        ("nearer to zero", -2.0, 1.0, False),
        ("nearer to zero", 1.0, -2.0, True),
        ("nearer to zero", 2.0, -2.0, False),
    ],
)
def test_each_metric_has_a_direction(better, own: float, other: float, wins: bool) -> None:
    values = np.array([own, other]).reshape(1, 2, 1, 1)
    found = Scores(("x",), ("forecast", "persistence"), ("t",), np.array([6]) * HOUR, values, ("K",), 2, (better,))
    assert f"better than persistence in {int(wins)} of 1" in score_table(found)


@pytest.mark.carries_out("write the direction of each of `metrics`")
def test_a_score_without_a_direction_is_refused() -> None:
    parts = ("x",), ("forecast",), ("t",), np.array([6]) * HOUR, np.ones((1, 1, 1, 1)), ("K",), 2
    with pytest.raises(DataError, match="`better` of scores must have 1 entries, got 0"):
        Scores(*parts, ())
    assert Scores(*parts, ("smaller",)).better == ("smaller",)


@pytest.mark.carries_out("give one value for each metric, forecast, variable and lead time, in this order")
@pytest.mark.parametrize("values", [VALUES[0], VALUES[:1], VALUES[..., :2], VALUES.transpose(0, 1, 3, 2)])
def test_scores_of_another_shape_are_refused(values: np.ndarray) -> None:
    parts = ("rmse", "bias"), ("forecast", "persistence"), ("t", "q"), np.array([6, 12, 18]) * HOUR
    with pytest.raises(DataError, match=r"`values` of scores must have shape \(2, 2, 2, 3\), got"):
        Scores(*parts, values, UNITS, 12, BETTER)
    assert Scores(*parts, VALUES, UNITS, 12, BETTER).get("rmse", "persistence", "q")[2] == 0.4


def test_every_baseline_is_counted() -> None:
    values = np.stack([np.full((2, 1), number) for number in (2.0, 1.0, 3.0)])[None]
    table = score_table(scores(values, [6], ("forecast", "persistence", "climatology")))
    assert table.splitlines()[-2:] == [
        "better than persistence in 0 of 2 (variable, lead time) pairs",
        "better than climatology in 2 of 2 (variable, lead time) pairs",
    ]


@pytest.mark.parametrize(
    ("hours", "shown"),
    [
        (list(range(6, 54, 6)), ["6h", "12h", "18h", "24h", "30h", "36h", "42h", "48h"]),
        (list(range(6, 246, 6)), ["6h", "12h", "18h", "24h", "36h", "48h", "72h", "96h"]),
        (list(range(7, 17)), ["12h"]),
        (list(range(49, 59)), [f"{hours}h" for hours in range(49, 49 + MOST_COLUMNS)]),
    ],
    ids=["as many as fit", "ten days", "one familiar lead time", "none is familiar"],
)
def test_long_forecasts_show_familiar_lead_times(hours: list[int], shown: list[str]) -> None:
    values = np.broadcast_to(np.array(hours, float), (1, 2, 2, len(hours)))
    title, head, first, *_ = score_table(scores(values, hours)).splitlines()
    assert head.split()[3:] == shown
    assert first.split()[3:] == [name.removesuffix("h") for name in shown]  # the scores are the hours themselves
    assert title == "RMSE, 12 initial times"


def test_what_is_not_shown_is_counted_all_the_same() -> None:
    values = np.ones((1, 2, 2, 40))
    values[0, 0] = 0.5
    assert "better than persistence in 80 of 80" in score_table(scores(values, list(range(6, 246, 6))))


def test_every_score_as_json() -> None:
    found = json.loads(scores_as_json(scores(VALUES, [6, 12, 18])))
    assert (found["schema"], found["cases"], len(found["scores"])) == (1, 12, 2 * 2 * 2 * 3)
    assert found["scores"][1] == {
        "metric": "rmse",
        "forecast": "forecast",
        "variable": "t",
        "units": "K",
        "lead_time": "12h",
        "value": 1.25,
    }
    values = np.array([np.nan if row["value"] is None else row["value"] for row in found["scores"]])
    np.testing.assert_array_equal(values.reshape(VALUES.shape), VALUES)


def test_json_is_strict() -> None:
    """NaN is no JSON, though Python would write it."""

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads(scores_as_json(scores(VALUES, [6, 12, 18])), parse_constant=refuse)


def test_lead_times_without_a_column_are_named() -> None:
    leads = list(range(6, 6 * 13, 6))
    (line,) = (one for one in score_table(scores(np.ones((1, 2, 2, 12)), leads)).splitlines() if "not shown" in one)
    assert line.startswith("5 more lead times are not shown (30h, 42h, 54h, 60h, 66h)")
    assert "--json" in line
    assert "not shown" not in score_table(scores(VALUES, [6, 12, 18]))


def test_what_a_metric_has_no_number_of_is_left_out() -> None:
    values = VALUES.copy()
    values[1, :, 1] = np.nan
    table = score_table(scores(values, [6, 12, 18]), "bias")
    assert "q" not in [line.split()[0] for line in table.splitlines()]
    metrics = [
        row["metric"]
        for row in json.loads(scores_as_json(scores(values, [6, 12, 18])))["scores"]
        if row["variable"] == "q"
    ]
    assert set(metrics) == {"rmse"}


def test_notes_stand_below_the_table() -> None:
    noted = replace(scores(VALUES, [6, 12, 18]), notes=("There is no climatology.",))
    assert score_table(noted).splitlines()[-1] == "There is no climatology."


def test_a_metric_that_these_scores_lack_is_refused() -> None:
    with pytest.raises(DataError, match="these scores have no metric 'crps'"):
        score_table(scores(VALUES, [6, 12, 18]), "crps")


def test_a_number_without_direction_beats_nothing() -> None:
    described = replace(scores(VALUES, [6, 12, 18]), better=("neither", "nearer to one"))
    assert "better than" not in score_table(described)
    assert "better than persistence in 0 of 6" in score_table(described, "bias")  # 9 is no nearer to one than 8
