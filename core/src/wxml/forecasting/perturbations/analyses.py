"""Analyses: the differences between the members of an ensemble of analyses."""

__all__ = ["Analyses"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.source import DataSource
from wxml.data.source_fit import Sides, check_variables, in_units_of, on_grid
from wxml.errors import ConfigError, Fault
from wxml.forecasting.perturbation import InitialState, Perturbation, PerturbationSpace
from wxml.forecasting.perturbations.scaled import Chosen
from wxml.plugins.create import create
from wxml.plugins.options.choices import Kind, PluginChoice

WHERE = "forecast.perturbations"
SIDES = Sides(
    "the training", "the model was trained on", "the ensemble of analyses", "give analyses on the grid of the training"
)
Factor = Annotated[float, Field(gt=0, le=100, description="What the differences are multiplied with")]
Source = Annotated[PluginChoice, Kind("data-source"), Field(description="Analyses with several members")]


class Analyses(Perturbation):
    """Adds the difference between one analysis of an ensemble and the mean of them, at each input time.

    Member n takes the analysis at the place n mod their number. So the members are around the initial state of the
    forecast, whatever the mean of the analyses is. Where an analysis has no value, nothing is added.
    """

    def __init__(
        self, space: PerturbationSpace, *, source: Source, factor: Factor = 1.0, variables: Chosen = None
    ) -> None:
        super().__init__(space)
        self._factor, self._names = factor, tuple(variables or space.names)
        opened: DataSource = create("data-source", source.plugin, source.options, where=f"{WHERE}.source")
        if opened.header.members < 2:
            fault = Fault(WHERE, "`source` of the analyses has one member, and differences need two or more")
            raise ConfigError([fault], fix="give a source with several members")
        chosen = [variable for variable in space.variables if variable.name in self._names]
        self._source = in_units_of(on_grid(opened, space.grid, SIDES), chosen, SIDES)
        check_variables(self._source.header, chosen, SIDES)
        self._source.header.variable_indices(self._names)

    def check(self, times: NDArray[np.datetime64]) -> None:
        """Raise a DataError if the analyses lack one of the input times."""
        self._source.header.time_indices(times)

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        found = self._source.read(state.times, self._names).astype(np.float64)
        member = found[:, state.member % found.shape[1]]
        out = np.zeros(state.values.shape)
        columns = [self.space.names.index(name) for name in self._names]
        out[:, columns] = np.nan_to_num(self._factor * (member - found.mean(axis=1)))
        return out
