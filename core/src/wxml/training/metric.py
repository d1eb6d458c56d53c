"""Metric: how far forecasts are from the truth, in physical units, as a number that people read."""

__all__ = ["Metric", "MetricSpace"]

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.variables import Variable


@dataclass(frozen=True, slots=True, eq=False)
class MetricSpace:
    """The variables, the places and the times at which forecasts are compared with the truth, in physical values."""

    variables: tuple[Variable, ...]
    """The variables that are forecast, in the order of the last axis, with their units."""
    grid: Grid
    weights: Mapping[str, NDArray[np.float64]]
    """Region → the share of its area that each node stands for, shape `[node]`; the first region is everywhere."""
    timestep: np.timedelta64
    """The time between two steps."""
    members: int
    """The number of ensemble members; 1 for a deterministic forecast."""
    climate: Callable[[], NDArray[np.float64]]
    """Gives the mean of each variable at each node over the training period, shape `[node, variable]`."""
    lead_times: NDArray[np.timedelta64] | None = None
    """The lead time of each step; None: they are one `timestep` apart, the first one a `timestep` ahead."""

    def lead_time(self, step: int) -> np.timedelta64:
        """The lead time of a step, counted from 1."""
        return step * self.timestep if self.lead_times is None else self.lead_times[step - 1]


class Metric(ABC):
    """A number for each variable, lead time and region. All options are keyword-only.

    It is made of statistics of single values, whose means over a region and over cases add up over batches and devices:

        value = value(mean over cases of of_case(mean over a region of statistics))

    Attributes:
        takes_members: whether it needs an ensemble of two members or more; else it is given the mean of the ensemble.
        takes_spread: whether it needs the normal distributions of a model with `model.spread`: their mean and their
            standard deviation then stand in the place of the members.
        better: whether `lower` or `higher` values are better, or those nearest to `zero` or to `one`.
        has_units: whether its values have the units of the variable; else they are numbers.
    """

    takes_members: ClassVar[bool] = False
    takes_spread: ClassVar[bool] = False
    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "lower"
    has_units: ClassVar[bool] = True

    def __init__(self, space: MetricSpace) -> None:
        self.space = space

    @abstractmethod
    def statistics(self, forecast: NDArray[np.float64], truth: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the statistics of each value of one case, shape `[statistic, step, node, variable]`.

        They are finite wherever the forecast and the truth are; elsewhere they do not matter.

        Args:
            forecast: physical values, shape `[member, step, node, variable]`; one member unless it takes members, mean
                and standard deviation if it takes a spread.
            truth: physical values, shape `[step, node, variable]`.
        """

    def of_case(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what is averaged over cases, shape `[any, step, region, variable]`; NaN where a case says nothing.

        Args:
            means: the means of the statistics over each region, shape `[statistic, step, region, variable]`.
        """
        return means

    @abstractmethod
    def value(self, means: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the metric, shape `[step, region, variable]`.

        Args:
            means: the means over all cases of what `of_case` returns, in the same shape.
        """
