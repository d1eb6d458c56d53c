"""Nodes chosen by the values of a field, or by their distance from the edge of the grid."""

__all__ = ["Mask", "inside_edge", "masked"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Kind, Options, PluginChoice
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Part
from wxml_dataset_sources.combining.fitting import on_grid_of
from wxml_dataset_sources.combining.variable_choice import meant


class Mask(Options):
    """Nodes at which a field, at its first time and for its first member, lies between two values, both included."""

    variable: Annotated[str, Field(description="the field, such as lsm")]
    least: Annotated[float | None, Field(description="keep nodes with this value or more, such as 0.5")] = None
    most: Annotated[float | None, Field(description="keep nodes with this value or less")] = None
    source: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(description="where the field is, on the same nodes in any order; else in the source itself"),
    ] = None


def masked(main: Part, field: Part, mask: Mask) -> NDArray[np.bool_]:
    """Whether each node of `main` is kept by the values in `field`; one without a value is not.

    Raises:
        DataError: the limits are missing or in the wrong order, the variable is not there, or it has other nodes.
    """
    least, most = mask.least, mask.most
    if (least is None and most is None) or (least is not None and most is not None and least > most):
        raise DataError(
            f"`mask` needs `least`, `most`, or both in this order, got {least} and {most}",
            fix="write for example mask: {variable: lsm, least: 0.5}",
        )
    name = meant(mask.variable, field.header.variables, "mask.variable")[0].name
    values = on_grid_of(main, field).read(field.header.times[:1], [name], members=[0])[0, 0, 0]
    return np.asarray(
        (values >= (-np.inf if least is None else least)) & (values <= (np.inf if most is None else most))
    )


def inside_edge(part: Part, width: int) -> NDArray[np.bool_]:
    """Whether each node of a grid of rows and columns is at least so many of them away from the edge.

    Raises:
        DataError: the grid has no rows and columns, goes around the globe, or is not as large.
    """
    grid: Grid = part.header.grid
    if len(grid.shape) != 2 or grid.is_global or min(grid.shape) <= 2 * width:
        raise DataError(
            f"`trim_edge` is {width}, and the grid of {part.called} has shape {grid.shape}"
            + (" around the globe" if grid.is_global else ""),
            fix="trim a region of rows and columns by less than half of them, or cut it with `area`",
        )
    is_inside = np.zeros(grid.shape, bool)
    is_inside[width:-width, width:-width] = True
    return is_inside.ravel()
