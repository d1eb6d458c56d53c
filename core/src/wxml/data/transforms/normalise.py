"""Normalise: brings variables of different units to one scale."""

__all__ = ["Normalise"]

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.chain import first_order_change
from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.errors import DataError, nearest

Method = Literal["mean-std", "std", "min-max", "max", "none"]
Array = NDArray[np.float64]


def _safe(scale: Array) -> Array:
    """Replace a scale of 0 by 1, so that a variable that never changes is not divided by zero."""
    return np.where(scale > 0, scale, 1.0)


SCALES: dict[str, Callable[[Statistics], tuple[Array, Array]]] = {
    "mean-std": lambda s: (s.mean, _safe(s.std)),
    "std": lambda s: (np.zeros_like(s.std), _safe(s.std)),
    "min-max": lambda s: (s.minimum, _safe(s.maximum - s.minimum)),
    "max": lambda s: (np.zeros_like(s.maximum), _safe(np.abs(s.maximum))),
    "none": lambda s: (np.zeros_like(s.mean), np.ones_like(s.mean)),
}


class Normalise(Transform):
    """Subtracts an offset and divides by a scale: y = (x − offset) / scale.

    mean-std: offset mean, scale standard deviation. std: scale standard deviation. min-max: offset minimum, scale
    maximum − minimum. max: scale |maximum|. none: as it is.
    """

    def __init__(
        self,
        statistics: Statistics,
        *,
        default: Annotated[
            Method, Field(description="how variables are normalised that `methods` does not name")
        ] = "mean-std",
        methods: Annotated[
            dict[str, Method],
            Field(description="variable → how it is normalised, such as {tp: std, lsm: none}"),
        ] = {},  # noqa: B006  # never changed
    ) -> None:
        super().__init__(statistics)
        for name in methods:
            if name not in statistics.variables:
                raise DataError(
                    f"`methods` of normalise names {name!r}, which is not read",
                    fix=nearest(name, statistics.variables),
                )
        chosen = [methods.get(name, default) for name in statistics.variables]
        scales = {method: SCALES[method](statistics) for method in set(chosen)}
        self.offset = np.array([scales[method][0][i] for i, method in enumerate(chosen)])
        self.scale = np.array([scales[method][1][i] for i, method in enumerate(chosen)])

    def statistics_after(self) -> Statistics:
        """The statistics of y: (mean − offset) / scale, likewise the extremes, and std / scale."""
        s = self.statistics
        mean, lowest, highest = ((x - self.offset) / self.scale for x in (s.mean, s.minimum, s.maximum))
        tendency = first_order_change(self.forward, s, s.tendency_std)
        return Statistics(s.variables, mean, s.std / self.scale, lowest, highest, tendency)

    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """(x − offset) / scale, shape `[..., variable, node]`."""
        offset, scale = self._of(variables)
        difference = values - offset  # in double precision
        difference /= scale
        return difference.astype(np.float32)

    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """Values y · scale + offset, shape `[..., variable, node]`."""
        offset, scale = self._of(variables)
        return (values * scale + offset).astype(np.float32)

    def _of(self, variables: tuple[str, ...]) -> tuple[Array, Array]:
        where = [self.statistics.variables.index(name) for name in variables]
        return self.offset[where, None], self.scale[where, None]
