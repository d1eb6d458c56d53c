"""Whether two sources of data fit together: the same nodes, units, levels, heights, step types and periods.

A source that replaces the one of the training is held against the training, and the truth against the forecast.
"""

__all__ = ["FORECAST", "SAME_PLACE", "TRAINING", "Sides", "check_variables", "in_units_of", "on_grid"]

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wxml.data.converted import Converted
from wxml.data.grid import Grid
from wxml.data.moments import Moments
from wxml.data.node_order import node_order
from wxml.data.read_request import ReadRequest, picked, run
from wxml.data.source import DataSource, SourceHeader
from wxml.data.units import Line, conversion, have_same_meaning
from wxml.data.variables import Variable
from wxml.data.wrapped import Wrapped
from wxml.errors import DataError

logger = logging.getLogger("wxml")

SAME_PLACE: Final = 1e-3
"""Degrees by which nodes may differ: files store places in single precision, or round them to so many."""
SURE: Final = 1e-4
"""Degrees by which the same nodes differ in single precision; so nodes closer than `SAME_PLACE` are told apart."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What two sources are called in messages."""

    wanted: str
    """The side that stays as it is."""
    states: str
    """The same with a verb, before the name of a variable."""
    found: str
    """The side that is held against it."""
    fix: str
    """What to do about other nodes."""


TRAINING: Final = Sides(
    "the training", "the model was trained on", "the source", "read data on the grid of the training"
)
"""A source of other data against those of the training."""
FORECAST: Final = Sides(
    "the forecast",
    "the forecast has",
    "the truth",
    "interpolate one to the other, or verify against the dataset that the forecast started from",
)
"""The truth against the forecast."""


@dataclass(frozen=True, slots=True)
class _Attribute:
    """An attribute of variables that is compared."""

    name: str
    called: str
    phrase: str
    """How it is said of a variable; `{}` is the value."""
    fix: str
    is_same: Callable[[Any, Any], bool]
    matters: Callable[[Variable], bool]
    """Whether it matters that the other side does not state it."""
    decides: bool = True
    """Whether another value means another quantity; if not, it is told."""


def _is_period(variable: Variable) -> bool:
    """Whether the variable is known to hold values over periods, and not at instants."""
    return bool(variable.period) or variable.step_type.partition(",")[0] not in ("", "instant")


def _is_close(one: float | None, other: float | None) -> bool:
    """Whether two levels are the same; files store some of them in single precision."""
    return one == other or (one is not None and other is not None and math.isclose(one, other, rel_tol=1e-6))


_COMPARED = (
    _Attribute(
        "units",
        "units",
        "in {!r}",
        "read it in {!r}, or in units that can be converted to these",
        have_same_meaning,
        lambda _: True,
    ),
    _Attribute(
        "level_units",
        "units of the level",
        "at a level in {!r}",
        "read it at a level in {!r}",
        have_same_meaning,
        lambda _: False,
    ),
    _Attribute("level", "level", "at level {:g}", "read it at level {!r}", _is_close, lambda _: False),
    _Attribute(
        "step_type", "step type", "with step type {!r}", "read data with step type {!r}", str.__eq__, _is_period
    ),
    _Attribute("period", "period", "over periods of {}", "read data over periods of {}", str.__eq__, _is_period),
    _Attribute("height", "height", "at a height of {}", "read it at a height of {}", str.__eq__, lambda _: False),
    # conventions in which providers differ for one and the same variable: radiation that is accumulated has several
    # standard names, and 2 m is a surface in GRIB 1 and a height in GRIB 2
    _Attribute("standard_name", "standard name", "as {!r}", "", str.__eq__, lambda _: False, decides=False),
    _Attribute(
        "level_type", "type of level", "at a level of type {!r}", "", str.__eq__, lambda _: False, decides=False
    ),
    _Attribute("grib", "GRIB parameter", "as GRIB parameter {!r}", "", str.__eq__, lambda _: False, decides=False),
)


class _Reordered(Wrapped):
    """A source with its nodes in the order of another grid."""

    def __init__(self, source: DataSource, grid: Grid, order: NDArray[np.intp]) -> None:
        """`order[n]` is the node of `source` at the place of node n of `grid`."""
        super().__init__(source, grid.identity)
        self.header = replace(source.header, grid=grid)
        self._order = run(order)
        areas = source.header.grid.area_weights[order]
        self._has_same_areas = bool(np.allclose(areas, grid.area_weights, rtol=1e-12, atol=0.0))

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source as it is, if its nodes have the same areas."""
        return self._source.moments(times, variables, timestep) if self._has_same_areas else None

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._source.fill(replace(request, nodes=picked(self._order, request.nodes)), out)


def on_grid(source: DataSource, grid: Grid, sides: Sides = TRAINING, within: float = SAME_PLACE) -> DataSource:
    """Give a source the order of nodes, the shape and the area weights of `grid`, whose nodes it must have.

    Longitudes that differ by 360° are the same, and a pole is one place. Nodes beside those of `grid` are left out. A
    source whose nodes have that order and shape is given back as it is.

    Args:
        source: the source.
        grid: the grid of the other side.
        sides: what both are called in messages.
        within: the degrees by which a latitude or a longitude may differ.

    Raises:
        DataError: the source lacks nodes; the error says how many, where the first of them is, and where both grids
            begin and end.
    """
    found = source.header.grid
    if found.identity == grid.identity or _is_same_list(found, grid, within):
        return source
    order = node_order(grid, found, min(within, SURE))
    order = node_order(grid, found, within) if np.any(order < 0) and within > SURE else order
    if np.any(order < 0):
        raise _other_nodes(grid, found, order, sides)
    if found.shape == grid.shape and np.array_equal(order, np.arange(len(grid))):
        return source
    return _Reordered(source, grid, order)


def _is_same_list(found: Grid, grid: Grid, within: float) -> bool:
    """Whether the nodes have one order, and the shape is the same; several grids may have nodes at one place."""
    if found.shape != grid.shape or np.any(np.abs(found.latitudes - grid.latitudes) > within):
        return False
    eastwards = np.abs(found.longitudes - grid.longitudes)
    return bool(np.all(np.minimum(eastwards, 360 - eastwards) <= within))


def _other_nodes(grid: Grid, found: Grid, order: NDArray[np.intp], sides: Sides) -> DataError:
    lacking = np.flatnonzero(order < 0)
    missing = f", where none is at {_place(grid, int(lacking[0]))}; it lacks {len(lacking)} of {len(grid)} nodes"
    return DataError(
        f"{sides.states} a grid of shape {grid.shape}, {sides.found} has one of shape {found.shape} with other nodes: "
        f"{_described(grid)} in {sides.wanted}, {_described(found)} in {sides.found}{missing}",
        fix=sides.fix,
    )


def _described(grid: Grid) -> str:
    """The number of nodes, the first and the last, as in `48 nodes from 55°N 0°E to 45°N 10°E`."""
    return f"{len(grid)} nodes from {_place(grid, 0)} to {_place(grid, -1)}"


def _place(grid: Grid, node: int) -> str:
    return f"{grid.latitudes[node]:.7g}°N {grid.longitudes[node]:.7g}°E"


def in_units_of(source: DataSource, wanted: Sequence[Variable], sides: Sides = TRAINING) -> DataSource:
    """Convert the variables of a source to the units of another side, and say so in the log.

    What cannot be converted, or has no units on one side, stays as it is; `check_variables` tells or refuses it. A
    source that needs no conversion is given back as it is.

    Args:
        source: the source.
        wanted: the variables of the other side; those that the source lacks are passed over.
        sides: what both are called in messages.
    """
    there = {variable.name: variable for variable in source.header.variables}
    lines: dict[str, tuple[str, Line]] = {}
    for one in wanted:
        found = there.get(one.name)
        if found is None or not (one.units and found.units) or have_same_meaning(one.units, found.units):
            continue
        line = conversion(found.units, one.units)
        if line is not None:
            lines[one.name] = (one.units, line)
            logger.info(
                "%s has %r in %r; it is converted to %r, as in %s",
                sides.found, one.name, found.units, one.units, sides.wanted,
            )  # fmt: skip
    return Converted(source, lines) if lines else source


def check_variables(header: SourceHeader, wanted: Sequence[Variable], sides: Sides = TRAINING) -> list[str]:
    """Compare units, levels, heights, step types, periods and standard names of a source with those of another side.

    Args:
        header: the header of the source.
        wanted: the variables of the other side; those that the source lacks are passed over.
        sides: what both are called in messages.

    Returns:
        A sentence for each of them that one side does not state, and for each standard name that differs. An unstated
        height, standard name, level or unit of a level has none, and an unstated step type or period has one only
        where the other side states a period.

    Raises:
        DataError: a variable differs in another of them; the error names both values.
    """
    there = {variable.name: variable for variable in header.variables}
    pairs = [(variable, there[variable.name]) for variable in wanted if variable.name in there]
    return [sentence for pair in pairs for sentence in _uncompared(*pair, sides)]


def _uncompared(wanted: Variable, found: Variable, sides: Sides) -> Iterator[str]:
    """See `check_variables`; for one variable."""
    for attribute in _COMPARED:
        own, other = getattr(wanted, attribute.name), getattr(found, attribute.name)
        if attribute.is_same(own, other):
            continue
        if own and other:
            sentence = (
                f"{sides.states} {wanted.name!r} {attribute.phrase.format(own)}, and {sides.found} has it "
                f"{attribute.phrase.format(other)}"
            )
            if attribute.decides:
                raise DataError(sentence, fix=attribute.fix.format(own))
            yield sentence
        elif attribute.matters(wanted if own else found):
            yield (
                f"the {attribute.called} of {wanted.name!r} cannot be compared: {own!r} in {sides.wanted}, {other!r} "
                f"in {sides.found}"
            )
