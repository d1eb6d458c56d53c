"""The filters of states that a config names."""

__all__ = ["FilterChain", "filtered_source"]

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.config.forecast_schema import FilterChoice
from wxml.data.filtered_source import FilteredSource
from wxml.data.grid import Grid
from wxml.data.source import DataSource
from wxml.data.state_filter import FilterSpace, Place, StateFilter
from wxml.data.times import parse_duration
from wxml.data.variables import Variable
from wxml.errors import ConfigError, Fault
from wxml.plugins.create import create


@dataclass(frozen=True, slots=True)
class FilterChain:
    """The filters of one place, one after the other."""

    choices: tuple[FilterChoice, ...]
    made: tuple[StateFilter, ...]
    """One for each choice, which sees no state itself: each initial time has a copy."""
    variables: tuple[Variable, ...]
    """What comes out of the last one."""
    grid: Grid
    """Its nodes."""
    deviations: dict[str, str]
    """The variables whose standard deviation follows that of one that comes in: its name then → that of the latter."""

    @classmethod
    def of(cls, filters: Sequence[FilterChoice], place: Place, space: FilterSpace) -> "FilterChain":
        """Those of `forecast.filters` that stand in a place.

        Raises:
            ConfigError: one does not stand there, or its options are wrong.
            DataError: what comes in does not fit it.
        """
        chosen = [(number, one) for number, one in enumerate(filters) if one.where == place]
        made: list[StateFilter] = []
        deviations = {one.name: one.name for one in space.variables}
        for number, choice in chosen:
            where = f"forecast.filters.{number}"
            one: StateFilter = create("state-filter", choice.plugin, choice.options, space, where=where)
            _check_place(one, choice, where)
            made.append(one)
            deviations = {new: deviations[old] for new, old in one.deviations.items() if old in deviations}
            space = replace(space, variables=tuple(one.variables), grid=one.grid)
        return cls(tuple(choice for _, choice in chosen), tuple(made), space.variables, space.grid, deviations)

    def __bool__(self) -> bool:
        return bool(self.choices)

    def begin(self) -> list[StateFilter]:
        """Those of one initial time, which have seen nothing yet."""
        return [copy(one) for one in self.made]

    def moved(self, is_marked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Which nodes of what comes out are made of marked ones, shape `[node]`."""
        fields: NDArray[np.floating[Any]] = np.where(is_marked, np.nan, np.float32(0))
        for one in self.made:
            fields = one.moved(fields)
        return np.asarray(np.isnan(fields))

    def record(self) -> list[dict[str, Any]]:
        """What a provenance says of them."""
        return [choice.model_dump(mode="json") for choice in self.choices]


def filtered_source(source: DataSource, filters: Sequence[FilterChoice], timestep: str) -> DataSource:
    """The source whose states go through the filters of the place `input`; without any, the source itself."""
    space = FilterSpace(source.header.grid, source.header.variables, parse_duration(timestep))
    chain = FilterChain.of(filters, "input", space)
    return FilteredSource(source, chain.begin, chain.record()) if chain else source


def _check_place(made: StateFilter, choice: FilterChoice, where: str) -> None:
    if choice.where not in made.places:
        fault = Fault(f"{where}.where", f"filter `{choice.plugin}` does not stand in the place `{choice.where}`")
        raise ConfigError([fault], fix=f"write one of: {', '.join(made.places)}")
    if choice.where == "step" and (tuple(made.variables), made.grid) != (made.space.variables, made.space.grid):
        problem = f"filter `{choice.plugin}` changes names, units or nodes, and what is fed back must keep them"
        fault = Fault(where, problem)
        raise ConfigError([fault], fix="write `where: output`")
