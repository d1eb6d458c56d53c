"""Numbers of the right type that no machine can serve end in a sentence, before any memory is taken."""

import numpy as np
import pytest
from click.testing import CliRunner
from pydantic import ValidationError
from wxml import memory
from wxml.cli import group
from wxml.data.window import Window
from wxml.errors import DataError, ResourceError
from wxml.experiment.assembling import assemble
from wxml.forecasting.job import ForecastRequest, forecast

carries_out = pytest.mark.carries_out


@carries_out("reduce `members`, `forecast.batch_size` or `lead_time`")
@pytest.mark.parametrize("lead_time", ["60000000000h", "6000000000000h"])
def test_a_forecast_of_too_many_steps(checkpoint, tmp_path, lead_time) -> None:
    path, output = checkpoint(), tmp_path / "f.npz"
    with pytest.raises(ResourceError, match=r"a batch of 1 forecasts .* would take .* of memory"):
        forecast(ForecastRequest(path, output, start="2000-01-11", lead_time=lead_time))
    assert not output.exists()
    forecast(ForecastRequest(path, output, start="2000-01-11", lead_time="6h"))
    assert output.exists()


def test_a_forecast_of_too_many_members(checkpoint, tmp_path) -> None:
    path = checkpoint({"model.noise": {"channels": 4, "how": "inject"}})
    with pytest.raises(ResourceError, match=r"each 100,000,000,000 members"):
        forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", members=10**11))
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", members=2))


def test_a_large_batch_size_is_no_more_than_the_forecasts_there_are(checkpoint, tmp_path) -> None:
    path = checkpoint({"forecast.batch_size": 10**15})
    forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11"))


def test_more_initial_times_than_any_source_has(checkpoint, tmp_path) -> None:
    request = ForecastRequest(checkpoint(), tmp_path / "f.npz", start="2000-01-11", end="9999-01-01", every="1s")
    with pytest.raises(DataError, match=r"no data for 2000-01-1"):
        forecast(request)


@carries_out("reduce `model.channels` or the options of `model.encoder`, `model.processor`, `model.decoder`")
def test_a_model_of_too_many_weights(tiny_files, monkeypatch) -> None:
    large, small = (assemble(tiny_files({"model.channels": channels})) for channels in (512, 4))
    monkeypatch.setattr(memory, "free_memory", lambda: 2**16)
    with pytest.raises(ResourceError, match=r"the model would have [\d,]+ parameters or more"):
        large.new_model()
    assert sum(weights.numel() for weights in small.new_model().parameters()) <= 2**14


@pytest.mark.parametrize(
    ("key", "value"),
    [("seed", 2**64), ("seed", -(2**63) - 1), ("model.channels", 100_001)],
)
def test_settings_beyond_their_limits(tiny_files, key, value) -> None:
    with pytest.raises(ValidationError, match=key):
        tiny_files({key: value})


@pytest.mark.parametrize("seed", [2**64 - 1, -(2**63)])
def test_the_largest_and_the_smallest_seed(tiny_files, seed) -> None:
    assert list(assemble(tiny_files({"seed": seed})).new_model().parameters())


def test_a_window_longer_than_the_data_has_no_initial_times() -> None:
    window = Window(10**15, 10**15, np.timedelta64(6, "h"))
    assert len(window) == 2 * 10**15
    assert not len(window.initial_times(np.array(["2000-01-01", "2000-01-02"], "datetime64[s]")))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 8 bytes\nmore")]
)
def test_a_command_that_gets_no_memory_says_what_to_reduce(monkeypatch, error) -> None:
    def read(_: object) -> None:
        raise error

    monkeypatch.setattr("wxml.artefacts.formats.read_provenance", read)
    done = CliRunner().invoke(group, ["inspect", "f.nc"])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 2)
    assert done.stderr.startswith("error: not enough memory: ")
    assert "reduce batch sizes" in done.stderr
