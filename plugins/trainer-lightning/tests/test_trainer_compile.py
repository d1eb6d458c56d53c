"""Compiled models train like others, and where nothing compiles, one line says so."""

import csv
import logging
import shutil

import numpy as np
import pytest
import torch
from wxml_trainer_lightning.compilation import compile_model

OPTIONS = {"rollout": {"maximum": 2}, "validation_every": 5, "learning_rate": 0.01, "ema": 0.9}
HAS_COMPILER = shutil.which("g++") is not None


@pytest.fixture(autouse=True)
def forgotten():
    """Nothing that was compiled for another test is used."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def losses(run_dir, name="training_loss"):
    with (run_dir / "history.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


@pytest.mark.slow
@pytest.mark.parametrize(
    "compiler",
    ["aot-eager", pytest.param("inductor", marks=pytest.mark.skipif(not HAS_COMPILER, reason="needs a C++ compiler"))],
)
def test_a_compiled_model_trains_like_another_and_resumes_bit_by_bit(
    advection, fit, tmp_path, compiler, caplog
) -> None:
    fit(advection, tmp_path / "plain", **OPTIONS)
    whole = fit(advection, tmp_path / "whole", compile=compiler, **OPTIONS).read_bytes()
    assert "is not compiled" not in caplog.text
    assert sum(torch._dynamo.utils.counters["stats"].values()) > 0
    for name in ("training_loss", "validation_loss"):
        np.testing.assert_allclose(losses(tmp_path / "whole", name), losses(tmp_path / "plain", name), rtol=1e-5)

    def stop(*_):
        raise InterruptedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wxml_trainer_lightning.state.StateFile.write", written_then(stop))
        with pytest.raises(InterruptedError):
            fit(advection, tmp_path / "broken", compile=compiler, checkpoint_every=4, **OPTIONS)
    torch.compiler.reset()
    resumed = fit(advection, tmp_path / "broken", compile=compiler, resume=True, checkpoint_every=4, **OPTIONS)
    assert resumed.read_bytes() == whole


def written_then(stop):
    from wxml_trainer_lightning.state import StateFile

    write = StateFile.write

    def writing(self, state):
        write(self, state)
        stop()

    return writing


def test_where_nothing_compiles_one_line_says_so_and_the_model_is_as_it_was(caplog, monkeypatch) -> None:
    def fails(*_, **__):
        raise RuntimeError("no working C++ compiler was found\nand much more")

    monkeypatch.setattr("torch.compile", fails)
    model = torch.nn.Linear(2, 2)
    with caplog.at_level(logging.WARNING, "wxml"):
        compile_model(model, "inductor", "cpu")
    assert [record.getMessage() for record in caplog.records] == [
        "the model is not compiled, since `inductor` does not work on this machine: no working C++ compiler was found"
    ]
    assert model(torch.ones(1, 2)).shape == (1, 2)
    assert model._compiled_call_impl is None


def test_a_loss_that_is_not_finite_is_traced_in_a_compiled_model_too(advection, fit, tmp_path, monkeypatch) -> None:
    model = advection.new_model()
    torch.nn.init.constant_(model.layer.weight, torch.nan)
    monkeypatch.setattr(type(advection), "new_model", lambda _self: model)
    with pytest.raises(ValueError, match="the output of `layer` is the first that is not finite"):
        fit(advection, tmp_path / "run", compile="aot-eager")
