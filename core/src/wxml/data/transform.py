"""Transform: maps physical values to model values and back."""

__all__ = ["Transform"]

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics


class Transform(ABC):
    """Maps physical values to model values and back. Everything after `statistics` is a keyword-only option.

    It derives its whole state from the statistics, which the checkpoint keeps: two instances with the same statistics
    and options give the same values. A transform uses NumPy only.
    """

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics

    @abstractmethod
    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map physical to model values, shape `[..., variable, node]` in and out.

        Args:
            values: physical values; `forward` must not change them in place.
            variables: the names along the variable axis, all of them in `statistics.variables`.
        """

    @abstractmethod
    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map model to physical values: undo `forward` for every value that was not missing."""
