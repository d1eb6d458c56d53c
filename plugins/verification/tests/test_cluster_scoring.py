"""Parts that workers make; a client that does each task at once stands for a cluster."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from wxml import Grid, NameOrChoice, VerificationTask, VerificationWorkers
from wxml.errors import ArtefactError, DataError
from wxml_verification import case_scoring, cluster_scoring, ridge
from wxml_verification.case_scoring import Span
from wxml_verification.climatology import Climatology
from wxml_verification.cluster_scoring import WorkPart
from wxml_verification.scorecard import Scorecard
from wxml_verification.sharing.work import done, part_done, put_together

GRID = Grid.regular([60.0, 0.0, -60.0], [0.0, 90.0, 180.0, 270.0])
LEADS = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
CASES = 10
OPTIONS = {"metrics": (NameOrChoice(plugin="rmse"), NameOrChoice(plugin="acc")), "maps": 1, "cases": 0}
PAST = slice(12, 24)  # beyond the last valid time


@pytest.fixture
def cluster(monkeypatch):
    """Its workers are this process; gives what was done on them, and may be told a folder that they see."""
    done, elsewhere = [], []

    def submit(function, task, *, pure):
        order, *_ = function.args
        found = function.func(replace(order, room=elsewhere[0]) if elsewhere else order, task)
        done.append(task)
        return SimpleNamespace(result=lambda timeout: found)

    @contextmanager
    def client(address, *, package, again):
        assert (address, package) == ("tcp://host:8786", "wxml-verification[distributed]")
        yield SimpleNamespace(nthreads=lambda: {"one": 1}, submit=submit, run=lambda function: done.append(function()))

    monkeypatch.setattr(cluster_scoring, "cluster_client", client)
    yield SimpleNamespace(done=done, elsewhere=elsewhere)
    cluster_scoring.forget()


@pytest.fixture
def task(tmp_path, write, source):
    times = np.datetime64("2001-01-01", "s") + np.arange(24) * np.timedelta64(6, "h")
    values = np.random.default_rng(0).normal(280, 5, (24, 2, len(GRID)))
    truth = source(GRID, ["t", "q"], times, values)
    values[15, 0, 3] = np.nan
    rows = np.arange(CASES)[:, None] + LEADS // np.timedelta64(6, "h")
    error = np.random.default_rng(1).normal(0, 1, (2, CASES, 2, len(GRID)))
    forecast = {name: values[rows, place] + error[place] for place, name in enumerate(("t", "q"))}
    path = write(GRID, times[:CASES], LEADS, forecast, name="forecast.nc")
    other = {name: members + 1 for name, members in forecast.items() if name == "t"}
    write(GRID, times[2:CASES], LEADS[:1], {name: one[2:, :1] for name, one in other.items()}, name="other.nc")
    return VerificationTask(path, truth, times[PAST], tmp_path, {"artefact": "scores", "parents": [{}]})


def verified(task, name, options=OPTIONS, **workers):
    folder = task.directory / name
    folder.mkdir()
    scores = Scorecard(**options).verify(replace(task, directory=folder, **workers))
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
    spans = [(one.first, one.last) for one in cluster.done if isinstance(one, Span)]
    assert spans == [(0, 8), (8, 10)]
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


@pytest.fixture
def everything(task, monkeypatch):
    """All baselines, and variables that are read one after the other, their ridge in three blocks of nodes."""
    monkeypatch.setattr(case_scoring, "MEMORY", 1)
    monkeypatch.setattr(ridge, "BLOCK_BYTES", 8 * 8 * 24 * 5)
    return OPTIONS | {
        "maps": 0,
        "coastlines": False,
        "baselines": ("ridge",),
        "forecasts": {"other": task.directory / "other.nc"},
    }


def test_climatology_and_ridge_are_made_once_for_all_workers(task, everything, cluster, monkeypatch) -> None:
    alone, table = verified(task, "alone", everything)
    monkeypatch.setattr(Climatology, "of", lambda *_: pytest.fail("a worker makes its own climatology"))
    monkeypatch.setattr(ridge.Fitting, "whole", lambda _: pytest.fail("a worker fits its own ridge"))
    workers = VerificationWorkers("tcp://host:8786", lambda: task)
    found, same = verified(task, "there", everything, workers=workers)
    assert found.forecasts == ("forecast", "persistence", "climatology", "ridge", "other")
    assert found.values.tobytes() == alone.values.tobytes()
    assert np.isfinite(found.values[0, :, 0, 0]).all()
    assert same == table
    asked = [one for one in cluster.done if isinstance(one, WorkPart)]
    assert len({one.name for one in asked}) == 4  # of two lots
    assert len(asked) == len({(one.name, one.part) for one in asked}) > 8
    assert not (task.directory / "there" / "shared").exists()


def test_workers_that_do_not_see_the_folder_make_it_by_themselves(task, everything, cluster, caplog) -> None:
    alone, table = verified(task, "alone", everything)
    cluster.elsewhere.append(task.directory / "mounted-nowhere")
    found, same = verified(task, "there", everything, workers=VerificationWorkers("tcp://host:8786", lambda: task))
    assert found.values.tobytes() == alone.values.tobytes()
    assert same == table
    (told,) = (one.message for one in caplog.records if "each makes climatologies by itself" in one.message)
    assert "shared` (it is not there)" in told


def test_a_part_that_two_workers_do_is_kept_once(tmp_path) -> None:
    """One that was taken for dead goes on: what it gives is the same, and does not count."""

    others = []

    class Work:
        name = "sums"

        def do(self, part, folder):
            (folder / "value").write_text(str(sum(range(*part))))
            if part == (1, 4) and not others:
                others.append(part)
                part_done(Work(), part, tmp_path)

        def put_together(self, parts, folder):
            (folder / "value").write_text(",".join((place / "value").read_text() for place in parts.values()))

    part_done(Work(), (1, 4), tmp_path)
    part_done(Work(), (4, 6), tmp_path)
    assert done(Work(), tmp_path) is None
    put_together(Work(), [(1, 4), (4, 6)], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["sums"]
    assert (done(Work(), tmp_path) / "value").read_text() == "6,9"
