"""Parts that workers make; a client that does each task at once stands for a cluster."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from wxml import Grid, NameOrChoice, VerificationTask, VerificationWorkers
from wxml.errors import ArtefactError, DataError
from wxml_verification import cluster_scoring
from wxml_verification.scorecard import Scorecard

GRID = Grid.regular([60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0])
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
CASES = 10
OPTIONS = {"metrics": (NameOrChoice(plugin="rmse"), NameOrChoice(plugin="acc")), "maps": 1, "cases": 0}


@pytest.fixture
def cluster(monkeypatch):
    """Its workers are this process; gives what was done on them."""
    done = []

    def submit(function, task, *, pure):
        found = function(task)
        done.append(task)
        return SimpleNamespace(result=lambda timeout: found)

    @contextmanager
    def client(address, *, package, again):
        assert (address, package) == ("tcp://host:8786", "wxml-verification[distributed]")
        yield SimpleNamespace(nthreads=lambda: {"one": 1}, submit=submit, run=lambda function: done.append(function()))

    monkeypatch.setattr(cluster_scoring, "cluster_client", client)
    yield done
    cluster_scoring.forget()


@pytest.fixture
def task(tmp_path, write, source):
    times = np.datetime64("2001-01-01", "s") + np.arange(24) * np.timedelta64(6, "h")
    values = np.random.default_rng(0).normal(280, 5, (24, 2, len(GRID)))
    truth = source(GRID, ["t", "q"], times, values)
    rows = np.arange(CASES)[:, None] + LEADS // np.timedelta64(6, "h")
    error = np.random.default_rng(1).normal(0, 1, (2, CASES, 2, len(GRID)))
    forecast = {name: values[rows, place] + error[place] for place, name in enumerate(("t", "q"))}
    path = write(GRID, times[:CASES], LEADS, forecast, name="forecast.nc")
    return VerificationTask(path, truth, times[:12], tmp_path, {"artefact": "scores", "parents": [{}]})


def verified(task, name, **workers):
    folder = task.directory / name
    folder.mkdir()
    scores = Scorecard(**OPTIONS).verify(replace(task, directory=folder, **workers))
    return scores, (folder / "scores.csv").read_bytes()


def test_workers_open_the_forecast_once_and_give_the_same_numbers(task, cluster) -> None:
    opened = []

    def again():
        opened.append(None)
        return replace(task, directory=Path("nowhere"))

    alone, table = verified(task, "alone")
    found, same = verified(task, "there", workers=VerificationWorkers("tcp://host:8786", again))
    assert found.values.tobytes() == alone.values.tobytes()
    assert same == table
    assert [(one.first, one.last) for one in cluster[:-1]] == [(0, 8), (8, 10)]
    assert len(opened) == 1
    assert not Path("nowhere").exists()


@pytest.mark.parametrize("kind", [DataError, ArtefactError])
def test_an_error_of_a_worker_is_that_of_the_command(task, cluster, kind) -> None:
    def again():
        raise kind("the truth is not here", fix="mount it")

    with pytest.raises(kind, match="the truth is not here") as caught:
        verified(task, "there", workers=VerificationWorkers("tcp://host:8786", again))
    assert caught.value.fix == "mount it"
    assert not (task.directory / "there" / "scores.nc").exists()
