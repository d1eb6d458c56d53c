"""What differs between what two sources say of themselves: grid, dates, members, variables."""

__all__ = ["header_differences", "same_nodes"]

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid, SourceHeader, Variable
from wxml.data.source_fit import on_grid
from wxml.data.times import format_time
from wxml.errors import DataError


def header_differences(a: SourceHeader, b: SourceHeader) -> Iterator[str]:
    """One sentence for each thing in which B is not A."""
    yield from _grid_differences(a.grid, b.grid)
    yield from _time_differences(a.times, b.times)
    if a.members != b.members:
        yield f"members: {a.members} in A, {b.members} in B"
    yield from _variable_differences(a, b)


def same_nodes(a: DataSource, b: DataSource) -> DataSource | None:
    """B with its nodes in the order of A; None if it has other nodes."""
    try:
        return on_grid(b, a.header.grid)
    except DataError:
        return None


def _grid_differences(a: Grid, b: Grid) -> Iterator[str]:
    if len(a) != len(b):
        yield f"grid: {len(a)} nodes in A, {len(b)} in B"
    elif a.identity != b.identity:
        is_shape = np.array_equal(a.latitudes, b.latitudes) and np.array_equal(a.longitudes, b.longitudes)
        what = f"shape {a.shape} in A, {b.shape} in B" if is_shape else "the nodes have other places or another order"
        yield f"grid: {what}"


def _time_differences(a: NDArray[np.datetime64], b: NDArray[np.datetime64]) -> Iterator[str]:
    for mine, others, name in ((a, b, "A"), (b, a, "B")):
        alone = mine[~np.isin(mine, others)]
        if len(alone):
            yield f"dates: {len(alone)} of {len(mine)} are in {name} alone, the first of them {format_time(alone[0])}"


def _variable_differences(a: SourceHeader, b: SourceHeader) -> Iterator[str]:
    for mine, others, name in ((a, b, "A"), (b, a, "B")):
        alone = [one for one in mine.names if one not in others.names]
        if alone:
            yield f"variables: {', '.join(alone)} {'are' if len(alone) > 1 else 'is'} in {name} alone"
    there = {variable.name: variable for variable in b.variables}
    both = [variable for variable in a.variables if variable.name in there]
    for variable in both:
        yield from _attribute_differences(variable, there[variable.name])
    if [one.name for one in both] != [name for name in b.names if name in a.names]:
        yield "variables: they stand in another order"


def _attribute_differences(a: Variable, b: Variable) -> Iterator[str]:
    for attribute in fields(Variable):
        mine, other = getattr(a, attribute.name), getattr(b, attribute.name)
        if attribute.name == "units" and a.has_units_of(b):
            continue
        if mine != other:
            yield f"{a.name}: {attribute.name.replace('_', ' ')} {_shown(mine)} in A, {_shown(other)} in B"


def _shown(value: object) -> str:
    return "not said" if value in ("", None) else str(value)
