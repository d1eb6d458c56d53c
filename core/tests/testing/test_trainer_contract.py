"""The contract of trainers: a good one passes, each broken one is found out."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from wxml.errors import ArtefactError
from wxml.testing import TrainerContract
from wxml.training.trainer import Trainer


class Descent(Trainer):
    """Gradient descent on the whole training period; every fifth step is kept to resume from."""

    def __init__(self, *, max_steps: int = 30, rate: float = 0.05) -> None:
        self.max_steps = max_steps
        self.rate = rate

    def fit(self, experiment, run_dir, *, resume=False):
        state = run_dir / "state.safetensors"
        if resume and not state.exists():
            raise ArtefactError(f"there is nothing to resume in `{run_dir}`", fix="train first")
        model, first = experiment.new_model(), 0
        if resume:
            kept = load_file(state)
            first = int(kept.pop("step"))
            model.load_state_dict(kept)
        self.train(experiment, model, first, state)
        path = run_dir / "checkpoint.safetensors"
        experiment.save(path, model.state_dict(), {"steps": self.max_steps})
        return path

    def train(self, experiment, model, first, state) -> None:
        samples = experiment.samples("training", 1)
        windows = torch.stack([torch.from_numpy(samples[i]).transpose(1, 2) for i in range(len(samples))])
        for step in range(first, self.max_steps):
            if step % 5 == 0:
                save_file(model.state_dict() | {"step": torch.tensor(step)}, state)
            model.zero_grad()
            error = model(windows[:, :2, :, :2], windows[:, :2, :, 2:]) - windows[:, 2:, :, :2]
            error.square().mean().backward()
            with torch.no_grad():
                for weight in model.parameters():
                    weight.sub_(self.rate * weight.grad)


class TestDescent(TrainerContract):
    plugin = Descent


class Ascent(Descent):
    def __init__(self) -> None:
        super().__init__(rate=-0.05)


class OtherName(Descent):
    def fit(self, experiment, run_dir, *, resume=False):
        path = super().fit(experiment, run_dir, resume=resume)
        return path.rename(run_dir / "model.safetensors")


class OtherWeights(Descent):
    def fit(self, experiment, run_dir, *, resume=False):
        path = run_dir / "checkpoint.safetensors"
        experiment.save(path, {"weight": torch.zeros(3)}, {})
        return path


class Unseeded(Descent):
    def train(self, experiment, model, first, state) -> None:
        super().train(experiment, model, first, state)
        model.layer.bias.data += torch.rand(2)


class Litters(Descent):
    def fit(self, experiment, run_dir, *, resume=False):
        (run_dir.parent / "mlruns").mkdir()
        return super().fit(experiment, run_dir, resume=resume)


class TrainsOnNothing(Descent):
    def train(self, experiment, model, first, state) -> None:
        try:
            super().train(experiment, model, first, state)
        except ValueError:
            return


class StartsAgain(Descent):
    """Takes the weights of the state and makes all steps once more."""

    def train(self, experiment, model, first, state) -> None:
        super().train(experiment, model, 0, state)


class ResumesAnything(Descent):
    def fit(self, experiment, run_dir: Path, *, resume=False):
        if resume:
            weights = experiment.new_model().state_dict()
            experiment.save(run_dir / "checkpoint.safetensors", weights, {})
            return run_dir / "checkpoint.safetensors"
        return super().fit(experiment, run_dir)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (Ascent, "the_error_falls", "the mean square error went from"),
        (
            OtherName,
            "the_checkpoint_is_written",
            "must write and return checkpoint.safetensors, got .*model.safetensors",
        ),
        (OtherWeights, "the_checkpoint_is_written", r"must hold {'layer.weight'.*got {'weight': \(3,\)}"),
        (Unseeded, "the_same_seed_gives_the_same_file", "wrote different checkpoints"),
        (Litters, "everything_is_in_the_run_folder", "the trainer wrote beside the folder of the run: .*mlruns"),
        (TrainsOnNothing, "too_few_samples_are_refused", "it trained without a single sample"),
        (StartsAgain, "a_resumed_training_ends_like_an_unbroken_one", "wrote another checkpoint than an unbroken one"),
        (ResumesAnything, "nothing_to_resume", "another checkpoint than from the beginning"),
    ],
)
def test_a_broken_trainer_is_found_out(find_out, plugin, check, message) -> None:
    find_out(TrainerContract, plugin, check, message)
