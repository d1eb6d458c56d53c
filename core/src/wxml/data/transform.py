"""Transform: between physical values and the values that a model works with."""

__all__ = ["Statistics", "Transform"]

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Of each variable, over the training times, all members and all nodes (area-weighted mean and deviation)."""

    variables: tuple[str, ...]
    mean: NDArray[np.float64]
    """Shape `[variable]`, physical units; so are the others."""
    std: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    tendency_std: NDArray[np.float64]
    """The root mean square of the change over one time step."""

    def __post_init__(self) -> None:
        for field in fields(self)[1:]:
            shape = getattr(self, field.name).shape
            if shape != (len(self.variables),):
                raise DataError(
                    f"`{field.name}` must hold one number per variable, got shape {shape} for {len(self.variables)}",
                    fix="compute the statistics again",
                )

    def select(self, variables: tuple[str, ...]) -> "Statistics":
        """The statistics of some of the variables, in the order given."""
        where = [self.variables.index(name) for name in variables]
        arrays = {field.name: getattr(self, field.name)[where] for field in fields(self)[1:]}
        return Statistics(variables, **arrays)


class Transform(ABC):
    """Maps physical values to model values and back. Everything after `statistics` is a keyword-only option.

    Its state is what it derives from the statistics, which the checkpoint keeps: two instances made from the same
    statistics and options do the same. NumPy only.
    """

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics

    @abstractmethod
    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Model values from physical ones, shape `[..., variable, node]` in and out.

        Args:
            values: not changed.
            variables: the names along the variable axis, all of them in `statistics.variables`.
        """

    @abstractmethod
    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Physical values from model ones: undoes `forward` wherever a value was present."""
