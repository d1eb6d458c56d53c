"""The record of a forecast and of scores, read without the plugin of their format."""

import json
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner
from wxml import ArtefactError, UnknownPluginError
from wxml.artefacts.formats import read_provenance
from wxml.cli import group
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.plugins.catalog import installed
from wxml.verification.job import verify

BESIDE = "f.npz.wxml.json"


@pytest.fixture
def made(checkpoint, tmp_path) -> Path:
    """A forecast `f.npz` and its scores in a folder of their own."""
    folder = tmp_path / "made"
    folder.mkdir()
    forecast(ForecastRequest(checkpoint(), folder / "f.npz", start="2000-01-11", end="2000-01-12T18"))
    verify(folder / "f.npz", folder / "scores")
    return folder


@pytest.fixture
def alone(made, monkeypatch) -> Path:
    """That folder, on a machine where no plugin may be used."""
    monkeypatch.setenv("WXML_PLUGINS", "none")
    installed.cache_clear()
    return made


def another(checkpoint, tmp_path: Path) -> Path:
    """A checkpoint with another seed in the place of the first."""
    (tmp_path / "model.safetensors").unlink()
    made: Path = checkpoint({"seed": 7})
    return made


def start_of(path: Path) -> str:
    return read_provenance(path).artefact


def test_no_plugin_is_needed(alone) -> None:
    record = read_provenance(alone / "f.npz")
    assert (record.artefact, [parent["artefact"] for parent in record.parents]) == ("forecast", ["checkpoint"])
    scores = read_provenance(alone / "scores")
    assert (scores.artefact, scores.parents) == ("scores", [record.to_dict()])
    for name, depth in (("f.npz", 1), ("scores", 2)):
        shown = CliRunner().invoke(group, ["inspect", str(alone / name)])
        assert shown.exit_code == 0, shown.stderr
        assert [line.split()[0] for line in shown.stdout.splitlines() if "made from" in line] == ["made"] * depth
    told = CliRunner().invoke(group, ["doctor", "--for", str(alone / "f.npz")])
    assert told.exit_code == 0, told.stderr  # the packages are installed, as they were
    assert "tiny-wxml" in told.stdout


def test_a_folder_is_searched_without_plugins(alone) -> None:
    told = CliRunner().invoke(group, ["doctor", "--for", str(alone), "--json"])
    assert told.exit_code == 0, told.stderr
    assert "f.npz" in told.stdout
    assert BESIDE not in told.stdout


def test_a_record_counts_only_for_what_it_was_written_with(alone) -> None:
    whole = (alone / "f.npz").read_bytes()
    for other in (whole[:-1], whole + b"x", b"x" + whole[1:], whole[:-1] + b"x"):
        (alone / "f.npz").write_bytes(other)
        with pytest.raises(UnknownPluginError):
            read_provenance(alone / "f.npz")
    (alone / "f.npz").write_bytes(whole)
    assert start_of(alone / "f.npz") == "forecast"
    for name in ("f.npz", BESIDE):  # both may be moved
        (alone / name).rename(alone / name.replace("f.npz", "moved.npz"))
    assert start_of(alone / "moved.npz") == "forecast"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"provenance": 3}', '{"schema": 2, "provenance": {}}', "[" * 2000])
def test_a_damaged_record_counts_as_absent(made, text: str) -> None:
    (made / BESIDE).write_text(text)
    assert start_of(made / "f.npz") == "forecast"  # as its plugin reads it


def test_a_new_forecast_brings_its_own_record(made, checkpoint, tmp_path) -> None:
    before = json.loads((made / BESIDE).read_text())
    request = ForecastRequest(another(checkpoint, tmp_path), made / "f.npz", start="2000-01-11", overwrite=True)
    forecast(request)
    after = json.loads((made / BESIDE).read_text())
    assert before["fingerprint"] != after["fingerprint"]
    assert after["provenance"]["parents"][0]["config"]["seed"] == 7
    assert sorted(path.name for path in made.iterdir()) == ["f.npz", BESIDE, "scores"]


def test_a_crash_before_the_record_leaves_the_new_forecast_with_its_own(
    made, checkpoint, tmp_path, monkeypatch
) -> None:
    """The old record stands beside the new forecast then, and does not fit it."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    request = ForecastRequest(another(checkpoint, tmp_path), made / "f.npz", start="2000-01-11", overwrite=True)
    monkeypatch.setattr("wxml.forecasting.kept_output.write_record", killed)
    with pytest.raises(KeyboardInterrupt):
        forecast(request)
    assert json.loads((made / BESIDE).read_text())["provenance"]["parents"][0]["config"]["seed"] != 7
    assert read_provenance(made / "f.npz").parents[0]["config"]["seed"] == 7


def test_a_file_of_somebody_else_stays(checkpoint, tmp_path, caplog) -> None:
    (tmp_path / BESIDE).write_text("precious")
    request = ForecastRequest(checkpoint(), tmp_path / "f.npz", start="2000-01-11")
    with caplog.at_level(logging.WARNING, logger="wxml"):
        forecast(request)
    assert (tmp_path / BESIDE).read_text() == "precious"
    assert "is no record of wxml, and stays as it is" in caplog.text
    assert start_of(tmp_path / "f.npz") == "forecast"


def test_scores_with_their_record_can_be_replaced_and_with_more_cannot(made) -> None:
    assert sorted(path.name for path in (made / "scores").iterdir()) == [
        "report.html",
        "scores.nc",
        "scores.nc.wxml.json",
    ]
    verify(made / "f.npz", made / "scores", overwrite=True)
    (made / "scores" / "other.wxml.json").write_text("{}")
    with pytest.raises(ArtefactError, match=r"holds files that wxml did not write: other\.wxml\.json"):
        verify(made / "f.npz", made / "scores", overwrite=True)
