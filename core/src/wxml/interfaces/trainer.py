"""Trainer: fits the weights of a model."""

__all__ = ["Trainer"]

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wxml.experiment import Experiment


class Trainer(ABC):
    """Fits a model and writes its checkpoint. All options are keyword-only."""

    @abstractmethod
    def fit(self, experiment: "Experiment", run_dir: Path, *, resume: bool = False) -> Path:
        """Train and return the path of the checkpoint, `run_dir / "checkpoint.safetensors"`.

        Args:
            experiment: the assembled parts.
            run_dir: the folder of this run; it exists. Everything that the trainer writes goes there.
            resume: go on from the last state found in `run_dir`, from the beginning where there is none yet; the end is
                then bitwise the end of an unbroken run.

        Raises:
            DataError: the experiment has too few samples to train on, or values that are not finite.
            ArtefactError: the state in `run_dir` is damaged or of another run, or the disk refuses.
        """
