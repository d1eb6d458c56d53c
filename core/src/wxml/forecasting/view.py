"""What an output has of a forecast: some variables, at some lead times, somewhere, of members or of statistics."""

__all__ = ["WHOLE", "OutputView", "view_of"]

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np
from numpy.typing import NDArray

from wxml.config.output_schema import OutputConfig, VariableKeys
from wxml.data.fields import Fields
from wxml.data.times import format_duration, parse_duration
from wxml.data.variables import Variable, VariableRoles
from wxml.errors import ConfigError, Fault, nearest
from wxml.forecasting.layout import SPREAD, ForecastHeader
from wxml.forecasting.member_statistics import MemberStatistics, statistics_of
from wxml.forecasting.region import Region, region_of


@dataclass(frozen=True, slots=True, eq=False)
class OutputView:
    """What an output has of a forecast; what is None is whole."""

    variables: frozenset[str] | None = None
    lead_times: NDArray[np.timedelta64] | None = None
    region: Region | None = None
    statistics: MemberStatistics | None = None

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written."""
        header = self.region.header(whole) if self.region else whole
        if self.variables is not None:
            header = replace(header, variables=tuple(one for one in header.variables if one.name in self.variables))
        header = header if self.lead_times is None else replace(header, lead_times=self.lead_times)
        return self.statistics.header(header) if self.statistics else header

    def fields(self, whole: Fields, lead_time: np.timedelta64) -> Fields | None:
        """What is written of a step; None: nothing."""
        if self.lead_times is not None and lead_time not in self.lead_times:
            return None
        chosen = whole if self.variables is None else _of_variables(whole, self.variables)
        chosen = self.region.fields(chosen) if self.region else chosen
        return self.statistics.fields(chosen) if self.statistics else chosen


WHOLE = OutputView()
"""Everything."""


def view_of(config: OutputConfig, header: ForecastHeader, roles: VariableRoles, where: str) -> OutputView:
    """Find what an output has of a forecast.

    Args:
        config: the output.
        header: the whole forecast.
        roles: those of the variables in the model.
        where: the place of the output in the config, such as `forecast.outputs.0`.

    Raises:
        ConfigError: nothing fits a choice, or nothing is left to write.
    """
    region = None if config.region is None else region_of(config.region, header.grid, f"{where}.region")
    there = header if region is None else region.header(header)
    names = frozenset(_names(config, there, roles, where))
    lead_times = _lead_times(config, header.lead_times, where)
    is_whole = names == {one.name for one in header.variables}
    statistics = statistics_of(config, header.members, where)
    return OutputView(None if is_whole else names, lead_times, region, statistics)


def _of_variables(whole: Fields, names: frozenset[str]) -> Fields:
    columns = [place for place, name in enumerate(whole.variables) if name in names]
    variables = tuple(whole.variables[column] for column in columns)
    return Fields(whole.valid_time, variables, np.take(whole.values, columns, axis=1))


def _names(config: OutputConfig, header: ForecastHeader, roles: VariableRoles, where: str) -> set[str]:
    """The names of the variables that are written; a standard deviation goes with its variable."""
    chosen, known = config.variables, {one.name: one for one in header.variables}

    def matching(key: str, choices: tuple[str | VariableKeys, ...]) -> set[str]:
        found: set[str] = set()
        for number, choice in enumerate(choices):
            fitting = {name for name in known if _fits(choice, name, known, roles)}
            if not fitting:
                place = f"{where}.variables.{key}.{number}"
                text = choice if isinstance(choice, str) else str(choice.model_dump(exclude_none=True))
                raise ConfigError([Fault(place, f"no variable fits {text!r}")], fix=nearest(text, known))
            found |= fitting
        return found

    selected = set(known) if chosen.select is None else matching("select", chosen.select)
    left = selected - matching("drop", chosen.drop)
    if not left:
        fault = Fault(f"{where}.variables", "`select` without `drop` leaves no variable to write")
        raise ConfigError([fault], fix="drop fewer, or leave the output out")
    return left


def _fits(choice: str | VariableKeys, name: str, known: dict[str, Variable], roles: VariableRoles) -> bool:
    if isinstance(choice, str):
        of_spread = name.endswith(SPREAD) and fnmatchcase(name.removesuffix(SPREAD), choice)
        return fnmatchcase(name, choice) or of_spread
    meant = name.removesuffix(SPREAD) if name.removesuffix(SPREAD) in known else name
    variable, level = known[meant], choice.level
    levels = level if isinstance(level, tuple) or level is None else (level,)
    return (
        choice.param in (None, variable.param)
        and (levels is None or variable.level in levels)
        and choice.level_type in (None, variable.level_type)
        and (choice.role is None or meant in getattr(roles, choice.role))
    )


def _lead_times(config: OutputConfig, known: NDArray[np.timedelta64], where: str) -> NDArray[np.timedelta64] | None:
    """The lead times that are written; None: all."""
    if config.every is None and config.steps is None:
        return None
    chosen = np.ones(len(known), bool)
    if config.steps is not None:
        if max(config.steps) > len(known):
            fault = Fault(f"{where}.steps", f"the forecast has {len(known)} steps, got {max(config.steps)}")
            raise ConfigError([fault], fix=f"name steps from 1 to {len(known)}")
        chosen = np.isin(np.arange(1, len(known) + 1), config.steps)
    if config.every is not None:
        chosen &= known % parse_duration(config.every) == np.timedelta64(0, "s")
    if not chosen.any():
        fault = Fault(f"{where}.every", "no lead time is a multiple of it")
        raise ConfigError([fault], fix=f"write a multiple of {format_duration(known[0])}, such as that")
    return known[chosen]
