"""The contract of trainers, as tests."""

__all__ = ["TrainerContract"]

import signal
import threading
import unittest
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch

from wxml.artefacts.checkpoint import load_checkpoint
from wxml.errors import ArtefactError, DataError
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_experiment import TinyExperiment, TinyModel, tiny_experiment, without_samples
from wxml.training.trainer import Trainer


class TrainerContract(Contract):
    """Checks of a Trainer, on a model of 38 weights; choose `options` that train it in a second or two."""

    interface: ClassVar[type[Any]] = Trainer
    interrupt_after: ClassVar[int] = 15
    """The training is interrupted after this many forward passes; it should have written a state by then."""

    def sample(self) -> Any:
        """Make a trainer; core passes it nothing but the options."""
        return self.make()

    def rehearse(self) -> None:
        """Train once."""
        with self._trained():
            pass

    def test_the_checkpoint_is_written(self) -> None:
        """`fit` returns `run_dir / "checkpoint.safetensors"`, which holds the weights of the experiment's model."""
        with self._trained() as path:
            found = load_checkpoint(path)
            place = path.relative_to(path.parent)
        require(str(place) == "checkpoint.safetensors", f"the checkpoint must be checkpoint.safetensors, got {place}")
        expected = {name: tuple(values.shape) for name, values in tiny_experiment().new_model().state_dict().items()}
        shapes = {name: tuple(values.shape) for name, values in found.weights.items()}
        require(shapes == expected, f"the checkpoint must hold {expected}, got {shapes}")

    def test_the_error_falls(self) -> None:
        """Trained weights have a smaller error than fresh ones on the validation period."""
        experiment = tiny_experiment()
        before = experiment.error_of(experiment.new_model().state_dict())
        with self._trained() as path:
            after = experiment.error_of(dict(load_checkpoint(path).weights))
        require(after < before, f"the mean square error went from {before:.3g} to {after:.3g}")

    def test_the_same_seed_gives_the_same_file(self) -> None:
        """Two trainings of one experiment write the same bytes, whatever random numbers the caller drew before."""
        files = []
        for seed in (1, 2):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                with self._trained() as path:
                    files.append(path.read_bytes())
        require(files[0] == files[1], "two trainings of one experiment and seed wrote different checkpoints")

    def test_everything_is_in_the_run_folder(self) -> None:
        """The trainer writes nothing outside of the run's folder."""
        with self._trained() as path:
            found = sorted(beside.name for beside in path.parent.parent.iterdir())
        require(found == [path.parent.name], f"the trainer wrote beside the folder of the run: {found}")

    def test_too_few_samples_are_refused(self) -> None:
        """`fit` raises a DataError if no sample fits into the training period."""
        with self.folder() as folder:
            try:
                self._fit(without_samples(), folder)
            except DataError:
                return
        raise AssertionError("it trained without a single sample; raise a DataError")

    def test_nothing_to_resume(self) -> None:
        """If there is no state to resume from, `fit` raises an ArtefactError or trains from the beginning."""
        with self._trained() as path:
            ordinary = path.read_bytes()
        with self.folder() as folder:
            try:
                resumed = self._fit(tiny_experiment(), folder, resume=True).read_bytes()
            except ArtefactError:
                return
        require(
            resumed == ordinary,
            "resumed without a state, the training wrote another checkpoint than from the beginning",
        )

    def test_a_resumed_training_ends_like_an_unbroken_one(self) -> None:
        """A training that is interrupted by Ctrl-C and resumed writes the same bytes as an unbroken one."""
        if threading.current_thread() is not threading.main_thread():
            raise unittest.SkipTest("only the main thread can be interrupted")
        with self._trained() as path:
            unbroken = path.read_bytes()
        with self.folder() as folder:
            self._interrupt(folder)
            try:
                resumed = self._fit(tiny_experiment(), folder, resume=True).read_bytes()
            except ArtefactError as error:
                raise unittest.SkipTest(f"the interrupted training had written no state: {error.message}") from error
        require(resumed == unbroken, "the resumed training wrote another checkpoint than an unbroken one")

    def _fit(self, experiment: TinyExperiment, run_dir: Path, *, resume: bool = False) -> Path:
        path: Path = self.make().fit(experiment, run_dir, resume=resume)
        return path

    @contextmanager
    def _trained(self) -> Iterator[Path]:
        """Train, and yield the path of the checkpoint, which is deleted at the end of the block."""
        with self.folder() as folder:
            run_dir = folder / "run"
            run_dir.mkdir()
            path = self._fit(tiny_experiment(), run_dir)
            expected = run_dir / "checkpoint.safetensors"
            require(path == expected and path.is_file(), f"`fit` must write and return {expected.name}, got {path}")
            yield path

    def _interrupt(self, run_dir: Path) -> None:
        """Train, and press Ctrl-C after `interrupt_after` forward passes."""
        experiment = tiny_experiment(_Interrupted)
        _Interrupted.calls = self.interrupt_after
        before = signal.getsignal(signal.SIGINT)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self._fit(experiment, run_dir)
        except KeyboardInterrupt:
            return
        finally:
            signal.signal(signal.SIGINT, before)
        raise unittest.SkipTest(f"the training was done before forward pass {self.interrupt_after}, or went on")


class _Interrupted(TinyExperiment):
    """Presses Ctrl-C in the middle of a training."""

    calls = 0

    def new_model(self) -> Any:
        """A model whose n-th forward pass is interrupted."""
        model: TinyModel = super().new_model()
        model.register_forward_pre_hook(self._count)
        return model

    @classmethod
    def _count(cls, _module: Any, _inputs: Any) -> None:
        cls.calls -= 1
        if cls.calls == 0:
            signal.raise_signal(signal.SIGINT)
