"""Transform: one link of the chain from physical values to model values and back."""

__all__ = ["Transform"]

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from wxml.data.statistics import Statistics


class Transform(ABC):
    """Maps physical values to model values and back. Everything after `statistics` is a keyword-only option.

    It derives its whole state from the statistics, which the checkpoint keeps: two instances with the same statistics
    and options give the same values. A transform uses NumPy only. In a chain each transform receives what the one
    before it gives, and its statistics are those of the values that it receives.
    """

    def __init__(self, statistics: Statistics) -> None:
        """Take the statistics of the values that `forward` receives: those of the first transform are physical.

        They count the values that the source has; a value that an earlier transform filled in counts nowhere.
        """
        self.statistics = statistics

    def statistics_after(self) -> Statistics | None:
        """Return the statistics of what `forward` gives, if they follow from `statistics` exactly; else None.

        After None core computes them from the training data, which it reads once more.
        """
        return None

    @abstractmethod
    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Map the values that the transform receives, shape `[..., variable, node]` in and out.

        Args:
            values: physical values, or what the transform before gives; `forward` must not change them in place.
            variables: the names along the variable axis, all of them in `statistics.variables`.
        """

    @abstractmethod
    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Undo `forward` for every value that was not missing, shape `[..., variable, node]` in and out."""
