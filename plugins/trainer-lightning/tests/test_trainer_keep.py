"""The checkpoints that are kept while a training goes on."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wxml import ConfigError
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.artefacts.run_folder import KeptCheckpoint, checkpoint_in, kept_checkpoints
from wxml.plugins.create import parse_options
from wxml_trainer_lightning.kept import Kept
from wxml_trainer_lightning.metrics.deterministic import Rmse
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
    """It is refused before the first step, with all names: those of metrics that are left out are not among them."""
    options: dict[str, Any] = {"metrics": ["rmse", "crps"], "regions": {"north": {"south": 0}}, "validation_every": 12}
    with pytest.raises(ConfigError, match="a validation finds no 'rmse/t/6h'") as refused:
        fit(advection, tmp_path / "run", keep={"best": {"metric": "rmse/t/6h"}}, **options)
    names = [f"validation/rmse/{name}/6h{where}" for name in ("q", "t") for where in ("", "/north")]
    assert f"did you mean 'validation/rmse/t/6h'?   known: {', '.join([*names, 'validation_loss'])} " in str(
        refused.value
    )
    assert "training.keep.best.metric" in str(refused.value)
    assert not losses_of(tmp_path / "run")
    fit(advection, tmp_path / "again", keep={"best": {"metric": "validation/rmse/t/6h"}}, **options)


def scores_of(run: Path, *of: str) -> dict[int, float]:
    """One of the metrics in their table, by step."""
    with (run / "metrics.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if (row["metric"], row["variable"], row["lead"], row["region"]) == of
        ]
    return {int(row["step"]): float(row["value"]) for row in rows}


@pytest.mark.parametrize(
    ("metric", "mode"),
    [("rmse/t/12h", "min"), ("rmse/q/6h/north", "max"), ("bias/q/12h", "max"), ("acc/t/6h", "max")],
)
def test_any_metric_says_what_is_the_best(fit, advection, tmp_path: Path, metric: str, mode: str) -> None:
    """Of one variable, at one lead time, in one region; the files and the checkpoint are those of the best values."""
    run, name = tmp_path / "run", f"validation/{metric}"
    fit(
        advection,
        run,
        keep={"best": {"metric": name, "mode": mode, "k": 2}},
        metrics=["rmse", "bias", "acc"],
        regions={"north": {"south": 0}},
        rollout={"maximum": 2},
        validation_every=2,
        learning_rate=0.05,
    )
    of = [*metric.split("/"), "all"][:4]
    scores = scores_of(run, *of)
    assert len(scores) == 6
    best = sorted(scores, key=scores.__getitem__, reverse=mode == "max")[:2]
    assert steps_in(run) == sorted(best)
    (first,) = [one for one in kept_checkpoints(run) if one.best]
    assert first.step == best[0]
    assert first.metrics[name] == scores[best[0]]
    kept, end = (load_checkpoint(path) for path in (checkpoint_in(run, "best"), run / "checkpoint.safetensors"))
    assert all(torch.equal(kept.weights[each], end.weights[each]) for each in end.weights)
    assert end.header["training"]["weights_of_step"] == best[0]


def test_a_metric_of_an_ensemble_says_what_is_the_best(shaken_advection, fit, tmp_path: Path) -> None:
    run, keep = tmp_path / "run", {"best": {"metric": "validation/crps/t/6h", "k": 1}}
    fit(shaken_advection, run, keep=keep, metrics="crps", members=2, loss={"plugin": "crps"}, validation_every=3)
    scores = scores_of(run, "crps", "t", "6h", "all")
    assert len(scores) == 4
    assert steps_in(run) == [min(scores, key=scores.__getitem__)]


def test_a_number_that_is_not_finite_is_no_best_one(fit, advection, tmp_path: Path, monkeypatch) -> None:
    """As an anomaly correlation where there is no anomaly: this validation is passed over."""
    value, calls = Rmse.value, []

    def at_first_none(self: Rmse, means: Any) -> Any:
        calls.append(None)
        return value(self, means) * (np.nan if len(calls) <= 2 else 1)  # of persistence, and of the first validation

    monkeypatch.setattr(Rmse, "value", at_first_none)
    keep = {"best": {"metric": "validation/rmse/t/6h", "mode": "max", "k": 3}}
    fit(advection, tmp_path / "run", keep=keep, metrics="rmse", validation_every=4)
    assert steps_in(tmp_path / "run") == [8, 12]


@pytest.mark.slow
def test_two_processes_keep_what_one_keeps(world, tmp_path: Path) -> None:
    """By a metric, of which each knows the sums of its own samples; the first one writes.

    Of five samples, in batches of four and of one, the second process has none in the last one.
    """
    made = world.experiment()
    options: dict[str, Any] = {
        "keep": {"every": 5, "last": 1, "best": {"metric": "validation/rmse/q/6h", "k": 2}},
        "metrics": "rmse",
        "validation_every": 2,
        "validation_samples": 5,
        "learning_rate": 0.05,
    }
    one, two = (world.fit(made, tmp_path / f"{n}", devices=n, **options).parent for n in (1, 2))
    assert steps_in(two) == steps_in(one)
    assert len(steps_in(one)) in (2, 3)
    for ours, theirs in zip(kept_checkpoints(two), kept_checkpoints(one), strict=True):
        assert (ours.step, ours.best) == (theirs.step, theirs.best)
        assert ours.metrics == pytest.approx(theirs.metrics, rel=1e-5)
        weights = [load_checkpoint(checkpoint_in(run, str(ours.step))).weights for run in (one, two)]
        torch.testing.assert_close(*weights, rtol=1e-5, atol=1e-6)
    best = [load_checkpoint(run / "checkpoint.safetensors").header["training"]["weights_of_step"] for run in (one, two)]
    assert best[0] == best[1]


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
