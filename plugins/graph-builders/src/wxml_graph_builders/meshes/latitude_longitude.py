"""The MeshBuilder `latitude-longitude`: rows and columns around the globe."""

__all__ = ["Columns", "LatitudeLongitude", "Rows", "Spacing", "closed_axes", "equiangular", "gaussian"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.regular_mesh import Axes, axes_nodes

Rows = Annotated[int, Field(ge=2, le=4096, description="number of rows")]
Columns = Annotated[int | None, Field(ge=3, le=8192, description="number of columns; null: twice as many as rows")]
Spacing = Annotated[
    Literal["gaussian", "equiangular"],
    Field(description="of the rows: the Gauss–Legendre nodes, or equal steps that begin half a step off the pole"),
]


class LatitudeLongitude(MeshBuilder):
    """Latitudes and longitudes around the globe, row by row from north to south, each row from 0°E to the east.

    Its levels join each node to its eight neighbours; those of every second row and column, and so on, are coarser.
    """

    def __init__(self, *, latitudes: Rows = 32, longitudes: Columns = None, spacing: Spacing = "gaussian") -> None:
        self.axes = closed_axes(latitudes, longitudes, spacing)

    def _build(self, context: BuildContext) -> MeshNodes:
        return axes_nodes(self.axes)


def closed_axes(latitudes: int, longitudes: int | None, spacing: str) -> Axes:
    """Rows from north to south and columns from 0°E to the east, around the globe; see `LatitudeLongitude`."""
    rows = gaussian(latitudes) if spacing == "gaussian" else equiangular(latitudes)
    columns = 2 * latitudes if longitudes is None else longitudes
    return Axes(rows, np.arange(columns, dtype=np.float64) * (360 / columns), closed=True)


def gaussian(count: int) -> NDArray[np.float64]:
    """The latitudes (degrees) whose sines are the zeros of a Legendre polynomial, from north to south."""
    sines, _ = np.polynomial.legendre.leggauss(count)
    return np.degrees(np.arcsin(sines[::-1])).astype(np.float64)


def equiangular(count: int) -> NDArray[np.float64]:
    """Latitudes (degrees) in equal steps from north to south, half a step off each pole."""
    return 90 - 180 / count * (np.arange(count, dtype=np.float64) + 0.5)
