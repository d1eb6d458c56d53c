"""Several outputs of one forecast: each in a thread of its own, all or none."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from wxml import ArtefactError, DataError, PluginChoice
from wxml.artefacts.formats import read_provenance
from wxml.artefacts.source_changes import read_changes
from wxml.data.fields import Fields
from wxml.errors import ConfigError
from wxml.forecasting.job import ForecastRequest, forecast, reported_forecast
from wxml.forecasting.outputs import Output, OutputFile, fan_out
from wxml.forecasting.view import WHOLE

SIX_HOURS = np.timedelta64(6 * 3600, "s")
FIELDS = Fields(np.datetime64("2000-01-01", "s"), ("t",), np.zeros((1, 1, 1), "f4"))


def changed(path: Path, *outputs: str):
    return read_changes(path, [f"forecast.outputs=[{', '.join(outputs)}]"], ("data.source", "forecast"))


def test_several_outputs_have_what_each_is_asked_for(checkpoint, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = checkpoint()
    config = changed(
        path,
        "{path: t.npz, variables: {select: [t]}, every: 12h}",
        "{path: south.zarr, region: {box: {north: 0}}, steps: [1]}",
    )
    whole, other = tmp_path / "f.npz", tmp_path / "g.npz"
    made = reported_forecast(ForecastRequest(path, (whole, other), start="2000-01-11", lead_time="18h", changed=config))
    assert made.paths == (whole, other, Path("t.npz"), Path("south.zarr"))
    with np.load(whole) as f, np.load(other) as g, np.load("t.npz") as t, np.load("south.zarr") as south:
        for name in ("t", "q"):
            np.testing.assert_array_equal(f[name], g[name])
        assert (t["prediction_timedelta"] / SIX_HOURS).tolist() == [2]
        assert "q" not in t
        np.testing.assert_array_equal(t["t"], f["t"][:, 1:2])
        assert 0 < south["q"].shape[-1] < f["q"].shape[-1]
        np.testing.assert_array_equal(np.isin(south["q"], f["q"][:, :1]), True)
    assert {record["plugin"].rpartition(":")[2] for record in read_provenance(Path("south.zarr"), "zarr").plugins} >= {
        "zarr"
    }
    assert sorted(one.name for one in tmp_path.iterdir() if one.name.startswith(".")) == []


@pytest.mark.parametrize(
    ("fails", "error", "message"),
    [("disk", ArtefactError, "could not write `.*bad.npz`: No space left on device"),
     ("data", DataError, r"no such value \(output `.*bad\.npz`\)")],
)  # fmt: skip
def test_a_failure_of_one_ends_all_and_nothing_stays(checkpoint, tmp_path, fails, error, message) -> None:
    path = checkpoint()
    bad = tmp_path / "bad.npz"
    config = changed(path, f"{{path: {bad}, writer: {{plugin: npz, fails: {fails}}}}}")
    before = sorted(one.name for one in tmp_path.iterdir())
    with pytest.raises(error, match=message):
        forecast(ForecastRequest(path, tmp_path / "good.npz", start="2000-01-11", changed=config))
    assert sorted(one.name for one in tmp_path.iterdir()) == before
    assert not [one.name for one in threading.enumerate() if one.name.startswith("write ")]


@pytest.mark.carries_out("name each file once")
def test_one_file_is_no_output_twice(checkpoint, tmp_path) -> None:
    path, same = checkpoint(), tmp_path / "." / "f.npz"
    with pytest.raises(ArtefactError, match=r"`.*f\.npz` is an output twice"):
        forecast(ForecastRequest(path, (tmp_path / "f.npz", same), start="2000-01-11"))
    two = ForecastRequest(path, (tmp_path / "f.npz", tmp_path / "g.npz"), start="2000-01-11")
    assert len(reported_forecast(two).paths) == 2


def test_a_fault_of_an_output_is_named_before_the_first_step(checkpoint, tmp_path, heard) -> None:
    path = checkpoint()
    heard.clear()
    config = changed(path, "{path: a.npz, variables: {select: [msl]}}")
    with pytest.raises(ConfigError, match=r"no variable fits 'msl' \(forecast.outputs.0.variables.select.0\)"):
        forecast(ForecastRequest(path, tmp_path / "f.npz", start="2000-01-11", changed=config))
    assert heard == []


class _Writer:
    """Remembers what it is given; waits at each step until it is let go."""

    def __init__(self) -> None:
        self.steps, self.closed, self.threads = [], 0, set()
        self.gate = threading.Event()

    def write(self, fields: Fields, lead_time: np.timedelta64) -> None:
        self.gate.wait(20)
        self.threads.add(threading.current_thread().name)
        self.steps.append(lead_time)

    def close(self) -> None:
        self.closed += 1


def _file(name: str, writer: _Writer) -> OutputFile:
    return OutputFile(Output(Path(name), PluginChoice(plugin="npz"), "here", WHOLE), writer)  # type: ignore[arg-type]


def test_the_queue_is_bounded_and_a_slow_output_holds_no_other_up_before_it_is_full() -> None:
    slow, quick, asked = _Writer(), _Writer(), []
    quick.gate.set()

    def steps() -> Iterator[tuple[np.timedelta64, Fields]]:
        for number in range(6):
            if number == 4:  # one step is written, two wait, and one is put: there is room for no more
                assert slow.steps == []
                slow.gate.set()
            asked.append(number)
            yield number * SIX_HOURS, FIELDS

    fan_out([_file("slow", slow), _file("quick", quick)], steps(), 3)
    assert slow.steps == quick.steps == [number * SIX_HOURS for number in range(6)]
    assert (slow.threads, quick.threads) == ({"write slow"}, {"write quick"})
    assert (slow.closed, quick.closed) == (1, 1)


def test_a_failure_of_the_forecast_drops_what_waits() -> None:
    writer = _Writer()

    def steps() -> Iterator[tuple[np.timedelta64, Fields]]:
        yield from ((number * SIX_HOURS, FIELDS) for number in range(3))
        threading.Timer(0.2, writer.gate.set).start()
        raise DataError("the forecast ran away", fix="look for it")

    with pytest.raises(DataError, match="ran away"):
        fan_out([_file("f", writer)], steps(), 3)
    assert len(writer.steps) <= 1  # the thread may not have begun when the forecast fails
    assert writer.closed == 1


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C interrupts, also where the tests run in the background of a shell, which has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_ends_the_outputs(checkpoint, tmp_path, monkeypatch) -> None:
    """The signal comes in the middle of a step, as Ctrl-C does."""
    path = checkpoint()
    before = sorted(one.name for one in tmp_path.iterdir())
    told = []

    def interrupt(*_: object) -> np.ndarray:
        if len(told) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        told.append(True)
        return _of_step(*_)

    from wxml.forecasting import rollout

    _of_step = rollout._physical
    monkeypatch.setattr(rollout, "_physical", interrupt)
    with pytest.raises(KeyboardInterrupt):
        forecast(ForecastRequest(path, (tmp_path / "f.npz", tmp_path / "g.npz"), start="2000-01-11"))
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_an_error_of_close_is_one_of_the_output() -> None:
    class Full(_Writer):
        def close(self) -> None:
            raise OSError(28, "No space left on device")

    writer = Full()
    writer.gate.set()
    with pytest.raises(ArtefactError, match="could not write `f`: No space left on device"):
        fan_out([_file("f", writer)], [(SIX_HOURS, FIELDS)], 1)
    assert writer.steps == [SIX_HOURS]
