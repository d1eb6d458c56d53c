"""The MeshBuilder `stretched`: triangles around the globe that are finer in some areas."""

__all__ = ["FinerArea", "Stretched"]

from itertools import pairwise
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Options
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError

from wxml_graph_builders.areas import EUROPE, AreaOptions
from wxml_graph_builders.icosphere import Icosphere, Near, icosphere
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import Area, BuildContext, MeshNodes
from wxml_graph_builders.regional_icosphere import FINEST, kept_icosphere


class FinerArea(Options):
    """An area with smaller triangles."""

    refinement: Annotated[int, Field(ge=1, le=FINEST, description="of the triangles in this area")]
    area: Annotated[AreaOptions, Field(description="where they are; within the area before it")]


class Stretched(MeshBuilder):
    """A refined icosahedron with finer nodes in some areas, each within the one before.

    The mesh has all nodes of `refinement`, and of each further refinement those in its area. A node keeps its
    neighbours of every refinement that it belongs to, as far as they are there: the levels are the refinements from 0
    to the finest. Only triangles near an area are ever refined.
    """

    def __init__(
        self,
        *,
        refinement: Annotated[int, Field(ge=0, le=9, description="of the triangles around the globe")] = 4,
        finer: Annotated[
            list[FinerArea],
            Field(
                min_length=1,
                description="areas with smaller triangles, from the widest on",
                examples=[[{"refinement": 6, "area": EUROPE}]],
            ),
        ],
    ) -> None:
        steps = [refinement, *(one.refinement for one in finer)]
        if any(fine <= coarse for coarse, fine in pairwise(steps)):
            raise DataError(
                f"each `refinement` must be greater than the one before, got {steps}",
                fix="order `finer` from the widest area to the finest triangles",
            )
        self.refinement = refinement
        self.finer = finer

    def _build(self, context: BuildContext) -> MeshNodes:
        areas = [one.area.area(context) for one in self.finer]
        near: list[Near | None] = [None] * self.refinement
        reached = [self.refinement, *(one.refinement for one in self.finer)]
        for area, (start, end) in zip(areas, pairwise(reached), strict=True):
            near += [area.holds] * (end - start)
        return _stretched(icosphere(reached[-1], near), areas, reached, context)


def _stretched(sphere: Icosphere, areas: list[Area], reached: list[int], context: BuildContext) -> MeshNodes:
    """Keep the nodes up to the first refinement, and those that each finer one adds within its area."""
    count = 10 * 4 ** reached[0] + 2
    kept = np.zeros(len(sphere.points), bool)
    kept[:count] = True
    for number, (area, refinement) in enumerate(zip(areas, reached[1:], strict=True)):
        corners = np.flatnonzero(np.bincount(sphere.triangles[refinement].ravel(), minlength=len(sphere.points)))
        held = corners[area.holds(sphere.points[corners])]
        if number:
            _refuse_outside(sphere.points[held], areas[number - 1], number)
        kept[held] = True
    if context.area is not None:
        kept &= context.area.holds(sphere.points)
    return kept_icosphere(sphere, np.flatnonzero(kept))


def _refuse_outside(points: NDArray[np.float64], wider: Area, number: int) -> None:
    outside = np.flatnonzero(~wider.holds(points))
    if len(outside):
        latitude, longitude = (float(values[0]) for values in from_unit_vectors(points[outside]))
        raise DataError(
            f"`finer[{number}]` must lie within `finer[{number - 1}]`, got {len(outside)} nodes outside of it, the "
            f"first at {latitude:.2f}°N {longitude:.2f}°E",
            fix=f"make the area of `finer[{number - 1}]` wider, for example by its `margin_km`",
        )
