"""Plans a dataset that takes the place of one of ours: with more dates, or with more variables."""

__all__ = ["plan_of_more_dates", "plan_of_more_variables"]

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from wxml import DataSource, GridPart, SourceHeader, Variable
from wxml.data.source_fit import Sides, on_grid
from wxml.data.times import format_time
from wxml.errors import DataError
from wxml.masking import masked_values

from wxml_dataset_builder.date_axis import DateAxis, make_axis, peer_duration
from wxml_dataset_builder.geometry import Geometry
from wxml_dataset_builder.kept import Kept
from wxml_dataset_builder.plan import Plan, make_plan
from wxml_dataset_builder.recipe import Dates, Recipe

DATASET: Final = Sides(
    "the dataset", "the dataset has", "the source", "bring the source to the grid of the dataset: `plugin: regrid`"
)
"""The source of more dates or variables against the dataset."""


def plan_of_more_dates(kept: Kept, recipe: Recipe, source: DataSource) -> Plan | None:
    """Plan a dataset with the dates of another one and those that its source has after them; None without any.

    Args:
        kept: the dataset.
        recipe: that of the dataset, perhaps with another end.
        source: the source of the recipe.

    Raises:
        DataError: the variables, the grid, the members or the form of the store differ.
    """
    source, last = on_grid(source, kept.grid, DATASET), kept.axis.dates[-1]
    after = source.header.times[source.header.times > last]
    if not len(after):
        return None
    start = last + kept.axis.frequency
    missing = recipe.dates.missing
    wanted = Dates(
        start=format_time(start),
        end=recipe.dates.end,
        frequency=peer_duration(kept.axis.frequency),
        missing=missing if missing == "any" else tuple(text for text in missing if np.datetime64(text, "s") >= start),
    )
    new = make_axis(after, wanted)
    dates = np.concatenate([kept.axis.dates, new.dates])
    axis = DateAxis(dates, np.concatenate([kept.axis.is_missing, new.is_missing]), kept.axis.frequency)
    plan = make_plan(recipe, source.header, source.provenance(), axis)
    _compare(kept, "variables", kept.variables, plan.variables)
    _compare(kept, "members, values and chunks", _form(kept.geometry), _form(plan.geometry))
    event = {"action": "append", "dates": len(new.dates)}
    return replace(plan, grid=kept.grid_record, kept=len(kept.axis.dates), history=(*kept.history, event))


def plan_of_more_variables(kept: Kept, choice: Mapping[str, Any], source: DataSource) -> Plan:
    """Plan a dataset with the variables of another one and those of a source, at the dates of the dataset.

    Args:
        kept: the dataset.
        choice: the source of the new variables, `{"plugin": NAME, …}`.
        source: that source.

    Raises:
        DataError: the source has a variable of the dataset, lacks a date, or has other nodes or members.
    """
    _compare(kept, "members", kept.geometry.shape[2], source.header.members)
    source = on_grid(source, kept.grid, DATASET)
    _check_names(kept, source.header)
    _check_dates(kept, source.header)
    sources = [kept.recipe["source"], masked_values(dict(choice))]
    whole = Recipe.model_validate({**kept.recipe, "source": {"plugin": "join", "sources": sources}})
    old = tuple(Variable(**record) for record in kept.variables)
    grid = replace(source.header.grid, parts=_parts_of_both(kept, source.header))
    header = replace(source.header, grid=grid, variables=(*old, *source.header.variables))
    provenance = {"source": "join", "parts": [kept.provenance, source.provenance()]}
    event = {"action": "add-variables", "variables": len(source.header.variables)}
    return replace(
        make_plan(whole, header, provenance, kept.axis),
        kept_variables=len(old),
        history=(*kept.history, event),
    )


def _parts_of_both(kept: Kept, header: SourceHeader) -> tuple[GridPart, ...]:
    """The grids of a dataset of several, with what each lacks of the dataset and of the new variables.

    Raises:
        DataError: the source has other grids.
    """
    old, new = kept.grid.parts, header.grid.parts
    if not old or not new:
        return old or new
    sizes = [[(part.name, part.count) for part in parts] for parts in (old, new)]
    _compare(kept, "grids", *sizes)
    return tuple(replace(one, lacks=(*one.lacks, *other.lacks)) for one, other in zip(old, new, strict=True))


def _check_names(kept: Kept, header: SourceHeader) -> None:
    twice = sorted({record["name"] for record in kept.variables} & set(header.names))
    if twice:
        raise DataError(
            f"`{kept.path.name}` has the variable {twice[0]!r} already",
            fix="leave it out of the source, or rename it: `plugin: rename`",
        )


def _check_dates(kept: Kept, header: SourceHeader) -> None:
    dates = kept.axis.dates[~kept.axis.is_missing]
    lacking = dates[~np.isin(dates, header.times)]
    if len(lacking):
        raise DataError(
            f"the source lacks {len(lacking)} of the {len(dates)} dates of `{kept.path.name}`, the first of them "
            f"{format_time(lacking[0])}",
            fix="choose a source that has the dates of the dataset",
        )


def _form(geometry: Geometry) -> tuple[object, ...]:
    """Everything of a geometry but the number of dates."""
    return (geometry.shape[1:], geometry.chunks, geometry.shards, geometry.dtype, geometry.format, geometry.compression)


def _compare(kept: Kept, what: str, old: object, new: object) -> None:
    if old != new:
        raise DataError(
            f"the {what} differ: `{kept.path.name}` has {old}, the recipe {new}",
            fix="go on with the recipe that the dataset was built with",
        )
