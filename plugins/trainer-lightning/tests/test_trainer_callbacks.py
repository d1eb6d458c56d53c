"""Callbacks: their contract, what they note and draw; and drawings that raise, hang and crash."""

import csv
import logging
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from wxml import Callback, Notes
from wxml.testing import CallbackContract
from wxml_trainer_lightning.seeing import drawer as drawing
from wxml_trainer_lightning.seeing.callbacks.early_stopping import EarlyStopping
from wxml_trainer_lightning.seeing.callbacks.numbers import (
    GradientNorms,
    LearningRateNotes,
    LossByVariable,
    RolloutEvaluation,
)
from wxml_trainer_lightning.seeing.callbacks.samples import SampleMaps
from wxml_trainer_lightning.seeing.callbacks.spectra import Spectra, zonal_spectrum
from wxml_trainer_lightning.seeing.callbacks.weights_histogram import WeightsHistogram
from wxml_trainer_lightning.seeing.drawer import Drawer
from wxml_trainer_lightning.seeing.onlookers import Onlooker, Onlookers


class TestEarlyStopping(CallbackContract):
    plugin = EarlyStopping
    options = {"patience": 3}


class TestGradientNorms(CallbackContract):
    plugin = GradientNorms


class TestLearningRateNotes(CallbackContract):
    plugin = LearningRateNotes


class TestLossByVariable(CallbackContract):
    plugin = LossByVariable


class TestRolloutEvaluation(CallbackContract):
    plugin = RolloutEvaluation


class TestSampleMaps(CallbackContract):
    plugin = SampleMaps


class TestSpectra(CallbackContract):
    plugin = Spectra


class TestWeightsHistogram(CallbackContract):
    plugin = WeightsHistogram


def test_the_power_of_a_wave_is_at_its_number() -> None:
    """A wave of the amplitude 3 has the mean square 9/2; with the mean 2, whose square is 4."""
    columns = np.arange(12)
    field = np.tile(2 + 3 * np.cos(2 * np.pi * 4 * columns / 12), (5, 1)).astype(np.float32)
    spectrum = zonal_spectrum(field, is_global=True)
    expected = np.zeros(7)
    expected[[0, 4]] = 4.0, 4.5
    np.testing.assert_allclose(spectrum, expected, atol=1e-6)


def test_the_powers_add_up_to_the_mean_square() -> None:
    field = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    assert zonal_spectrum(field, is_global=True).sum() == pytest.approx(float(np.square(field).mean()), rel=1e-6)


def test_a_trend_along_the_rows_of_a_region_has_no_power() -> None:
    field = np.tile(np.arange(8, dtype=np.float32), (3, 1))
    np.testing.assert_allclose(zonal_spectrum(field, is_global=False)[1:], 0, atol=1e-12)


# Failures


class View:
    step = 7


class Failing(Callback):
    """Fails in one of its methods."""

    def __init__(self) -> None:
        self.calls = 0

    def on_step(self, view) -> Notes:
        self.calls += 1
        if self.calls == 2:
            raise SystemError("the callback is ill")
        return Notes({"number": 1.0})


def test_a_callback_that_fails_is_told_once_and_left_out(caplog) -> None:
    callback, noted = Failing(), []
    onlookers = Onlookers(
        [Onlooker("failing", callback, {})], None, lambda step, numbers: noted.append((step, numbers))
    )
    for _ in range(4):
        onlookers.call("on_step", View())
    assert callback.calls == 2
    assert noted == [(7, {"number": 1.0})]
    (warning,) = [record.getMessage() for record in caplog.records]
    assert "the callback failing failed in on_step after step 7" in warning
    assert warning.endswith("SystemError: the callback is ill")


@pytest.fixture
def drawer(tmp_path):
    drawn = []
    made = Drawer(tmp_path / "plots", drawn.append)
    made.drawn = drawn
    return made


DRAWS = "import sys; from pathlib import Path; folder = Path(sys.argv[-1]); "
CODES = {
    "raises": "raise ValueError('no such colour')",
    "exits": "import os; os._exit(9)",
    "crashes": "import os; os.abort()",
    "hangs": "import time; time.sleep(600)",
    "hangs with a child": "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])",
    "holds out": "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    "draws": "(folder / 'drawn' / 'map.png').write_bytes(b'png'); (folder / 'drawn' / 'note.txt').write_bytes(b'')",
}


def having(monkeypatch, code: str) -> None:
    """Let the drawing process run `code`."""
    popen = subprocess.Popen

    def run(command, **options):
        return popen([sys.executable, "-c", DRAWS + CODES[code], command[-1]], **options)

    monkeypatch.setattr(subprocess, "Popen", run)


@pytest.mark.parametrize("code", [code for code in CODES if code != "draws"])
def test_a_drawing_that_fails_is_told_once_and_holds_nothing_up(drawer, monkeypatch, caplog, code) -> None:
    having(monkeypatch, code)
    monkeypatch.setattr(drawing, "DEADLINE", 1.0)
    monkeypatch.setattr(drawing, "END_SECONDS", 60.0)
    began = time.monotonic()
    drawer.draw("maps", {"plugin": "maps"}, {"a": np.ones(3)})
    drawer.draw("maps", {"plugin": "maps"}, {"a": np.ones(3)})
    drawer.close()
    assert time.monotonic() - began < 50
    assert not drawer.drawn
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("the callback maps could not draw, and the training goes on")


def test_the_end_does_not_wait_longer_than_it_may(drawer, monkeypatch) -> None:
    having(monkeypatch, "hangs")
    monkeypatch.setattr(drawing, "END_SECONDS", 0.5)
    drawer.draw("maps", {"plugin": "maps"}, {})
    process = drawer._jobs["maps"].process
    began = time.monotonic()
    drawer.close()
    assert time.monotonic() - began < 20
    assert process.poll() is not None


def test_pictures_are_taken_and_the_latest_request_is_drawn(drawer, monkeypatch, tmp_path) -> None:
    having(monkeypatch, "draws")
    for _ in range(5):
        drawer.draw("maps", {"plugin": "maps"}, {})
    drawer.close()
    assert [path.name for path in (tmp_path / "plots").iterdir()] == ["map.png"]
    assert drawer.drawn == [tmp_path / "plots" / "map.png"] * 2  # the first, and the latest of those that waited


def test_no_folder_is_left(drawer, monkeypatch, tmp_path) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    having(monkeypatch, "raises")
    drawer.draw("maps", {"plugin": "maps"}, {})
    drawer.close()
    assert not list((tmp_path / "temporary").iterdir())


# In a training


@pytest.fixture
def fit(fit):
    """Train with the metrics that a training has by itself."""
    return partial(fit, metrics=["rmse", "mae", "bias"])


def numbers(run_dir) -> dict[str, list[tuple[int, float]]]:
    found: dict[str, list[tuple[int, float]]] = {}
    with (run_dir / "numbers.csv").open() as file:
        for line in csv.DictReader(file):
            found.setdefault(line["name"], []).append((int(line["step"]), float(line["value"])))
    return found


def test_callbacks_draw_and_note_in_a_training(advection, fit, tmp_path) -> None:
    callbacks = [
        "samples",
        "spectra",
        "weights-histogram",
        "loss-by-variable",
        {"plugin": "gradient-norms", "every": 4},
        {"plugin": "rollout-evaluation", "steps": 3, "samples": 2},
    ]
    fit(advection, tmp_path / "run", callbacks=callbacks, tracker="csv")
    plots = {path.name: path.read_bytes()[:8] for path in (tmp_path / "run" / "plots").iterdir()}
    assert set(plots) == {"samples.png", "spectra.png", "weights-histogram.png"}
    assert set(plots.values()) == {b"\x89PNG\r\n\x1a\n"}
    assert (tmp_path / "run" / "tracked" / "plots" / "spectra.png").exists()
    found = numbers(tmp_path / "run")
    assert [step for step, _ in found["gradient_norm/all"]] == [4, 8, 12]
    assert found["gradient_norm/all"][0][1] > 0
    assert "rollout/rmse/t/18h" in found
    losses = [found[f"validation_loss/{name}"][-1][1] for name in ("t", "q")]
    with (tmp_path / "run" / "history.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    assert np.mean(losses) == pytest.approx(float(last["validation_loss"]), rel=1e-6)


def test_callbacks_change_nothing_in_the_result(noisy_advection, fit, tmp_path) -> None:
    callbacks = ["gradient-norms", {"plugin": "rollout-evaluation", "steps": 2}, "loss-by-variable"]
    without = fit(noisy_advection, tmp_path / "without", validation_every=4).read_bytes()
    assert fit(noisy_advection, tmp_path / "with", validation_every=4, callbacks=callbacks).read_bytes() == without


def test_a_training_ends_early(advection, fit, tmp_path, caplog) -> None:
    caplog.set_level("INFO", "wxml")
    stopping = {"plugin": "early-stopping", "metric": "validation/rmse/t/6h", "patience": 2, "min_delta": 1e9}
    path = fit(advection, tmp_path / "run", validation_every=2, callbacks=[stopping], max_steps=50)
    assert path.exists()
    assert len((tmp_path / "run" / "history.csv").read_text().splitlines()) == 1 + 6  # validations at 2, 4 and 6
    assert "has not become better for 2 validations" in caplog.text


def test_a_number_that_no_validation_has_is_told(advection, fit, tmp_path, caplog) -> None:
    fit(advection, tmp_path / "run", callbacks=[{"plugin": "early-stopping", "metric": "rmse/t"}])
    assert "the validation has no number 'rmse/t'" in caplog.text
    assert "validation/rmse/t/6h" in caplog.text


def test_the_drawing_process_needs_no_more_than_its_folder(tmp_path) -> None:
    (tmp_path / "drawn").mkdir()
    (tmp_path / "section.json").write_text('{"plugin": "weights-histogram", "every": 2}')
    arrays = {"step": np.asarray(3), "counts/model": np.ones(4), "edges/model": np.arange(5.0)}
    np.savez(tmp_path / "arrays.npz", **arrays)
    command = [sys.executable, "-m", "wxml_trainer_lightning.seeing.drawing", str(tmp_path)]
    subprocess.run(command, check=True, timeout=300, env={**os.environ, "MPLBACKEND": "Agg"})
    assert [path.name for path in Path(tmp_path / "drawn").iterdir()] == ["weights-histogram.png"]
