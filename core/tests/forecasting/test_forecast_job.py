"""The job of `wxml forecast`: a checkpoint in, a file out; the model is persistence, so every number is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from wxml import ArtefactError, DataError, PluginChoice
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.errors import ConfigError
from wxml.experiment.restoring import restore
from wxml.forecasting.job import ForecastRequest, forecast
from wxml.testing import TravellingWaves

SIX_HOURS = np.timedelta64(6 * 3600, "s")
START = np.datetime64("2000-01-11T00", "s")


def times_in(path: Path) -> list[str]:
    with np.load(path) as file:
        return [str(time)[:13] for time in file["time"]]


def test_the_file_holds_the_forecast_of_every_initial_time(checkpoint, tmp_path) -> None:
    request = ForecastRequest(
        checkpoint(), tmp_path / "f.npz", start="2000-01-11T00", end="2000-01-11T12", every="12h", lead_time="18h"
    )
    assert forecast(request) == tmp_path / "f.npz"
    waves = TravellingWaves()
    with np.load(tmp_path / "f.npz") as file:
        assert file["time"].tolist() == [START, START + 2 * SIX_HOURS]
        assert (file["prediction_timedelta"] / SIX_HOURS).tolist() == [1, 2, 3]
        for name in ("t", "q"):
            expected = [waves.wave(name, 240.0 + hours, 0) for hours in (0, 12)]
            for lead in range(3):
                np.testing.assert_allclose(file[name][:, lead, 0], expected, rtol=1e-5)


def test_the_spread_is_written_where_it_is_asked_for(checkpoint, tmp_path) -> None:
    """Without weights r is 0: σ is ln 2 + floor times the typical change, in the units of the variable."""
    path = checkpoint({"model.spread": {"floor": 0.1}})
    for name, asked in (("without", False), ("with", True)):
        forecast(ForecastRequest(path, tmp_path / f"{name}.npz", start="2000-01-11T00", spread=asked))
    experiment, _ = restore(path)
    changes = dict(zip(experiment.statistics.variables, experiment.statistics.tendency_std, strict=True))
    with np.load(tmp_path / "with.npz") as file, np.load(tmp_path / "without.npz") as plain:
        assert set(file) - set(plain) == {"t_spread", "q_spread"}
        for name in ("t", "q"):
            np.testing.assert_array_equal(file[name], plain[name])
            np.testing.assert_allclose(file[f"{name}_spread"], changes[name] * (np.log(2) + 0.1), rtol=1e-3)


def test_the_config_of_a_forecast_may_ask_for_the_spread(checkpoint, tmp_path) -> None:
    path = checkpoint({"model.spread": {}})
    changed = read_changes(path, ["forecast.spread=true"], ("data.source", "forecast"))
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", changed=changed))
    with np.load(tmp_path / "f.npz") as file:
        assert "t_spread" in file


def test_a_model_without_spread_writes_none(checkpoint, tmp_path) -> None:
    with pytest.raises(DataError, match="this one forecasts values alone"):
        forecast(ForecastRequest(checkpoint(), tmp_path / "none.npz", start="2000-01-11", spread=True))
    assert not (tmp_path / "none.npz").exists()


def test_hooks_are_told_every_step_in_order(checkpoint, tmp_path, heard) -> None:
    path = checkpoint()
    heard.clear()
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11"))
    assert heard == [("step", START + steps * SIX_HOURS, steps * SIX_HOURS) for steps in (1, 2)]


def test_initial_times_are_those_of_the_validation_period_that_have_a_truth(checkpoint, tmp_path) -> None:
    forecast(ForecastRequest(checkpoint(), tmp_path / "f.npz", every="24h"))
    assert times_in(tmp_path / "f.npz") == [f"2000-01-{day}T00" for day in range(11, 16)]


def test_initial_times_are_those_of_the_test_period_where_there_is_one(checkpoint, tmp_path) -> None:
    path = checkpoint({"data.split.test": ["2000-01-19", "2000-01-20"]})
    forecast(ForecastRequest(path, tmp_path / "f.npz", end="2000-01-19T06"))
    assert times_in(tmp_path / "f.npz") == ["2000-01-19T00", "2000-01-19T06"]


@pytest.mark.carries_out("pass --start, and --end for several initial times")
def test_a_model_without_another_period_needs_a_start(checkpoint, tmp_path) -> None:
    path = checkpoint({"data.split.validation": None})
    with pytest.raises(DataError, match=r"trained without `data\.split\.test` and `data\.split\.validation`"):
        forecast(ForecastRequest(path, tmp_path / "f.npz", lead_time="6h"))
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-12", lead_time="6h"))
    assert times_in(tmp_path / "f.npz") == ["2000-01-12T00"]
    forecast(ForecastRequest(path, tmp_path / "g.npz", start="2000-01-12", end="2000-01-12T06", lead_time="6h"))
    assert times_in(tmp_path / "g.npz") == ["2000-01-12T00", "2000-01-12T06"]


def test_the_last_times_without_a_truth_are_left_out_of_a_period(checkpoint, tmp_path) -> None:
    """The source ends at 18 UTC on 20 January, and a forecast is 12 hours long."""
    path = checkpoint({"data.split.test": ["2000-01-20", "2000-01-25"]})
    forecast(ForecastRequest(path, tmp_path / "f.npz"))
    assert times_in(tmp_path / "f.npz") == ["2000-01-20T00", "2000-01-20T06"]


def test_the_record_names_the_checkpoint_and_the_writer(checkpoint, tmp_path) -> None:
    path = checkpoint()
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11"))
    record = read_provenance(tmp_path / "f.npz")
    assert record.artefact == "forecast"
    assert record.parents == [read_provenance(path).to_dict()]
    assert "npz" in json.dumps(record.plugins, default=str)
    assert record.data["source"] == TravellingWaves().provenance()


def test_other_data_are_read_and_recorded(checkpoint, tmp_path) -> None:
    other = PluginChoice(plugin="waves", days=30)
    forecast(ForecastRequest(checkpoint(), tmp_path / "f.npz", start="2000-01-28", source=other))
    assert times_in(tmp_path / "f.npz") == ["2000-01-28T00"]
    assert read_provenance(tmp_path / "f.npz").data["source"]["times"] == 120


@pytest.mark.carries_out("name the file like {}{}, or choose another `forecast.writer`")
def test_no_file_is_written_under_the_name_of_another_format(checkpoint, tmp_path) -> None:
    path = checkpoint({"forecast.writer": {"plugin": "npz"}})
    with pytest.raises(ArtefactError, match=r"forecast writer `npz` writes files \.npz, got `.*f\.zarr`") as caught:
        forecast(ForecastRequest(path, tmp_path / "f.zarr", start="2000-01-11"))
    assert caught.value.fix == "name the file like f.npz, or choose another `forecast.writer`"
    assert forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11")).exists()


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"lead_time": "20h"}, DataError, r"multiple of the time step of 6h, got '20h'\n  choose 18h"),
        ({"start": "2000-01-12", "end": "2000-01-11"}, DataError, "`end` is before `start`"),
        ({"start": "2000-02-12"}, DataError, "2000-02-12T00"),
        ({"lead_time": "480h"}, DataError, "no initial times between 2000-01-11T00 and 2000-01-15T"),
        ({"members": 2}, DataError, "`members` must be 1 for a model without noise"),
        ({"output": "forecast"}, ArtefactError, "has no suffix"),
        ({"output": "absent/forecast.npz"}, ArtefactError, "there is no folder"),
        ({"checkpoint": "absent.safetensors"}, ArtefactError, r"absent\.safetensors"),
        ({"source": PluginChoice(plugin="elsewhere")}, DataError, "was trained on a grid of shape"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_written(checkpoint, tmp_path, changes, error, message) -> None:
    path, before = checkpoint(), sorted(tmp_path.iterdir())
    values = {"checkpoint": path, "output": "f.npz", **changes}
    values = {**values, **{key: tmp_path / values[key] for key in ("checkpoint", "output")}}
    with pytest.raises(error, match=message):
        forecast(ForecastRequest(**values))
    assert sorted(tmp_path.iterdir()) == before


def test_a_forecast_that_is_there_is_kept_unless_it_may_be_replaced(checkpoint, tmp_path) -> None:
    path, output = checkpoint(), tmp_path / "f.npz"
    forecast(ForecastRequest(path, output, start="2000-01-12"))
    with pytest.raises(ArtefactError, match="exists already"):
        forecast(ForecastRequest(path, output, start="2000-01-11"))
    assert times_in(output) == ["2000-01-12T00"]
    forecast(ForecastRequest(path, output, start="2000-01-11", overwrite=True))
    assert times_in(output) == ["2000-01-11T00"]


def test_a_file_that_is_no_forecast_is_never_replaced(checkpoint, tmp_path) -> None:
    path, output = checkpoint(), tmp_path / "f.npz"
    output.write_text("precious")
    with pytest.raises(ArtefactError, match=r"f\.npz` cannot be replaced, because it is no forecast that wxml wrote"):
        forecast(ForecastRequest(path, output, start="2000-01-11", overwrite=True))
    assert output.read_text() == "precious"


def test_the_checkpoint_is_never_replaced_by_its_forecast(checkpoint, tmp_path) -> None:
    path = checkpoint({"forecast": {"writer": {"plugin": "npz"}, "lead_time": "12h"}})
    before = path.read_bytes()
    with pytest.raises(ArtefactError, match=r"because this command reads `.*model\.safetensors`"):
        forecast(ForecastRequest(path, path, start="2000-01-11", overwrite=True))
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("fails", "error", "message"),
    [("disk", ArtefactError, "could not write .*No space left"), ("data", DataError, "no such value")],
)
def test_a_failure_half_way_leaves_nothing_new(checkpoint, tmp_path, fails, error, message) -> None:
    """Neither beside the output, nor in the place of a file that was to be replaced."""
    output = tmp_path / "f.npz"
    sound = checkpoint()
    forecast(ForecastRequest(sound, output, start="2000-01-12"))
    sound.unlink()
    path = checkpoint({"forecast": {"writer": {"plugin": "npz", "fails": fails}, "lead_time": "12h"}})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(error, match=message):
        forecast(ForecastRequest(path, output, start="2000-01-11", overwrite=True))
    assert sorted(tmp_path.iterdir()) == before
    assert times_in(output) == ["2000-01-12T00"]


def test_changes_of_the_config_are_made_checked_and_recorded(checkpoint, tmp_path) -> None:
    path, allowed = checkpoint(), ("data.source", "forecast")
    changed = read_changes(path, ["forecast.lead_time=6h", "data.source.days=30"], allowed)
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-28", source=changed.source, changed=changed))
    with np.load(tmp_path / "f.npz") as file:
        assert (file["prediction_timedelta"] / SIX_HOURS).tolist() == [1]
    record = read_provenance(tmp_path / "f.npz")
    assert record.origins == {"forecast.lead_time": "command line", "data.source.days": "command line"}
    assert record.config["forecast"]["lead_time"] == "6h"
    assert read_changes(path, ["forecast.batch_size=2"], allowed).source is None
    with pytest.raises(ConfigError, match="can be changed after training, got 'seed'"):
        read_changes(path, ["seed=3"], allowed)
    with pytest.raises(ConfigError, match="batch_sise"):
        read_changes(path, ["forecast.batch_sise=2"], allowed)


@pytest.mark.carries_out("name one, such as --output forecast.zarr")
def test_a_forecast_to_a_file_names_it(checkpoint, tmp_path) -> None:
    path = checkpoint()
    with pytest.raises(DataError, match="names a file"):
        forecast(ForecastRequest(path, start="2000-01-11"))
    assert forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11")).exists()
