"""What a loss and its weights are told of the values that they compare."""

__all__ = ["LossSpace"]

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.statistics import Statistics
from wxml.data.times import parse_duration
from wxml.data.variables import Variable
from wxml.errors import DataError
from wxml.graphs.graph import Graph

if TYPE_CHECKING:
    from wxml.experiment.parts import Experiment


@dataclass(frozen=True, slots=True, eq=False)
class LossSpace:
    """The variables, the places and the times at which forecasts are compared with the truth, in model values."""

    variables: tuple[Variable, ...]
    """The variables in the loss, in the order of the last axis."""
    prognostic: frozenset[str]
    """The names of those that the model reads, too."""
    grid: Grid
    """The places of the nodes."""
    graph: Graph
    is_forecast: NDArray[np.bool_]
    """Whether each node is forecast, shape `[node]`; those of a boundary are given."""
    statistics: Statistics
    """The statistics of the model values of the variables."""
    steps: int
    """The greatest number of forecast steps in a loss."""
    timestep: np.timedelta64
    """The time between two steps."""
    members: int
    """The number of ensemble members in a loss; 1 for a deterministic forecast."""
    field: Callable[[str], NDArray[np.float32]]
    """Gives the physical values of a variable of the source at its first time, shape `[node]`."""
    lead_times: NDArray[np.timedelta64] | None = None
    """The lead time of each step; None: they are one `timestep` apart, the first one a `timestep` ahead."""
    degree: float = 2.0
    """The power of the unit of a variable that the loss is in; see `wxml.Loss.degree_of`."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(variable.name for variable in self.variables)

    @property
    def area(self) -> NDArray[np.float64]:
        """The share of the grid's area that each node stands for, 0 where it is not forecast, shape `[node]`."""
        return np.where(self.is_forecast, self.grid.area_weights, 0.0)

    def lead_time(self, step: int) -> np.timedelta64:
        """The lead time of a step, counted from 1."""
        return step * self.timestep if self.lead_times is None else self.lead_times[step - 1]

    @property
    def tendency_scale(self) -> NDArray[np.float64]:
        """The root mean square change over one time step, shape `[variable]`; 1 for a variable that never changes."""
        scale = self.statistics.tendency_std
        return np.where(scale > 0, scale, 1.0)

    def select(self, names: Sequence[str]) -> Self:
        """Return the space of some of the variables.

        Raises:
            ValueError: one of `names` is not among the variables.
        """
        where = [self.names.index(name) for name in names]
        chosen = tuple(self.variables[place] for place in where)
        return replace(self, variables=chosen, statistics=self.statistics.select(tuple(names)))

    @classmethod
    def of(cls, experiment: "Experiment", steps: int, members: int = 1) -> Self:
        """Return the space of all variables that the model of an experiment forecasts.

        Args:
            experiment: the assembled parts.
            steps: the greatest number of forecast steps in a loss.
            members: the number of ensemble members in a loss.
        """
        names, source = experiment.roles.output, experiment.source
        by_name = {variable.name: variable for variable in experiment.output_variables}

        def field(name: str) -> NDArray[np.float32]:
            if name not in source.header.names:
                raise DataError(f"the data source has no variable {name!r}", fix="write the name of a variable")
            values: NDArray[np.float32] = source.read(source.header.times[:1], (name,))[0, 0, 0]
            return values

        return cls(
            variables=tuple(by_name[name] for name in names),
            prognostic=frozenset(experiment.roles.prognostic),
            grid=experiment.preprocessing.places,
            graph=experiment.graph,
            is_forecast=~experiment.boundary,
            statistics=_statistics(experiment),
            steps=steps,
            timestep=parse_duration(experiment.config.data.timestep),
            members=members,
            field=field,
            lead_times=experiment.window(steps).lead_times,
        )


def _statistics(experiment: "Experiment") -> Statistics:
    """The statistics of the model values that are compared.

    Without states no change is forecast: what a variable typically differs by is its deviation.
    """
    found = experiment.preprocessing.model_statistics.select(experiment.roles.output)
    return found if experiment.task.has_states else replace(found, tendency_std=found.std)
