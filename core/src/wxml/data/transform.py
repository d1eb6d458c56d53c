"""Transform: between physical values and the values that a model works with."""

__all__ = ["Transform"]

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics


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
