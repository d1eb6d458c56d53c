"""The baseline that is made of known states, beside values worked out by hand."""

import numpy as np
from wxml import StepTimes
from wxml.data.tasks.diagnose import Diagnose
from wxml.data.tasks.forecast import Forecast
from wxml.data.tasks.interpolate import Interpolate
from wxml.testing import TravellingWaves
from wxml_verification.baseline import PERSISTENCE, baseline_of
from wxml_verification.truth import Truth

HOUR = np.timedelta64(3600, "s")
TIMES = StepTimes(24 * HOUR)
LEADS = np.array([6, 12, 18]).astype("timedelta64[h]").astype("timedelta64[ns]")


def values(task, case: int = 4) -> np.ndarray:
    source = TravellingWaves()
    found = baseline_of(task)
    return found.at(Truth(source), source.header.times[case], LEADS, ("t",))[:, 0]


def test_an_interpolation_is_beside_the_straight_line() -> None:
    task, waves = Interpolate(TIMES, targets=["6h", "18h"]), TravellingWaves()
    first, last = waves.read(waves.header.times[[4, 8]], ("t",))[:, 0, 0].astype(float)
    found = values(task)
    assert baseline_of(task).name == "interpolation"
    np.testing.assert_allclose(found[[0, 2]], [0.75 * first + 0.25 * last, 0.25 * first + 0.75 * last])
    assert np.isnan(found[1]).all()  # no target
    assert np.isnan(values(task, case=79)).all()  # the later state is not known


def test_forecasts_are_beside_the_initial_state() -> None:
    waves = TravellingWaves()
    start = waves.read(waves.header.times[4:5], ("t",))[0, 0, 0]
    assert baseline_of(None) == baseline_of(Forecast(TIMES)) == PERSISTENCE
    np.testing.assert_array_equal(values(Forecast(TIMES)), [start] * 3)


def test_a_diagnosis_has_no_state_to_persist() -> None:
    assert np.isnan(values(Diagnose(TIMES))).all()
    assert baseline_of(Diagnose(TIMES)).note == "The forecasts begin with no state, so persistence is not scored."
