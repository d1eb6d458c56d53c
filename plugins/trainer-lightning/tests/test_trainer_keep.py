"""The checkpoints that are kept while a training goes on."""

import csv
from pathlib import Path
from typing import Any

import pytest
import torch
from wxml import ConfigError
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.artefacts.run_folder import KeptCheckpoint, checkpoint_in, kept_checkpoints
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.kept import Kept
from wxml_trainer_lightning.options import Keep
from wxml_trainer_lightning.trainer import LightningTrainer

carries_out = pytest.mark.carries_out


def steps_in(run: Path) -> list[int]:
    """The steps of the files in the folder of kept checkpoints."""
    return sorted(int(path.stem.removeprefix("step-")) for path in (run / "checkpoints").glob("step-*.safetensors"))


def losses_of(run: Path) -> dict[int, float]:
    """The validation losses in the history, by step."""
    with (run / "history.csv").open() as file:
        return {
            int(row["step"]): float(row["validation_loss"]) for row in csv.DictReader(file) if row["validation_loss"]
        }


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_word_keeps_no_files(fit, advection, tmp_path: Path, keep: str) -> None:
    fit(advection, tmp_path / "run", keep=keep)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_the_newest_of_every_few_steps_stay(fit, advection, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(advection, run, keep={"every": 3, "last": 2})
    assert steps_in(run) == [9, 12]
    assert [one.step for one in kept_checkpoints(run)] == [9, 12]
    kept, end = (load_checkpoint(path).weights for path in (checkpoint_in(run, "12"), run / "checkpoint.safetensors"))
    assert all(torch.equal(kept[name], end[name]) for name in end)
    assert len(list((run / "checkpoints").glob("graph-*"))) == 1


def test_the_best_stay(fit, advection, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(advection, run, keep={"best": {"k": 2}}, validation_every=2, learning_rate=0.05)
    losses = losses_of(run)
    best = sorted(losses, key=lambda step: losses[step])[:2]
    assert steps_in(run) == sorted(best)
    assert [one.step for one in kept_checkpoints(run) if one.best] == best[:1]
    kept, end = (load_checkpoint(path).weights for path in (checkpoint_in(run, "best"), run / "checkpoint.safetensors"))
    assert all(torch.equal(kept[name], end[name]) for name in end)
    assert load_checkpoint(checkpoint_in(run, "best")).header["training"]["metrics"] == {
        "validation_loss": losses[best[0]]
    }


def test_the_greatest_may_be_the_best(fit, advection, tmp_path: Path) -> None:
    run = tmp_path / "run"
    fit(advection, run, keep={"best": {"mode": "max", "k": 1}}, validation_every=2)
    losses = losses_of(run)
    assert steps_in(run) == [max(losses, key=lambda step: losses[step])]
    header = load_checkpoint(run / "checkpoint.safetensors").header
    assert header["training"]["weights_of_step"] == steps_in(run)[0]


@carries_out("write one of these names")
def test_a_number_that_no_validation_finds(fit, advection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a validation finds no 'rmse'"):
        fit(advection, tmp_path / "run", keep={"best": {"metric": "rmse"}})
    fit(advection, tmp_path / "again", keep={"best": {"metric": "validation_loss"}})


def test_kept_files_do_not_change_the_result(fit, advection, tmp_path: Path) -> None:
    plain = fit(advection, tmp_path / "plain").read_bytes()
    assert fit(advection, tmp_path / "kept", keep={"every": 2, "best": {"k": 3}}).read_bytes() == plain


def test_a_resumed_training_goes_on_with_what_was_kept(fit, advection, interrupted, tmp_path: Path) -> None:
    options: dict[str, Any] = {"keep": {"every": 2, "last": 3}, "checkpoint_every": 1}
    fit(advection, tmp_path / "whole", **options)
    run = tmp_path / "run"
    interrupted(advection, run, **options)
    before = steps_in(run)
    assert before
    assert max(before) < 12
    fit(advection, run, resume=True, **options)
    assert steps_in(run) == steps_in(tmp_path / "whole") == [8, 10, 12]


def test_by_time(advection, tmp_path: Path) -> None:
    """Each step takes four seconds."""
    kept = Kept(advection, Keep(every="10s"), tmp_path, 0)
    weights = advection.new_model().state_dict()
    for step in range(1, 9):
        kept.after(KeptCheckpoint(step, 4.0 * step), False, lambda: weights, {})
    assert steps_in(tmp_path) == [3, 5, 8]  # after 12, 20 and 32 s: the first steps at or beyond 10, 20 and 30 s


@carries_out("write one of these")
def test_a_word_that_means_nothing() -> None:
    with pytest.raises(ConfigError, match="must be a section, 'best' or 'last', got 'first'"):
        parse_options(LightningTrainer, {"keep": "first"})
    assert parse_options(LightningTrainer, {"keep": "last"})["keep"] == Keep()
