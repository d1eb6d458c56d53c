"""The job of `wxml verify`: a file of forecasts in, a folder of scores out; persistence of a wave has a known error."""

import json
from dataclasses import replace

import numpy as np
import pytest
from wxml import ArtefactError, DataError
from wxml.artefacts.provenance import Provenance
from wxml.artefacts.source_changes import read_changes
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves
from wxml.verification.job import verify


@pytest.fixture
def forecasts(checkpoint, tmp_path):
    """The path of persistence forecasts from every six hours of 11 and 12 January, 6 and 12 hours long."""

    def make(changes=None):
        request = ForecastRequest(checkpoint(changes), tmp_path / "f.npz", start="2000-01-11", end="2000-01-12T18")
        return forecast(request)

    return make


def persistence_error(name: str, hours: float) -> float:
    """√mean (w(h) − w(0))² over the nodes and eight initial times, from the closed form."""
    waves = TravellingWaves()
    pairs = [(waves.wave(name, start + hours, 0), waves.wave(name, start, 0)) for start in np.arange(240, 288, 6.0)]
    return float(np.sqrt(np.mean([(later - now) ** 2 for later, now in pairs])))


def test_scores_and_report_are_in_a_new_folder(forecasts, tmp_path) -> None:
    scores, report = verify(forecasts(), tmp_path / "scores")
    assert report == tmp_path / "scores" / "report.html"
    assert report.read_text() == "40 training times"  # 1 to 10 January, four a day
    assert scores.cases == 8
    for name in ("t", "q"):
        expected = [persistence_error(name, hours) for hours in (6.0, 12.0)]
        np.testing.assert_allclose(scores.get("rmse", "forecast", name), expected, rtol=1e-4)


def test_the_record_holds_that_of_the_forecast_and_the_truth(forecasts, tmp_path) -> None:
    path = forecasts()
    changed = read_changes(path, ["data.source.days=30"], ("data.source", "verification"))
    verify(path, tmp_path / "scores", changed=changed)
    record = Provenance.from_dict(json.loads((tmp_path / "scores" / "scores.nc").read_text()))
    assert record.artefact == "scores"
    assert record.data["source"]["times"] == 120
    assert record.parents[0]["artefact"] == "forecast"
    assert record.parents[0]["parents"][0]["artefact"] == "checkpoint"


@pytest.mark.parametrize("through", ["changes", "request"])
def test_the_truth_is_what_the_forecast_started_from(checkpoint, tmp_path, through: str) -> None:
    """Forecasts that start five days after the end of the training's data can be scored."""
    path = checkpoint()
    changed = read_changes(path, ["data.source.days=30"], ("data.source", "forecast"))
    request = ForecastRequest(path, tmp_path / "f.npz", start="2000-01-25", source=changed.source)
    forecast(replace(request, changed=changed) if through == "changes" else request)  # the training's end on 20 January
    scores, _ = verify(tmp_path / "f.npz", tmp_path / "scores")
    record = Provenance.from_dict(json.loads((tmp_path / "scores" / "scores.nc").read_text()))
    assert record.data["source"]["times"] == 120
    assert np.isfinite(scores.values).all()
    other = read_changes(tmp_path / "f.npz", ["data.source.days=31"], ("data.source", "verification"))
    verify(tmp_path / "f.npz", tmp_path / "other", changed=other)
    record = Provenance.from_dict(json.loads((tmp_path / "other" / "scores.nc").read_text()))
    assert record.data["source"]["times"] == 124


@pytest.mark.carries_out("{}known: {}")
def test_an_unknown_metric_is_refused_before_any_work(forecasts, tmp_path, monkeypatch) -> None:
    path = forecasts()
    with monkeypatch.context() as patch:
        patch.setattr(TravellingWaves, "__init__", lambda *_, **__: pytest.fail("the truth was opened"))
        with pytest.raises(DataError, match="verifier 'rms' has no metric 'rsme'") as caught:
            verify(path, tmp_path / "scores", metric="rsme")
    assert "did you mean 'rmse'" in caught.value.fix
    assert not (tmp_path / "scores").exists()
    assert verify(path, tmp_path / "scores", metric="rmse")[0].metrics == ("rmse",)


def test_scores_that_are_there_are_kept_unless_they_may_be_replaced(forecasts, tmp_path) -> None:
    path, output = forecasts(), tmp_path / "scores"
    verify(path, output)
    (output / "report.html").write_text("old")
    with pytest.raises(ArtefactError, match="exists already"):
        verify(path, output)
    assert (output / "report.html").read_text() == "old"
    verify(path, output, overwrite=True)
    assert (output / "report.html").read_text() == "40 training times"


@pytest.mark.parametrize("with_scores", [False, True])
def test_a_folder_that_holds_something_else_is_never_replaced(forecasts, tmp_path, with_scores) -> None:
    path, output = forecasts(), tmp_path / "scores"
    if with_scores:
        verify(path, output)
    output.mkdir(exist_ok=True)
    (output / "thesis.txt").touch()
    before = sorted(output.iterdir())
    message = "did not write: thesis.txt" if with_scores else "no scores that wxml wrote"
    with pytest.raises(ArtefactError, match=rf"scores` cannot be replaced, because .* {message}"):
        verify(path, output, overwrite=True)
    assert sorted(output.iterdir()) == before


def test_the_folder_of_the_forecast_is_never_replaced(forecasts, tmp_path) -> None:
    path = forecasts()
    with pytest.raises(ArtefactError, match=r"because this command reads `.*f\.npz`"):
        verify(path, tmp_path, overwrite=True)
    assert path.is_file()


def test_a_verifier_that_fails_leaves_nothing(forecasts, tmp_path) -> None:
    path = forecasts({"verification": {"plugin": "rms", "fails": True}})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DataError, match="the truth ends too early"):
        verify(path, tmp_path / "scores")
    assert sorted(tmp_path.iterdir()) == before


def test_only_forecasts_are_verified(checkpoint, tmp_path) -> None:
    path = checkpoint()
    with pytest.raises(ArtefactError, match=r"model\.safetensors` is no forecast: it says that it is 'checkpoint'"):
        verify(path, tmp_path / "scores")
    with pytest.raises(ArtefactError, match="there is no artefact"):
        verify(tmp_path / "absent.npz", tmp_path / "scores")
    (tmp_path / "note.npz").write_text("no forecast")
    with pytest.raises(ArtefactError, match=r"note\.npz` is damaged"):
        verify(tmp_path / "note.npz", tmp_path / "scores")
    assert not (tmp_path / "scores").exists()
