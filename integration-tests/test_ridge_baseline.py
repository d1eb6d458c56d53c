"""The baseline of the experiment on real weather, and the numbers that a model is held against."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).with_name("ridge_baseline.py")


@pytest.fixture(scope="module")
def baseline():
    spec = importlib.util.spec_from_file_location("ridge_baseline", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_numbers_on_the_real_data(shared_data: Path) -> None:
    store = shared_data / "ncep-air-namerica" / "air_temperature.zarr"
    if not store.is_dir():
        pytest.skip(f"the NCEP data are not at {store}")
    done = subprocess.run([sys.executable, SCRIPT, store], capture_output=True, text=True, timeout=600, check=True)
    numbers = {line[:24].strip(): float(line[24:].split()[0]) for line in done.stdout.splitlines()}
    assert numbers["initial times"] == 724
    assert numbers["persistence  6 h"] == pytest.approx(2.269, abs=0.002)
    assert numbers["persistence 24 h"] == pytest.approx(2.700, abs=0.002)
    assert numbers["ridge regression 6 h"] == pytest.approx(1.237, abs=0.005)


def two_years(baseline, values):
    times = np.arange(np.datetime64("2013-01-01T00", "s"), np.datetime64("2015-01-01T00", "s"), baseline.STEP)
    return baseline.Temperatures(values(len(times)), times, np.array([60.0, 0.0]))


def test_scores_weigh_by_the_cosine_of_latitude(baseline) -> None:
    data = two_years(baseline, lambda n: np.zeros((n, 2, 3)))
    forecasts = np.zeros((4, 2, 3))
    forecasts[:, 0] = 3.0  # cos 60° = ½: a third of the weight
    assert data.rmse(forecasts, np.arange(4)) == pytest.approx(np.sqrt(9 / 3))


def test_it_finds_a_linear_law_and_its_strength_shrinks_towards_persistence(baseline, monkeypatch) -> None:
    """x(t+1) = 0.5 x(t) + 0.3 x_east(t − 1) + noise of deviation 0.1: no forecast can be better than the noise."""
    rng = np.random.default_rng(0)

    def values(count):
        out = rng.normal(size=(count, 2, 3))
        for t in range(2, count):
            out[t] = 0.5 * out[t - 1] + 0.3 * np.roll(out[t - 2], -1, axis=1) + 0.1 * rng.normal(size=(2, 3))
        return out

    data = two_years(baseline, values)
    monkeypatch.setattr(baseline, "STRENGTHS", (1e-4, 1e9))
    weak, strong = baseline.ridge(data, baseline.SCORED_ON)
    assert weak == pytest.approx(0.1, rel=0.06)
    assert strong == pytest.approx(data.persistence(baseline.STEP), rel=1e-3)
    assert strong > 1.1 * weak
