"""How much memory scoring takes: NumPy tells `tracemalloc` of every array."""

import tracemalloc

import numpy as np
from wxml import Grid, NameOrChoice
from wxml_verification.evaluation import evaluate
from wxml_verification.question import Question
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth
from wxml_verification.usual import Past

LEADS = np.arange(6, 241, 6)
GRID = Grid.regular(np.linspace(88, -88, 90), np.arange(180) * 2.0)
FIELDS = 8 * len(LEADS) * len(GRID)
"""The bytes of the fields of a case in double precision."""


def peak_of(write, folder, truth, cases):
    times = truth.header.times[: 4 * cases : 4]
    rows = np.arange(cases)[:, None] * 4 + LEADS // 6
    path = write(GRID, times, LEADS * np.timedelta64(1, "h"), {"t": truth.values[rows, 0, 0] + 1}, name=f"{cases}.zarr")
    past, metrics = Past(truth, truth.header.times[:20], 20, "the truth"), [NameOrChoice(plugin="rmse")]
    question = Question(("t",), metrics, past, 30, folder / f"{cases}-statistics.zarr", {}, maps=1, cases=0)
    with ForecastFile(path) as forecast:
        tracemalloc.start()
        try:
            evaluate(forecast, Truth(truth), question)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_memory_is_that_of_one_case_however_many_there_are(write, tmp_path, source):
    times = np.datetime64("2001-01-01", "s") + np.arange(72) * np.timedelta64(6, "h")
    truth = source(GRID, ["t"], times, np.random.default_rng(0).normal(280, 5, (72, 1, len(GRID))))
    few, many = (peak_of(write, tmp_path, truth, cases) for cases in (2, 8))
    assert many - few < FIELDS / 4
    assert many < 10.5 * FIELDS  # the fields of a case take 2.5, sums for maps 5, of some cases and of all
