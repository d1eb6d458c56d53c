"""`wxml verify` and `wxml forecast` with KEY=VALUE: changes are checked and recorded, conflicts are refused."""

import json

import pytest
from click.testing import CliRunner
from wxml.artefacts.formats import read_provenance
from wxml.cli import group

FORECAST_OPTIONS = ["--start", "2000-01-11"]


def run(*arguments):
    """Run `wxml` in this process."""
    return CliRunner().invoke(group, [str(argument) for argument in arguments])


@pytest.fixture
def forecasts(checkpoint, tmp_path):
    """The path of a persistence forecast that `wxml forecast` wrote."""
    path = tmp_path / "f.npz"
    result = run("forecast", checkpoint(), "-o", path, *FORECAST_OPTIONS)
    assert result.exit_code == 0, result.output
    return path


def test_verify_makes_a_change_of_verification_and_records_it(forecasts, tmp_path) -> None:
    result = run("verify", forecasts, "-o", tmp_path / "scores", "verification.fails=false", "data.source.days=30")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "scores" / "scores.nc").read_text())
    assert record["origins"] == {"verification.fails": "command line", "data.source.days": "command line"}
    assert record["config"]["verification"]["fails"] is False
    assert record["data"]["source"]["times"] == 120  # thirty days, four times a day


def test_a_change_of_verification_reaches_the_verifier(forecasts, tmp_path) -> None:
    result = run("verify", forecasts, "-o", tmp_path / "scores", "verification.fails=true")
    assert result.exit_code == 2
    assert "the truth ends too early" in result.output
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("verification.fials=true", "fials"),
        ("verification.fails=perhaps", "fails"),
        ("forecast.batch_size=2", "can be changed after training, got 'forecast.batch_size'"),
        ("model.channels=4", "can be changed after training, got 'model.channels'"),
        ("data.split.test=null", "can be changed after training, got 'data.split.test'"),
    ],
)
def test_verify_refuses_a_wrong_or_foreign_change(forecasts, tmp_path, change, message) -> None:
    result = run("verify", forecasts, "-o", tmp_path / "scores", change)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "scores").exists()


@pytest.mark.parametrize(
    ("option", "value", "key"), [("--lead-time", "6h", "forecast.lead_time"), ("--members", 1, "forecast.members")]
)
def test_an_option_and_its_key_conflict(checkpoint, tmp_path, option, value, key) -> None:
    """Even with equal values; each alone is accepted."""
    path, output = checkpoint(), tmp_path / "f.npz"
    result = run("forecast", path, "-o", output, *FORECAST_OPTIONS, option, value, f"{key}={value}")
    assert result.exit_code == 2
    assert f"give {option} or {key}, not both" in result.output
    assert not output.exists()
    assert run("forecast", path, "-o", output, *FORECAST_OPTIONS, option, value).exit_code == 0
    assert run("forecast", path, "-o", output, "--overwrite", *FORECAST_OPTIONS, f"{key}={value}").exit_code == 0
    assert read_provenance(output).origins == {key: "command line"}
