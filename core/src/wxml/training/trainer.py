"""Trainer: fits the weights of a model."""

__all__ = ["Trainer", "TrainingMemory"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from wxml.experiment.parts import Experiment
    from wxml.training.combined_loss import CombinedLoss
    from wxml.training.step_profile import StepProfile


@dataclass(frozen=True, slots=True)
class TrainingMemory:
    """The sizes from which the memory of a training step is planned; the defaults are those of Adam."""

    batch_size: int = 1
    """The number of samples in each step."""
    rollout: int = 1
    """The greatest number of forecast steps in a loss."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """The precision of the forward pass; autocast is used unless it is float32."""
    moments: int = 2
    """The number of values that the optimiser keeps for each weight."""
    copies: int = 0
    """The number of further copies of all weights and buffers, such as a moving average."""
    device: str = "cpu"
    """The type of the device as torch calls it."""
    shards: int = 1
    """The number of processes that divide what the optimiser keeps among them."""
    members: int = 1
    """The number of ensemble members that are forecast from each sample."""
    members_at_once: int | None = None
    """The number of members whose activations are in memory at once; None: all."""
    recompute_steps: bool = False
    """Whether the backward pass calls the model again for each forecast step."""
    batches_held: int = 0
    """The number of batches in the memory of the host beside that of the step: those read ahead, and being read."""


class Trainer(ABC):
    """Fits a model and writes its checkpoint. All options are keyword-only."""

    def memory(self) -> TrainingMemory:
        """Return the sizes of a training step; the default stands for one sample and one forecast step."""
        return TrainingMemory()

    def combined_loss(self, experiment: "Experiment") -> "CombinedLoss | None":
        """Return the loss of a training, for `wxml train --explain-loss`; None, the default: it has no such parts.

        Args:
            experiment: the assembled parts.

        Raises:
            ConfigError: the losses cannot be made as they are configured.
        """
        return None

    def profile(self, experiment: "Experiment", steps: int, trace: Path | None = None) -> "StepProfile | None":
        """Measure some training steps, for `wxml train --profile`; None, the default: it cannot.

        Nothing is kept of these steps and nothing is written but the trace. Like `fit`, it is called in every process
        that a launcher has started.

        Args:
            experiment: the assembled parts.
            steps: the number of steps to measure, after some to warm up.
            trace: a file for a timeline in Chrome's format, JSON, which rank 0 writes; None: no such file.

        Raises:
            WxmlError: the steps cannot be made.
        """
        return None

    @abstractmethod
    def fit(self, experiment: "Experiment", run_dir: Path, *, resume: bool = False) -> Path:
        """Train and return the path of the checkpoint, `run_dir / "checkpoint.safetensors"`.

        It is called in every process that a launcher has started for one training (`wxml.environment.launch`); rank 0
        alone writes, and the others return the path without the file.

        Args:
            experiment: the assembled parts.
            run_dir: the folder of this run, which exists. The trainer writes nothing outside of it.
            resume: continue from the last state in `run_dir`, or begin if there is none; the checkpoint is then bitwise
                that of an unbroken run.

        Raises:
            DataError: the experiment has too few samples, or values that are not finite.
            ArtefactError: the state in `run_dir` is damaged or belongs to another run, or cannot be written.
        """
