"""Trainer: fits the weights of a model."""

__all__ = ["Trainer", "TrainingMemory"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wxml.experiment import Experiment


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """What a training step holds in memory beside the model, for the memory plan; the defaults are those of Adam."""

    batch_size: int = 1
    """Samples in each step."""
    rollout: int = 1
    """The most forecast steps that a loss is taken over."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """What the model calculates in; other than float32 means autocast."""
    moments: int = 2
    """How many numbers the optimiser keeps for each weight."""
    copies: int = 0
    """Further copies of all weights and buffers, such as a moving average."""
    device: str = "cpu"
    """The type of the device as torch calls it."""


class Trainer(ABC):
    """Fits a model and writes its checkpoint. All options are keyword-only."""

    def memory(self) -> TrainingMemory:
        """What a training step holds; a trainer that does not say so is planned with one sample and one step."""
        return TrainingMemory()

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
