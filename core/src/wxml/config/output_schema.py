"""The outputs in the section `forecast` of a config: the files, and what each has of the forecast."""

__all__ = ["Box", "OutputConfig", "Points", "RegionConfig", "VariableChoice", "VariableKeys"]

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from wxml.config.section import Duration, Section
from wxml.errors import DataError
from wxml.plugins.options.choices import Kind, PluginChoice

Statistic = Literal["mean", "std", "quantiles"]
"""What may be written in place of members."""
Degrees = Annotated[float, Field(allow_inf_nan=False)]


class VariableKeys(Section):
    """What the data say of variables; those that fit all of the keys are meant."""

    param: str | None = None
    """The short name, such as `t`."""
    level: float | tuple[float, ...] | None = None
    """The level, or several."""
    level_type: str | None = None
    """The type of the level as GRIB calls it, such as `isobaric`."""
    role: Literal["prognostic", "diagnostic"] | None = None
    """The role of the variable in the model."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise DataError("keys of variables must not be empty", fix="write one, such as `param: t`")
        return self


Choices = tuple[str | VariableKeys, ...]


class VariableChoice(Section):
    """Which variables are written: names with `*` and `?`, or keys such as `{param: t, level: 850}`."""

    select: Annotated[Choices | None, Field(min_length=1)] = None
    """These alone; null: all."""
    drop: Choices = ()
    """All but these."""


class Box(Section):
    """A part of the earth, in degrees; `west` may be greater than `east`, across Greenwich or the date line."""

    north: Annotated[Degrees, Field(ge=-90, le=90)] = 90.0
    """The northern edge."""
    south: Annotated[Degrees, Field(ge=-90, le=90)] = -90.0
    """The southern edge."""
    west: Degrees = 0.0
    """The western edge."""
    east: Degrees = 360.0
    """The eastern edge."""


class Points(Section):
    """Places in a file."""

    file: Annotated[str, Field(min_length=1)]
    """A CSV file with the columns `station, latitude, longitude` (degrees)."""
    method: Literal["nearest", "bilinear"] = "nearest"
    """The value of the nearest node, or, on a grid of rows and columns, of the four nodes around."""


class RegionConfig(Section):
    """Where the values lie that are written: one of the keys."""

    box: Box | None = None
    """The nodes in a box of latitudes and longitudes."""
    part: str | None = None
    """The one of several grids with this name."""
    points: Points | None = None
    """Stations in a file."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len(self.model_dump(exclude_none=True)) != 1:
            raise DataError("a region must have one of: box, part, points", fix="write one, such as `part: europe`")
        return self


class OutputConfig(Section):
    """One file of a forecast, and what it has of it."""

    path: Annotated[str, Field(min_length=1)]
    """The file; its suffix chooses the writer."""
    writer: Annotated[PluginChoice | None, Kind("forecast-writer")] = None
    """The writer of the file and its options; null: the suffix of the path chooses it."""
    variables: VariableChoice = VariableChoice()
    """Which variables are written."""
    region: RegionConfig | None = None
    """Where the values lie that are written; null: everywhere."""
    every: Duration | None = None
    """The lead times that are multiples of this time, such as `12h`; null: all."""
    steps: Annotated[tuple[Annotated[int, Field(gt=0)], ...] | None, Field(min_length=1)] = None
    """The lead times by their numbers, from 1 on; null: all."""
    members: Literal["all"] | Statistic | Annotated[tuple[Statistic, ...], Field(min_length=1)] = "all"
    """All members, or statistics over them in their place, one or several: mean, std, quantiles."""
    quantiles: Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=1)] = (0.1, 0.5, 0.9)
    """Those that `members: quantiles` writes, from 0 to 1."""
