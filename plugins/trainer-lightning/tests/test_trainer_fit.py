"""Whole trainings, of seconds."""

import csv
import random
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from wxml.artefacts.checkpoint import load_checkpoint
from wxml.data.transforms.impute import Impute
from wxml.data.variables import VariableRoles
from wxml.errors import ArtefactError, ConfigError, DataError
from wxml.forecasting.rollout import rollout
from wxml.model.tensors import to_array
from wxml.testing import TravellingWaves
from wxml_trainer_lightning import history as history_module
from wxml_trainer_lightning.batch_forecast import BatchForecast, Layout
from wxml_trainer_lightning.batches import Samples, sample_indices
from wxml_trainer_lightning.state import StateFile


def rows(run_dir):
    with (run_dir / "history.csv").open() as file:
        return list(csv.DictReader(file))


def rising(warmup, **options):
    """The schedule `cosine` with another share of the rise."""
    return {"plugin": "cosine", "warmup": warmup, **options}


def losses(run_dir):
    return [float(row["training_loss"]) for row in rows(run_dir)]


@pytest.fixture
def run_dir(tmp_path):
    return tmp_path / "run"


def test_training_learns_the_waves(advection, fit, run_dir) -> None:
    path = fit(advection, run_dir, max_steps=150, learning_rate=0.03)
    checkpoint = load_checkpoint(path)
    assert path == run_dir / "checkpoint.safetensors"
    assert checkpoint.header["training"]["validation_loss"] < 1e-3 * losses(run_dir)[0]
    model = advection.new_model()
    model.load_state_dict(checkpoint.weights)
    sample = torch.from_numpy(advection.samples("validation", 1)[3]).transpose(1, 2)[None]
    forecast = model(sample[:, :2, :, :2], sample[:, :2, :, 2:])[:, 0].detach()
    assert float((forecast - sample[:, 2, :, :2]).abs().max()) < 0.05  # standard deviations


def test_the_same_config_and_seed_give_the_same_file(noisy_advection, fit, tmp_path) -> None:
    options = {"ema": 0.9, "rollout": {"maximum": 2}, "validation_every": 5}
    torch.manual_seed(1)
    one = fit(noisy_advection, tmp_path / "one", **options).read_bytes()
    torch.manual_seed(2)
    np.random.seed(2)
    random.seed(2)
    assert fit(noisy_advection, tmp_path / "two", **options).read_bytes() == one


def test_another_seed_gives_other_weights(advection, fit, tmp_path) -> None:
    other = replace(advection, config=advection.config.model_copy(update={"seed": 5}))
    fit(advection, tmp_path / "one")
    fit(other, tmp_path / "two")
    assert losses(tmp_path / "one")[0] != losses(tmp_path / "two")[0]


def test_noise_in_the_model_differs_from_step_to_step(noisy_advection, fit, run_dir, monkeypatch) -> None:
    masks = []
    model = noisy_advection.new_model()
    model.dropout.register_forward_hook(lambda _module, _inputs, output: masks.append((output == 0).flatten()))
    monkeypatch.setattr(type(noisy_advection), "new_model", lambda _self: model)
    fit(noisy_advection, run_dir, max_steps=2, validation_every=50)
    assert not torch.equal(masks[0], masks[1])


def test_the_callers_torch_is_left_as_it_was(advection, fit, run_dir) -> None:
    threads, random_state = torch.get_num_threads(), torch.get_rng_state()
    fit(advection, run_dir, max_steps=2)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not torch.are_deterministic_algorithms_enabled()


def test_nothing_is_written_outside_of_the_run_and_nothing_is_said(
    advection, fit, tmp_path, monkeypatch, capfd
) -> None:
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(advection, tmp_path / "run", max_steps=3)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    files = ("checkpoint.safetensors", "history.csv", "report.html", "state.safetensors", "tracking.json")
    assert names == {"run", *(f"run/{name}" for name in files)}
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""


def test_the_history_holds_the_schedule_and_the_rollout(advection, fit, run_dir) -> None:
    fit(
        advection,
        run_dir,
        learning_rate=0.01,
        schedule=rising(0.25),
        rollout={"maximum": 3, "begin": 0.5},
        validation_every=5,
    )
    table = rows(run_dir)
    assert [int(row["step"]) for row in table] == list(range(1, 13))
    assert [int(row["rollout"]) for row in table] == [1] * 6 + [2] * 3 + [3] * 3
    rates = [float(row["learning_rate"]) for row in table]
    np.testing.assert_allclose(rates[:3], [0.01 / 3, 0.02 / 3, 0.01])
    assert rates[-1] == pytest.approx(0.01 * 0.003)
    assert [int(row["step"]) for row in table if row["validation_loss"]] == [5, 10, 12]


def test_the_first_loss_is_the_one_of_the_formula(advection, fit, run_dir) -> None:
    fit(advection, run_dir, max_steps=1, rollout={"start": 2, "maximum": 2}, batch_size=3)
    samples, model = advection.samples("training", 2), advection.new_model()
    area, scale = (
        advection.source.header.grid.area_weights,
        advection.tendency_scale,
    )
    errors = []
    for index in sample_indices(0, 0, 3, len(samples)):
        sample = torch.from_numpy(samples[index]).transpose(1, 2)[None]
        states = sample[:, :2, :, :2]
        for step in (0, 1):
            forecast = model(states, sample[:, step : step + 2, :, 2:])[:, 0].detach()
            error = (forecast - sample[:, 2 + step, :, :2])[0].numpy() / scale
            errors.append((area[:, None] * error**2).sum() / 2)
            states = torch.stack([states[:, 1], forecast], dim=1)
    assert losses(run_dir)[0] == pytest.approx(np.mean(errors), rel=1e-5)


def test_gradients_are_clipped(advection, fit, tmp_path) -> None:
    """AdamW hides the length of a gradient, but its first moment keeps it: m₁ = 0.1 · g."""
    lengths = {}
    for name, clip in (("long", None), ("short", 1e-3)):
        fit(advection, tmp_path / name, max_steps=1, gradient_clip=clip)
        moments = [tensor for key, tensor in read_tensors(tmp_path / name) if key.endswith("exp_avg")]
        lengths[name] = 10 * float(torch.cat([moment.flatten() for moment in moments]).norm())
    assert lengths["short"] == pytest.approx(1e-3, rel=1e-3)
    assert lengths["long"] > 0.1


def read_tensors(run_dir):
    from safetensors.torch import load_file

    return load_file(run_dir / "state.safetensors").items()


def test_weight_decay_shrinks_matrices_alone(advection, fit, tmp_path) -> None:
    weights = {}
    for decay in (0.0, 1.0):
        path = fit(
            advection, tmp_path / str(decay), max_steps=1, learning_rate=0.1, schedule=rising(0), weight_decay=decay
        )
        weights[decay] = load_checkpoint(path).weights
    rate = float(rows(tmp_path / "1.0")[0]["learning_rate"])
    start = advection.new_model().layer
    torch.testing.assert_close(
        weights[0.0]["layer.weight"] - weights[1.0]["layer.weight"], rate * start.weight.detach()
    )
    assert torch.equal(weights[0.0]["layer.bias"], weights[1.0]["layer.bias"])


def test_the_best_weights_are_kept_or_the_last(advection, fit, tmp_path) -> None:
    options = {
        "max_steps": 20,
        "learning_rate": 5.0,
        "schedule": rising(0.99),
        "validation_every": 2,
    }  # good at first, then wild
    best = load_checkpoint(fit(advection, tmp_path / "best", keep="best", **options))
    last = load_checkpoint(fit(advection, tmp_path / "last", keep="last", **options))
    validated = {
        int(row["step"]): float(row["validation_loss"]) for row in rows(tmp_path / "best") if row["validation_loss"]
    }
    lowest = min(validated, key=validated.__getitem__)
    assert best.header["training"]["weights_of_step"] == lowest < 20
    assert best.header["training"]["weights_validation_loss"] == validated[lowest]
    assert last.header["training"]["weights_of_step"] == best.header["training"]["steps"] == 20
    assert not torch.equal(best.weights["layer.weight"], last.weights["layer.weight"])


def test_the_averaged_weights_are_validated_and_kept(advection, fit, tmp_path) -> None:
    paths = {ema: fit(advection, tmp_path / str(ema), keep="last", ema=ema, learning_rate=0.1) for ema in (None, 0.9)}
    plain, averaged = (load_checkpoint(path) for path in paths.values())
    tensors = dict(read_tensors(tmp_path / "0.9"))
    assert torch.equal(tensors["weights/layer.weight"], plain.weights["layer.weight"])
    assert torch.equal(tensors["average/layer.weight"], averaged.weights["layer.weight"])
    assert not torch.equal(plain.weights["layer.weight"], averaged.weights["layer.weight"])
    assert plain.header["training"]["validation_loss"] != averaged.header["training"]["validation_loss"]
    assert averaged.header["training"]["averaged"]


def test_without_a_validation_period_the_last_weights_are_kept(unvalidated_advection, fit, run_dir, caplog) -> None:
    with caplog.at_level("INFO", "wxml"):
        training = load_checkpoint(fit(unvalidated_advection, run_dir)).header["training"]
    assert "no validation" in caplog.text
    assert training["validation_loss"] is None
    assert training["weights_of_step"] == 12


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_trains_and_keeps_single_precision_weights(advection, fit, run_dir, precision) -> None:
    checkpoint = load_checkpoint(fit(advection, run_dir, max_steps=60, learning_rate=0.03, precision=precision))
    assert losses(run_dir)[-1] < 0.2 * losses(run_dir)[0]
    assert {weight.dtype for weight in checkpoint.weights.values()} == {torch.float32}


def test_workers_make_the_same_file(advection, fit, tmp_path) -> None:
    paths = [fit(advection, tmp_path / str(workers), max_steps=4, workers=workers) for workers in (0, 1)]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_training_may_end_by_the_clock_with_the_lowest_learning_rate(advection, fit, run_dir) -> None:
    fit(advection, run_dir, max_steps=10**6, max_time="1s", learning_rate=0.01)
    table = rows(run_dir)
    assert 1 < len(table) < 10**5
    rates = [float(row["learning_rate"]) for row in table]
    assert rates[-1] < 0.05 * 0.01
    assert max(rates) <= 0.01
    assert np.argmax(rates) < len(rates) / 2


def test_lines_are_logged_for_every_twentieth(advection, fit, run_dir, caplog) -> None:
    with caplog.at_level("INFO", "wxml"):
        fit(advection, run_dir, max_steps=40)
    lines = [record.getMessage() for record in caplog.records]
    steps = [int(line.split()[2]) for line in lines if line.startswith("training: step ")]
    assert steps == [1, *range(2, 41, 2)]
    assert "of 40, loss" in next(line for line in lines if line.startswith("training: step "))
    assert lines[-1].startswith("training done: 40 steps in")
    assert lines[-1].endswith("checkpoint.safetensors")


def test_a_terminal_shows_a_bar_with_the_loss(advection, fit, run_dir, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    fit(advection, run_dir)
    shown = capsys.readouterr().err
    assert "12/12" in shown
    assert f"loss {losses(run_dir)[-1]:.4g}" in shown


class Normed(nn.Module):
    """Adds a layer norm, whose gradient overflows before its value does."""

    def __init__(self) -> None:
        super().__init__()
        self.wide, self.norm = nn.Linear(2, 16), nn.LayerNorm(16)

    def forward(self, states, forcings):
        return (states[:, -1] + self.norm(self.wide(states[:, -1]))[..., :2])[:, None]


FAR = {"rollout": {"start": 4, "maximum": 4}}
LONG_RISE = {"schedule": rising(0.99, final_ratio=1.0)}


@pytest.mark.parametrize("every", [1, 100], ids=["with a state of the first step", "without a state"])
@pytest.mark.parametrize(
    ("message", "broken", "ways"),
    [
        pytest.param(
            "the training loss is inf at step 2",
            {"learning_rate": 1e4, **FAR},
            [{"learning_rate": 10, **FAR}, {"learning_rate": 1e4, **LONG_RISE, **FAR}],
            marks=pytest.mark.carries_out(
                "try a lower `training.learning_rate`, a longer `training.schedule.warmup`, or another "
                "`training.precision` than 16-mixed{}"
            ),
        ),
        pytest.param(
            "the weight `wide.weight` is not finite after step 2, though the loss was",
            {"learning_rate": 1e13},
            [{"learning_rate": 10}, {"learning_rate": 1e13, **LONG_RISE}],
            marks=pytest.mark.carries_out(
                "try a lower `training.learning_rate` or a longer `training.schedule.warmup`{}"
            ),
        ),
        pytest.param(
            "the moment `layer.weight/exp_avg_sq` of the optimizer is not finite after step 2: the gradient",
            {"learning_rate": 1e3, "gradient_clip": None, **FAR},
            [{"learning_rate": 1e3, "gradient_clip": 1.0, **FAR}, {"learning_rate": 10, "gradient_clip": None, **FAR}],
            marks=pytest.mark.carries_out("set `training.gradient_clip`, or try a lower `training.learning_rate`{}"),
        ),
    ],
    ids=["loss", "weight", "moment"],
)
def test_a_training_that_diverges_is_told_how_it_would_not(
    advection, fit, tmp_path, monkeypatch, every, message, broken, ways
) -> None:
    if message.startswith("the weight"):
        monkeypatch.setattr(type(advection), "new_model", lambda _self: seeded(Normed))
    options = {"max_steps": 2, "schedule": rising(0.0, final_ratio=1.0), "checkpoint_every": every}
    with pytest.raises(DataError, match=message) as caught:
        fit(advection, tmp_path / "0", **(options | broken))
    kept = "in another directory; the last good state was kept" in caught.value.fix
    assert kept == (tmp_path / "0" / "state.safetensors").exists() == (every == 1)
    for number, way in enumerate(ways, start=int(kept)):
        fit(advection, tmp_path / str(number), **(options | way))
        assert len(losses(tmp_path / str(number))) == 2


def seeded(kind):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind()


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_state(advection, fit, run_dir) -> None:
    options = {
        "max_steps": 400,
        "learning_rate": 1e30,
        "gradient_clip": None,
        "checkpoint_every": 1,
        "schedule": rising(0),
    }
    with pytest.raises(DataError, match=r"not finite|training loss is (nan|inf) at step"):
        fit(advection, run_dir, **options)
    assert not (run_dir / "checkpoint.safetensors").exists()
    for name, tensor in read_tensors(run_dir) if (run_dir / "state.safetensors").exists() else ():
        assert bool(torch.isfinite(tensor).all()), name


@pytest.mark.carries_out("pass --resume to go on with it, or choose another directory")
def test_a_fit_where_a_training_is_already_is_refused(advection, fit, run_dir, tmp_path) -> None:
    checkpoint = fit(advection, run_dir, max_steps=1).read_bytes()
    with pytest.raises(ArtefactError, match="holds a training already"):
        fit(advection, run_dir, max_steps=1)
    assert fit(advection, run_dir, max_steps=1, resume=True).read_bytes() == checkpoint
    assert fit(advection, tmp_path / "another", max_steps=1).read_bytes() == checkpoint


def test_a_config_mistake_is_found_before_anything_is_written(advection, fit, run_dir) -> None:
    with pytest.raises(ConfigError, match="no variable 'z'"):
        fit(advection, run_dir, loss_weights={"by-variable": {"weights": {"z": 1.0}}}, tracker="mlflow")
    assert list(run_dir.iterdir()) == []
    assert not (run_dir.parent / "mlflow.db").exists()


def test_a_period_too_short_for_the_rollout_is_refused_at_once(advection, fit, run_dir) -> None:
    with pytest.raises(DataError, match="no sample fits"):
        fit(advection, run_dir, rollout={"maximum": 50})


def test_training_works_in_a_thread(advection, fit, run_dir) -> None:
    thread = threading.Thread(target=fit, args=(advection, run_dir), kwargs={"max_steps": 2})
    thread.start()
    thread.join()
    assert (run_dir / "checkpoint.safetensors").exists()


def test_state_writes_survive_a_slow_history(advection, fit, run_dir, monkeypatch) -> None:
    """The rows of a state are in the file before the state is, however rarely rows are flushed."""
    monkeypatch.setattr(history_module, "FLUSH_SECONDS", 1e9)
    written = StateFile.write
    seen = []

    def write(self, state) -> None:
        seen.append((state.position.step, len(rows(self.run_dir))))
        written(self, state)

    monkeypatch.setattr(StateFile, "write", write)
    fit(advection, run_dir, checkpoint_every=5)
    assert seen == [(5, 5), (10, 10), (12, 12)]


def test_a_validation_that_is_not_finite_is_never_the_best(advection, fit, run_dir, monkeypatch) -> None:
    from wxml_trainer_lightning.module import ForecastModule

    found = iter([float("nan"), 0.5, float("inf")])
    monkeypatch.setattr(ForecastModule, "validation_losses", lambda *_: [next(found)])
    training = load_checkpoint(fit(advection, run_dir, validation_every=5)).header["training"]
    assert training["weights_of_step"] == 10
    assert training["weights_validation_loss"] == 0.5
    assert training["validation_loss"] is None


def test_the_options_are_read_without_torch_and_lightning() -> None:
    code = (
        "import sys, wxml_trainer_lightning.trainer;"
        "print({'torch', 'lightning', 'mlflow'} & {name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_one_device_is_trained_without_what_takes_seconds_to_import(tmp_path) -> None:
    """Lightning, and torch's compilers, which torch imports where nobody thinks of them."""
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import ranks_world
from pathlib import Path
ranks_world.fit(ranks_world.experiment(), Path({str(tmp_path)!r}), max_steps=1)
print({{"lightning", "torchmetrics", "sympy", "torch._dynamo", "torch._inductor", "mlflow"}} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "set()"), done.stderr


class Ends(TravellingWaves):
    """The waves, of which the variables in `lacking` have no value from time number `end` on, on 16 January."""

    def __init__(self, lacking: tuple[int, ...], end: int) -> None:
        super().__init__()
        self.lacking = lacking
        self.end = end

    def _read(self, time_indices, variable_indices, out) -> None:
        super()._read(time_indices, variable_indices, out)
        for i, j in np.ndindex(len(time_indices), len(variable_indices)):
            if time_indices[i] >= self.end and variable_indices[j] in self.lacking:
                out[i, :, j] = np.nan


def ending(advection, lacking: tuple[int, ...], end: int = 60):
    """The experiment on data that end early, with imputed inputs."""
    space = advection.preprocessing
    chain = (Impute(advection.statistics), *space.transforms)
    return replace(advection, preprocessing=replace(space, source=Ends(lacking, end), transforms=chain))


def over(experiment, **periods):
    """The experiment with other periods of the split."""
    data = experiment.config.data
    split = type(data.split).model_validate({**data.split.model_dump(), **periods})
    config = experiment.config.model_copy(update={"data": data.model_copy(update={"split": split})})
    return replace(experiment, config=config)


@pytest.mark.carries_out("choose another `data.split.validation`, or leave it out")
def test_a_validation_without_truth_is_refused_before_the_training(fit, advection, tmp_path) -> None:
    with pytest.raises(DataError, match=r"present in the 4 samples of `data.split.validation`"):
        fit(ending(advection, (0, 1)), tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    for name, period in (("another", ["2000-01-14", "2000-01-15"]), ("none", None)):
        path = fit(over(ending(advection, (0, 1)), validation=period), tmp_path / name, max_steps=1)
        loss = load_checkpoint(path).header["training"]["validation_loss"]
        assert (loss is None) if period is None else (loss > 0)


def test_a_validation_with_some_truth_counts_that(fit, advection, tmp_path) -> None:
    checkpoint = load_checkpoint(fit(ending(advection, (1,)), tmp_path))
    assert checkpoint.header["training"]["validation_loss"] > 0


@pytest.mark.carries_out("choose another `data.split.training`, or forecast other variables")
def test_a_training_without_truth_is_refused_before_it_begins(fit, unvalidated_advection, tmp_path) -> None:
    """After 5 January `q` has no values; each sample of the later training lacks its truth."""

    def forecasting(name: str, *training: str):
        experiment = over(ending(unvalidated_advection, (1,), end=20), training=training)
        roles = VariableRoles((name,), ("cos_latitude",))
        return replace(experiment, preprocessing=replace(experiment.preprocessing, roles=roles))

    early, late = ("2000-01-01", "2000-01-05"), ("2000-01-06", "2000-01-15")
    with pytest.raises(DataError, match=r"present in the \d+ samples of `data.split.training`"):
        fit(forecasting("q", *late), tmp_path)
    assert not list(tmp_path.iterdir())
    for name, period in (("q", early), ("t", late)):
        fit(forecasting(name, *period), tmp_path / name, max_steps=1)
        assert losses(tmp_path / name)[0] > 0


@pytest.mark.parametrize("end", [10, 30, 50])
def test_steps_without_truth_have_no_loss_and_are_warned_of(fit, unvalidated_advection, tmp_path, caplog, end) -> None:
    experiment = ending(unvalidated_advection, (0, 1), end)
    checkpoint = load_checkpoint(fit(experiment, tmp_path, batch_size=1))
    found = [row["training_loss"] for row in rows(tmp_path)]
    count, inputs = len(experiment.samples("training", 1)), experiment.config.data.input_steps
    chosen = [sample_indices(experiment.config.seed, step, 1, count)[0] for step in range(12)]
    assert [loss == "" for loss in found] == [index + inputs >= end for index in chosen]
    assert "" in found
    assert all(float(loss) > 0 for loss in found if loss)
    assert caplog.text.count("it has no training loss") == 1
    assert checkpoint.header["training"]["training_loss"] == (float(found[-1]) if found[-1] else None)


@pytest.mark.parametrize("lacking", [(), (0,), (1,), (0, 1)])
@pytest.mark.parametrize("initial", [8, 9, 20])
def test_a_rollout_in_training_is_that_of_a_forecast(advection, lacking, initial) -> None:
    """Bit for bit, also where an input was filled in, from time number 9 on, and is not fed back."""
    experiment, steps = ending(advection, lacking, end=9), 4
    inputs, names = experiment.config.data.input_steps, experiment.roles.output
    model = experiment.new_model().eval()
    own_steps = BatchForecast(Layout(inputs, 2, 2))
    samples = Samples({steps: experiment.samples("training", steps)})
    batch = samples[[(steps, initial - inputs + 1)]]
    assert bool(batch.imputed.any()) == (initial >= 9 and lacking != ())
    times = experiment.source.header.times[[initial]]
    forecast = rollout(experiment, model, times, steps)
    with torch.inference_mode():
        for output, (_, fields) in zip(own_steps.run(model, batch, 0)[:, 0].unbind(1), forecast, strict=True):
            own = experiment.preprocessing.inverse(to_array(output), names)[0]
            own[batch.imputed[0].T.numpy()] = np.nan
            np.testing.assert_array_equal(own, fields.values[0])
