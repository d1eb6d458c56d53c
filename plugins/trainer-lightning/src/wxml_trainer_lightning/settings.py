"""The options of a training, together; they are described where they are chosen, in `trainer.py`."""

__all__ = ["Accelerator", "Keep", "OptimizerName", "Precision", "Settings", "TrackerName", "VariableWeighting"]

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from wxml.data.times import parse_duration

from wxml_trainer_lightning.schedule import Rollout

Accelerator = Literal["auto", "cpu", "cuda", "mps"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed"]
VariableWeighting = Literal["tendency", "uniform"]
OptimizerName = Literal["adamw", "muon"]
Keep = Literal["best", "last"]
TrackerName = Literal["mlflow", "none"]

FREE = ("checkpoint_every", "tracker", "tracking_uri", "workers")


@dataclass(frozen=True, slots=True)
class Settings:
    """One field for each option."""

    max_steps: int
    max_time: str | None
    batch_size: int
    optimizer: OptimizerName
    learning_rate: float
    warmup: float
    final_learning_rate_ratio: float
    weight_decay: float
    gradient_clip: float | None
    ema: float | None
    rollout: Rollout
    variable_weighting: VariableWeighting
    variable_weights: dict[str, float]
    accelerator: Accelerator
    precision: Precision
    threads: int | None
    workers: int
    validation_every: int
    validation_samples: int
    checkpoint_every: int
    keep: Keep
    tracker: TrackerName
    tracking_uri: str | None

    @property
    def max_seconds(self) -> float | None:
        """`max_time` in seconds."""
        return None if self.max_time is None else float(parse_duration(self.max_time) / np.timedelta64(1, "s"))

    def identity(self) -> dict[str, Any]:
        """The options that the result depends on, as JSON values; the others may differ when a training is resumed."""
        names = [field.name for field in fields(self) if field.name not in FREE]
        return {name: getattr(self, name) for name in names} | {"rollout": self.rollout.model_dump()}
