"""`--require`: what is read, what passes, and what is told where it cannot be read."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from wxml import DataError, Scores
from wxml.cli.verify import command
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.verification.requirements import (
    check_requirements,
    outcomes,
    outcomes_as_json,
    parse_requirement,
    requirement_table,
)
from wxml.verification.score_table import scores_as_json


@pytest.fixture
def scores():
    values = np.array([[[[1.0, 2.0], [3.0, 4.0]], [[1.5, 1.5], [9.0, np.nan]]], np.ones((2, 2, 2)) * 0.7])
    return Scores(
        ("rmse", "acme-near"),
        ("forecast", "persistence"),
        ("t_850", "t_850 > 273.15"),
        np.array([6, 120], "timedelta64[h]").astype("timedelta64[s]"),
        values,
        ("K", "K"),
        3,
        ("smaller", "larger"),
        subsets={"north of: all": values + 1, "DJF": values - 1},
    )


@pytest.mark.parametrize(
    ("text", "value", "limit", "is_met"),
    [
        ("rmse:t_850:6h<1.2", 1.0, 1.2, True),
        ("rmse:t_850:6h<1", 1.0, 1.0, False),
        ("rmse : t_850 : 6h <= 1e0", 1.0, 1.0, True),
        ("rmse:t_850:5d>1.9", 2.0, 1.9, True),
        ("rmse:t_850 > 273.15:6h>=3", 3.0, 3.0, True),
        ("acme-near:t_850:120h@DJF>0", -0.3, 0.0, False),
        ("rmse:t_850:6h@north of: all<2.5", 2.0, 2.5, True),
        ("rmse:t_850:6h<persistence", 1.0, 1.5, True),
        ("rmse:t_850:5d<persistence", 2.0, 1.5, False),
        ("rmse:t_850 > 273.15:5d<persistence", 4.0, np.nan, False),  # what is not known is not kept
    ],
)
def test_a_requirement_passes_or_fails(scores, text, value, limit, is_met) -> None:
    (found,) = outcomes(scores, [parse_requirement(text)])
    assert found.value == pytest.approx(value)
    assert found.limit == pytest.approx(limit, nan_ok=True)
    assert found.is_met is is_met
    assert text in requirement_table([found])
    assert ("1 of 1 requirements fail" in requirement_table([found])) is not is_met
    told = json.loads(scores_as_json(scores, [found]))["required"]
    assert told == json.loads(json.dumps(outcomes_as_json([found])))
    assert told[0]["met"] is is_met


@pytest.mark.carries_out(
    "write METRIC:VARIABLE:LEAD<LIMIT, such as rmse:t_850:24h<1.2, acc:z_500:5d@europe>0.6 or mae:t:6h<persistence"
)
@pytest.mark.parametrize(
    "text", ["", "rmse", "rmse:t_850:6h", "rmse:t_850<3", "rmse:t_850:6h<", "rmse::6h<1", "rmse:t_850:soon<1", "a=1"]
)
def test_what_cannot_be_read_is_refused_with_the_form(text, scores) -> None:
    with pytest.raises(DataError, match="the requirement '"):
        parse_requirement(text)
    assert outcomes(scores, [parse_requirement("rmse:t_850:6h<1.2")])[0].is_met


@pytest.mark.carries_out("{}known: {}")
@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("rmsee:t_850:6h<1", "metric 'rmsee'", "did you mean 'rmse'"),
        ("rmse:t_805:6h<1", "variable 't_805'", "did you mean 't_850'"),
        ("rmse:t_850:12h<1", "lead time '12h'", "known: 120h, 6h"),
        ("rmse:t_850:6h@DJV<1", "region or group 'DJV'", "did you mean 'DJF'"),
        ("rmse:t_850:6h<persistance", "forecast 'persistance'", "did you mean 'persistence'"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(scores, text, what, hint) -> None:
    with pytest.raises(DataError, match=f"no {what}") as caught:
        check_requirements(scores.names, [parse_requirement("rmse:t_850:6h@DJF<persistence"), parse_requirement(text)])
    assert hint in caught.value.fix


def test_the_command_ends_with_5_where_a_requirement_fails(checkpoint, tmp_path) -> None:
    request = ForecastRequest(checkpoint(), tmp_path / "f.npz", start="2000-01-11", end="2000-01-11T06")
    path = str(forecast(request))

    def run(*required, name="scores", words=()):
        options = [word for one in required for word in ("--require", one)]
        return CliRunner().invoke(command, [path, "-o", str(tmp_path / name), *options, *words])

    done = run("rmse:t:6h<1e9", "rmse:q:12h<-1")
    assert done.exit_code == 5
    assert "1 of 2 requirements fail" in done.stdout
    assert (tmp_path / "scores" / "report.html").is_file()
    done = run("rmse:t:6h<1e9", name="good", words=["--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["required"][0]["met"]
    for text in ("rsme:t:6h<1", "rmse:t:6h"):
        done = run(text, name="bad")
        assert isinstance(done.exception, DataError)  # the command line makes 2 of it
        assert not (tmp_path / "bad").exists()

    done = run("rmse:x:6h<1", name="late")  # the verifier of these tests tells no names beforehand
    assert "no variable 'x'" in str(done.exception)
    assert f"report: {tmp_path / 'late' / 'report.html'}" in done.output
