"""A sweep: its plan, its record, its processes, its table and its page. Whole ones are in the integration tests."""

import csv
import signal
from dataclasses import replace

import pytest
from wxml.errors import ArtefactError, ConfigError
from wxml_trainer_lightning.history_table import read_last_step, read_validations
from wxml_trainer_lightning.sweeping.ground import Ground
from wxml_trainer_lightning.sweeping.job import Sweep, sweep
from wxml_trainer_lightning.sweeping.page import sweep_page
from wxml_trainer_lightning.sweeping.plan import PlannedRun, plan
from wxml_trainer_lightning.sweeping.progress import RunProgress
from wxml_trainer_lightning.sweeping.record import open_record
from wxml_trainer_lightning.sweeping.results import Result, best_of, read_result, table_lines, write_csv


def test_names_are_readable_and_configs_are_checked() -> None:
    runs = plan(None, ["model=gnn-tiny,gnn", "training.learning_rate=1e-3,3e-3", "training.tracker=none"], "mine")
    assert [run.name for run in runs] == [
        "1_model-gnn-tiny_learning_rate-0.001",
        "2_model-gnn-tiny_learning_rate-0.003",
        "3_model-gnn_learning_rate-0.001",
        "4_model-gnn_learning_rate-0.003",
    ]
    assert runs[2].overrides == ("model=gnn", "training.learning_rate=0.001", "training.tracker=none")
    assert runs[2].values == {"model": "gnn", "training.learning_rate": "0.001"}


def test_a_name_is_one_plain_part_of_a_path() -> None:
    runs = plan(
        None, ["training.tracking_uri='sqlite:///../a b/c.db','" + 200 * "x" + "'", "training.tracker=none"], "x"
    )
    assert runs[0].name == "1_tracking_uri-sqlite-..-a-b-c.db"
    assert len(runs[1].name) < 90


def test_keys_that_end_alike_are_written_whole() -> None:
    runs = plan(None, ["training.batch_size=1,2", "forecast.batch_size=3,4", "seed=5,6"], "x")
    assert runs[0].name == "1_training.batch_size-1_forecast.batch_size-3_seed-5"


def test_every_fault_of_every_combination_is_told_once() -> None:
    with pytest.raises(ConfigError) as caught:
        plan(None, ["training.max_steps=1,-1", "training.learning_rate=1e-3,wrong", "training.batch_sise=1"], "x")
    keys = sorted(fault.key for fault in caught.value.faults)
    assert keys == ["training.batch_sise", "training.learning_rate", "training.max_steps"]
    located = {fault.key: fault.location for fault in caught.value.faults}
    assert "run 3_max_steps--1_learning_rate-0.001" in located["training.max_steps"]


def test_nothing_is_made_if_one_config_is_wrong(tmp_path) -> None:
    with pytest.raises(ConfigError, match="learning_rate"):
        sweep(None, ["training.learning_rate=1e-3,-1"], tmp_path / "new", Ground(), resume=False)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("tracker", "beside"),
    [
        ([], ("training.tracker={plugin:'mlflow',parent:'mine'}",)),
        (["training.tracker=csv"], ()),
        (["training.tracker={plugin:mlflow,parent:october}"], ()),
        (["training.tracker={plugin:mlflow,system_metrics:false}"], ("training.tracker.parent='mine'",)),
        (["training.tracker=[csv,{plugin:mlflow}]"], ("training.tracker.1.parent='mine'",)),
        (["training.tracker=[mlflow,csv]"], ("training.tracker.0={plugin:'mlflow',parent:'mine'}",)),
    ],
)
def test_records_in_mlflow_have_a_parent(tracker, beside) -> None:
    run = plan(None, [*tracker, "seed=1,2"], "mine")[0]
    assert run.overrides == (*tracker, "seed=1", *beside)
    again = plan(None, [*run.overrides[:-1], *beside, "seed=1,2"], "other")[0]  # what it adds can be read
    assert again.overrides == (*run.overrides[:-1], *beside, "seed=1")


RUNS = tuple(PlannedRun(f"{number}_seed-{number}", {"seed": f"{number}"}, (f"seed={number}",)) for number in (1, 2, 3))


def test_a_record_is_gone_on_with(tmp_path) -> None:
    record = open_record(tmp_path, None, RUNS, resume=False)
    record.began("1_seed-1")
    record.ended("1_seed-1", "stopped", 2.0)
    record.ended("1_seed-1", "finished", 3.0)
    record.began("2_seed-2")
    again = open_record(tmp_path, None, RUNS, resume=True)
    assert [state.status for state in again.states.values()] == ["finished", "running", "waiting"]
    assert again.states["1_seed-1"].seconds == 5.0


@pytest.mark.carries_out(
    "name the same experiment and values, or choose another --run-dir",
    "pass --resume to go on, or choose another --run-dir",
    "leave --resume out to start one",
    "choose another --run-dir",
)
def test_a_folder_of_something_else_is_refused(tmp_path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.mkdir()
    (other / "thesis.tex").write_text("whole")
    with pytest.raises(ArtefactError, match="no sweep to resume"):
        open_record(mine, None, RUNS, resume=True)
    open_record(mine, None, RUNS, resume=False)
    with pytest.raises(ArtefactError, match="holds a sweep already"):
        open_record(mine, None, RUNS, resume=False)
    before = (mine / "sweep.json").read_bytes()
    for runs in (RUNS[:2], (*RUNS[:2], PlannedRun("3_seed-3", {}, ("seed=4",)))):
        with pytest.raises(ArtefactError, match="holds another sweep"):
            open_record(mine, None, runs, resume=True)
    with pytest.raises(ArtefactError, match=r"its experiment is the demo, got a\.yaml"):
        open_record(mine, tmp_path.__class__("a.yaml"), RUNS, resume=True)
    assert (mine / "sweep.json").read_bytes() == before
    open_record(mine, None, RUNS, resume=True)
    with pytest.raises(ArtefactError, match="holds other files"):
        open_record(other, None, RUNS, resume=False)
    (tmp_path / "third").mkdir()
    open_record(tmp_path / "third", None, RUNS, resume=False)
    (mine / "sweep.json").write_text("{}")
    with pytest.raises(ArtefactError, match="damaged"):
        open_record(mine, None, RUNS, resume=True)


@pytest.mark.parametrize(
    ("statuses", "number", "code"),
    [
        (("finished", "finished", "finished"), None, 0),
        (("finished", "failed", "stopped"), signal.SIGINT, 1),
        (("finished", "stopped", "waiting"), signal.SIGINT, 130),
        (("finished", "stopped", "waiting"), signal.SIGTERM, 75),
        (("finished", "stopped", "finished"), None, 75),
    ],
)
def test_the_exit_code_says_what_has_become_of_all(tmp_path, statuses, number, code) -> None:
    record = open_record(tmp_path, None, RUNS, resume=False)
    for run, status in zip(RUNS, statuses, strict=True):
        if status != "waiting":
            record.ended(run.name, status, 1.0)
    assert Sweep(RUNS, tmp_path, record, number).exit_code == code


HISTORY = """step,training_loss,validation_loss,learning_rate,rollout
1,0.9,,0.1,1
2,0.8,0.75,0.1,1
3,0.7,0.5,0.1,1
4,0.7,0.625,0.1,1
5,0.7,0.1"""


@pytest.fixture
def results(tmp_path):
    record = open_record(tmp_path, None, RUNS, resume=False)
    for number, text in enumerate([HISTORY, HISTORY.replace("0.5,", "0.25,"), ""]):
        (tmp_path / RUNS[number].name).mkdir()
        (tmp_path / RUNS[number].name / "history.csv").write_text(text)
    record.ended(RUNS[0].name, "finished", 7.0)
    return [read_result(tmp_path, run, record.states[run.name]) for run in RUNS]


def test_a_row_that_is_being_written_does_not_count(results, tmp_path) -> None:
    history = tmp_path / RUNS[0].name / "history.csv"
    assert read_validations(history) == [(2, 0.75), (3, 0.5), (4, 0.625)]
    assert read_last_step(history) == 4
    assert read_last_step(tmp_path / "none.csv") == 0


def test_the_table_has_the_values_and_what_they_reach(results, tmp_path) -> None:
    assert results[0].to_dict() == {
        "run": "1_seed-1",
        "seed": "1",
        "status": "finished",
        "best_validation_loss": 0.5,
        "best_step": 3,
        "final_validation_loss": 0.625,
        "steps": 4,
        "seconds": 7.0,
    }
    assert results[2].to_dict()["best_validation_loss"] is None
    assert best_of(results) is results[1]
    assert best_of(results[2:]) is None
    lines = table_lines(results)
    assert [line[0] for line in lines] == [" ", " ", "*", " "]
    write_csv(tmp_path / "sweep.csv", results)
    with (tmp_path / "sweep.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["best_validation_loss"] for row in rows] == ["0.5", "0.25", ""]


def test_the_log_tells_how_far_each_training_is(results, caplog) -> None:
    caplog.set_level("INFO", "wxml")
    shown = RunProgress({run.name: 10 for run in RUNS[:2]})
    for steps in (1, 1, 5):
        shown.update([replace(result, status="running", steps=steps) for result in results])
    shown.update([replace(results[0], status="finished", steps=10)])
    shown.close()
    assert [record.getMessage() for record in caplog.records] == [
        "1_seed-1: step 1 of 10, validation loss 0.625",
        "2_seed-2: step 1 of 10, validation loss 0.625",
        "1_seed-1: step 5 of 10, validation loss 0.625",
        "2_seed-2: step 5 of 10, validation loss 0.625",
    ]


def test_the_page_needs_nothing_beside_it(results) -> None:
    page = sweep_page("mine <b>", results)
    assert "mine &lt;b&gt;" in page
    assert "1 finished, 2 waiting" in page
    assert page.count("<svg") == 3  # all together, and the two that were validated
    assert page.count("<td class='number good'>") == len(results[1].to_dict())
    assert not [word for word in ("http:", "https:", "src=", "<script", "@import") if word in page]


def test_more_trainings_than_colours_have_no_chart_together() -> None:
    many = [
        Result(f"{number}", {"seed": f"{number}"}, "finished", [(1, 0.5), (2, 0.25)], 2, 1.0) for number in range(9)
    ]
    assert sweep_page("many", many).count("<svg") == 9


def test_losses_that_lie_close_together_have_numbers_at_their_axis() -> None:
    one = Result("1", {"seed": "1"}, "finished", [(1, 0.877), (2, 0.871), (3, 0.866)], 3, 1.0)
    page = sweep_page("one", [one])
    assert all(f">{number}</text>" in page for number in ("0.87", "0.875"))
