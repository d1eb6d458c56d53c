"""The history file."""

import math

import torch
from wxml_trainer_lightning.history import History

YES, NO = torch.tensor(True), torch.tensor(False)
HEADER = "step,training_loss,validation_loss,learning_rate,rollout\n"


def test_rows_are_written_in_order_and_heard(tmp_path) -> None:
    heard = []
    history = History(tmp_path / "history.csv", 0, [heard.extend])
    history.record(1, torch.tensor(0.5), YES, 0.1, 1)
    history.record(2, torch.tensor(0.25), YES, 0.2, 1)
    history.validated(0.75)
    assert (tmp_path / "history.csv").read_text() == HEADER  # nothing before it is flushed
    history.flush()
    history.flush()
    assert (tmp_path / "history.csv").read_text() == HEADER + "1,0.5,,0.1,1\n2,0.25,0.75,0.2,1\n"
    assert [row.training_loss for row in heard] == [0.5, 0.25]
    assert history.last == heard[-1]


def test_what_lies_beyond_the_resumed_step_is_dropped_and_so_is_a_torn_row(tmp_path) -> None:
    path = tmp_path / "history.csv"
    path.write_text(HEADER + "1,0.5,,0.1,1\n2,0.25,,0.1,1\n3,0.125,,0.1,1\n1")
    History(path, 2, [])
    assert path.read_text() == HEADER + "1,0.5,,0.1,1\n2,0.25,,0.1,1\n"


def test_a_history_that_is_no_history_is_begun_again(tmp_path) -> None:
    path = tmp_path / "history.csv"
    path.write_text("some\nother,file\n")
    History(path, 5, [])
    assert path.read_text() == HEADER


def test_a_step_without_truth_has_no_loss_and_the_first_one_is_told(tmp_path, caplog) -> None:
    heard = []
    history = History(tmp_path / "history.csv", 0, [heard.extend])
    for step, has_truth in enumerate((YES, NO, NO, YES), start=1):
        history.record(step, torch.tensor(0.5 if has_truth else 0.0), has_truth, 0.1, 1)
        history.flush()
    assert (tmp_path / "history.csv").read_text() == HEADER + "1,0.5,,0.1,1\n2,,,0.1,1\n3,,,0.1,1\n4,0.5,,0.1,1\n"
    assert [row.training_loss for row in heard] == [0.5, None, None, 0.5]
    assert [record.args[0] for record in caplog.records] == [2]


def test_each_of_several_grids_has_a_column(tmp_path, caplog) -> None:
    heard = []
    history = History(tmp_path / "history.csv", 0, [heard.extend], ["globe", "north"])
    for step in (1, 2):
        history.record(step, torch.tensor(0.5), YES, 0.1, 1)
    history.validated(0.75, 0.25, math.nan)
    history.flush()
    header = f"{HEADER.strip()},validation_loss_globe,validation_loss_north\n"
    assert (tmp_path / "history.csv").read_text() == header + "1,0.5,,0.1,1,,\n2,0.5,0.75,0.1,1,0.25,\n"
    losses = {"training_loss": 0.5, "validation_loss": 0.75, "validation_loss_globe": 0.25}
    assert heard[1].metrics == {"learning_rate": 0.1, "rollout": 1.0, **losses}
    History(tmp_path / "history.csv", 1, [], ["globe", "north"])
    assert (tmp_path / "history.csv").read_text() == header + "1,0.5,,0.1,1,,\n"
