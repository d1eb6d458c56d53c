"""Optimizer: the rule by which a training moves the weights of a model along their gradients."""

__all__ = ["Optimizer", "OptimizerMoment", "WeightGroup"]

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, eq=False)
class WeightGroup:
    """Weights that an optimizer moves alike."""

    weights: tuple["torch.nn.Parameter", ...]
    """At least one; each is in one group only."""
    are_matrices: bool
    """Whether they are the matrices of linear layers, shape `[out, in]`."""
    weight_decay: float
    """The share of a weight that a step with the learning rate 1 takes away."""

    def to_dict(self) -> dict[str, Any]:
        """The group as the constructors of `torch.optim` take it."""
        return {"params": list(self.weights), "weight_decay": self.weight_decay}


@dataclass(frozen=True, slots=True)
class OptimizerMoment:
    """A tensor that an optimizer keeps for a weight from one step to the next."""

    name: str
    """Its key in `state[weight]` of the optimizer."""
    is_count: bool = False
    """Whether it is one number in single precision, such as the count of the steps; else it has the shape and the type
    of the weight."""
    is_never_negative: bool = False
    """Whether its values are zero or above, such as mean squares; it is then checked when a training is resumed."""


class Optimizer(ABC):
    """Makes the optimizer of a training. All options are keyword-only.

    The trainer sets `lr` of each group before each step, and keeps the tensors in `state` of the optimizer in the file
    that it resumes from. So whatever a step depends on is in these tensors; the numbers of the groups are options.
    """

    @abstractmethod
    def make(self, groups: Sequence[WeightGroup], steps: int) -> "torch.optim.Optimizer":
        """Return an optimizer of all weights.

        Args:
            groups: at least one. No group of the optimizer holds weights of two of them.
            steps: the most steps that the training makes.

        Raises:
            ConfigError: the installed torch lacks something.
        """

    @abstractmethod
    def moments(self, *, of_matrix: bool) -> tuple[OptimizerMoment, ...]:
        """Return what the optimizer keeps for a weight that it has moved.

        Args:
            of_matrix: whether the weight is in a group with `are_matrices`.
        """

    @final
    def values_per_weight(self) -> int:
        """Return how many values it keeps for each number of a matrix, for the plan of the memory."""
        return sum(not moment.is_count for moment in self.moments(of_matrix=True))
