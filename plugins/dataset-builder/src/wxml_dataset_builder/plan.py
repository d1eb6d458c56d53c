"""What is going to be built, in JSON values: whoever builds a part of it reads the plan, and is told of the source."""

__all__ = ["Plan", "change_set", "make_plan", "open_source"]

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from wxml import DataSource, PluginChoice, SourceHeader, create
from wxml.data.times import format_duration, format_time, parse_duration, parse_time
from wxml.masking import masked_values

from wxml_dataset_builder.date_axis import DateAxis, make_axis, statistics_period, tendency_steps
from wxml_dataset_builder.geometry import Geometry, make_geometry
from wxml_dataset_builder.recipe import Recipe
from wxml_dataset_builder.resolution import resolution_of

LISTS = ("variables", "history")
PLAIN = ("recipe", "provenance", "grid", "kept", "kept_variables", *LISTS)
"""The fields of a plan that are JSON values as they are."""


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Everything that decides the bytes of a dataset, but for the values of its source."""

    recipe: Mapping[str, Any]
    """That of the dataset, in JSON values without secrets; whoever reads the source is told of it (`Reading`)."""
    provenance: Mapping[str, Any]
    """What the source says of its data, without secrets."""
    variables: tuple[Mapping[str, Any], ...]
    """The fields of each `Variable`."""
    grid: Mapping[str, Any]
    """`shape`, whether it `is_regular`, its `resolution`, and the records of its `parts` if there are several grids."""
    axis: DateAxis
    geometry: Geometry
    tendencies: Mapping[str, int]
    """Name, such as `6h`, → steps on the axis."""
    period: tuple[np.datetime64, np.datetime64]
    """The first and the last date of the statistics."""
    history: tuple[Mapping[str, Any], ...]
    """What was done to the dataset, in order."""
    kept: int = 0
    """How many dates, from the first one on, come from the dataset that is replaced."""
    kept_variables: int = 0
    """How many variables, from the first one on, come from there."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the variables."""
        return tuple(variable["name"] for variable in self.variables)

    def to_text(self) -> str:
        """The plan as JSON text, the same for the same plan."""
        dates, missing = self.axis.dates, self.axis.dates[self.axis.is_missing]
        values = {
            **{name: getattr(self, name) for name in PLAIN},
            "start": format_time(dates[0]),
            "frequency": format_duration(self.axis.frequency),
            "missing": [format_time(date) for date in missing],
            "geometry": asdict(self.geometry),
            "tendencies": self.tendencies,
            "period": [format_time(date) for date in self.period],
        }
        return json.dumps(values, indent=1, sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text of `to_text`."""
        values = json.loads(text)
        geometry: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values["geometry"].items()
        }
        plain: dict[str, Any] = {name: tuple(values[name]) if name in LISTS else values[name] for name in PLAIN}
        frequency, start = parse_duration(values["frequency"]), parse_time(values["start"])
        dates = start + frequency * np.arange(geometry["shape"][0])
        missing = np.array([parse_time(date) for date in values["missing"]], "M8[s]")
        first, last = (parse_time(date) for date in values["period"])
        return cls(
            **plain,
            axis=DateAxis(dates, np.isin(dates, missing), frequency),
            geometry=Geometry(**geometry),
            tendencies=dict(sorted(values["tendencies"].items(), key=lambda item: int(item[1]))),
            period=(first, last),
        )

    def has_change(self, date: int, steps: int) -> bool:
        """Whether there is a change to a date from the one `steps` before: both are on the axis, and not missing."""
        missing = self.axis.is_missing
        return date >= steps and not missing[date] and not missing[date - steps]

    @property
    def replaces(self) -> bool:
        """Whether it takes the place of a dataset that it has dates or variables of."""
        return bool(self.kept or self.kept_variables)

    @property
    def identity(self) -> str:
        """A hash: equal for equal plans, on every machine."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()[:16]


def change_set(kind: str, plan: Plan, steps: int) -> str:
    """The name of the moments of a change over some steps of the axis, such as `area_change_21600`, in seconds.

    Args:
        kind: `area`, where the nodes count by area, or `equal`.
        plan: that of the dataset.
        steps: the number of steps.
    """
    return f"{kind}_change_{int(steps * plan.axis.frequency / np.timedelta64(1, 's'))}"


def make_plan(
    recipe: Recipe, header: SourceHeader, provenance: Mapping[str, Any], axis: DateAxis | None = None
) -> Plan:
    """Plan the dataset of a recipe.

    Args:
        recipe: that of the dataset.
        header: that of its source.
        provenance: what the source says of its data.
        axis: the dates; None: those of the recipe and the source.

    Raises:
        DataError: the dates, the chunks or the periods of the recipe do not fit the source.
    """
    axis = axis or make_axis(header.times, recipe.dates)
    return Plan(
        recipe=masked_values(recipe.model_dump(mode="json")),
        provenance=masked_values(dict(provenance)),
        variables=tuple(asdict(variable) for variable in header.variables),
        grid={
            "shape": [int(length) for length in header.grid.shape],
            "is_regular": header.grid.is_regular,
            "resolution": resolution_of(header.grid),
            **({"parts": [part.record() for part in header.grid.parts]} if header.grid.parts else {}),
        },
        axis=axis,
        geometry=make_geometry(_shape(header, len(axis.dates)), recipe.output),
        tendencies=tendency_steps(axis.frequency, recipe.statistics.tendencies),
        period=statistics_period(axis.dates, recipe.statistics),
        history=({"action": "build", "dates": len(axis.dates), "variables": len(header.variables)},),
    )


def _shape(header: SourceHeader, dates: int) -> tuple[int, int, int, int]:
    return dates, len(header.variables), header.members, len(header.grid)


def open_source(choice: Mapping[str, Any]) -> DataSource:
    """Make the source `{"plugin": NAME, …}`.

    Raises:
        WxmlError: the plugin or its options are wrong, or its data cannot be opened.
    """
    chosen = PluginChoice.model_validate(dict(choice))
    source: DataSource = create("data-source", chosen.plugin, chosen.options, where="source")
    return source
