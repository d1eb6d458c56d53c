"""The section `data` of a config."""

__all__ = ["DataConfig", "MissingConfig", "SplitConfig", "VariablesConfig"]

from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from wxml.config.section import Duration, Period, Section, first_instant, last_instant
from wxml.data.preprocessing import MissingInputs
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice


class MissingConfig(Section):
    """Where a forecast has no value of a variable: where another one is missing, or lies beyond a limit."""

    where: str
    """A prognostic variable, or a forcing of the source, read at the last input time."""
    above: float | None = None
    """There is no value where it is above this, physical units; null: no limit."""
    below: float | None = None
    """There is no value where it is below this, physical units; null: no limit; without both: where it is missing."""


class VariablesConfig(Section):
    """The role that each variable plays."""

    prognostic: list[str] | None = None
    """Variables that go into the model and come out; null: all that have no other role."""
    forcing: list[str] = []
    """Variables that only go in."""
    constant: list[str] = []
    """Those of `forcing` that never change, such as orography: a forecast keeps their value at its first input time."""
    diagnostic: list[str] = []
    """Variables that only come out."""
    imputed: list[str] = []
    """Prognostic variables of which the model also reads where a transform filled in the value: 1 there, else 0."""
    missing: dict[str, MissingConfig] = {}
    """Where forecasts of a variable have no value; a prognostic one not named here: where the last state has none."""

    @model_validator(mode="after")
    def _one_role_each(self) -> Self:
        names = [*(self.prognostic or []), *self.forcing, *self.diagnostic]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"a variable has one role, got {twice} more than once", fix="keep each name in one list")
        other = [name for name in self.constant if name not in self.forcing]
        if other:
            raise DataError(f"`constant` names {other}, which are not in `forcing`", fix="add them to `forcing` too")
        return self


class SplitConfig(Section):
    """The periods for training, validation and test: inclusive, in UTC; a bare date as an end means its whole day."""

    training: Period
    """The times that weights and statistics are made from."""
    validation: Period | None = None
    """The times that are watched while training."""
    test: Period | None = None
    """The times that are kept for the final scores."""

    def period(self, name: str) -> tuple[np.datetime64, np.datetime64]:
        """The first and the last instant of a split, both inclusive, `datetime64[s]`.

        >>> SplitConfig(training=("2000-01-01", "2000-10-31")).period("training")[1]
        np.datetime64('2000-10-31T23:59:59')

        Raises:
            DataError: the config has no such split.
        """
        pair = getattr(self, name) if name in type(self).model_fields else None
        if pair is None:
            raise DataError(
                f"the config has no period `data.split.{name}`",
                fix=f"write `data.split.{name}: [start, end]`",
            )
        return first_instant(pair[0]), last_instant(pair[1])


class DataConfig(Section):
    """The data that the model learns from."""

    source: Annotated[PluginChoice, Kind("data-source")]
    """The source of the data."""
    variables: VariablesConfig = VariablesConfig()
    """The role that each variable plays."""
    task: Annotated[PluginChoice, Kind("task")] = PluginChoice(plugin="forecast")
    """What the model is for: the times that it reads and gives."""
    timestep: Duration = "6h"
    """How far one step of the model goes."""
    input_steps: Annotated[int, Field(ge=1)] = 2
    """How many instants go into the model."""
    output_steps: Annotated[int, Field(ge=1)] = 1
    """How many time steps the model forecasts at once."""
    split: SplitConfig
    """The times for training, validation and test."""
    transforms: Annotated[list[PluginChoice], Kind("transform")] = [PluginChoice(plugin="normalise")]
    """The transforms from physical to model values, in this order."""
    forcings: Annotated[list[PluginChoice], Kind("forcing")] = []
    """Plugins that make further forcings from the time and the place; `variables.forcing` names the fields to use."""
    missing_inputs: MissingInputs = "fail"
    """Samples that lack an input: refused at once, left out and counted, or filled with means, in forecasts too."""
