"""The NodeAttribute `area`: the area that each node stands for."""

__all__ = ["Area"]

from collections.abc import Callable
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml.data.sphere import spans_globe
from wxml.errors import DataError

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.attributes.masks import mask_of
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.node_attribute import NodeAttribute
from wxml_graph_builders.voronoi import cell_areas

Areas = NDArray[np.float64]
Method = Literal["exact", "spherical-voronoi", "cos-latitude", "isolatitude", "equal"]


class Area(NodeAttribute):
    """The area that each node stands for, as a share of all (they add up to 1), in steradians or in m².

    | method | |
    |---|---|
    | `exact` | of the nodes of the data: the areas that the grid knows, from its rows or its file |
    | `spherical-voronoi` | of what lies nearest to each node; nodes at one place share it |
    | `isolatitude` | nodes on one latitude share the band around it, which ends halfway to the next one |
    | `cos-latitude` | in proportion to the cosine of the latitude |
    | `equal` | the same for all |

    At the edge of a region, what lies nearest to a node has no end: such nodes have the area of the nearest one inside.
    """

    def __init__(
        self,
        *,
        method: Annotated[Method, Field(description="how areas are found")] = "spherical-voronoi",
        unit: Annotated[
            Literal["share", "steradian", "m2"],
            Field(
                description="`cos-latitude`, `equal` and `exact` have shares alone, unless the nodes surround the globe"
            ),
        ] = "share",
        mask: Annotated[
            str | None, Field(description="nodes without this attribute have the area 0, and the others share theirs")
        ] = None,
    ) -> None:
        self.method: Method = method
        self.unit = unit
        self.mask = mask

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Areas:
        kept = np.ones(len(nodes), bool) if self.mask is None else mask_of(nodes, self.mask)
        if not kept.any():
            raise DataError(f"no node has the attribute `{self.mask}`", fix="choose another `mask`, or leave it out")
        areas = np.zeros(len(nodes))
        areas[kept] = self._in_unit(self._areas(nodes, kept, context), nodes.subset(kept))
        return areas

    def _areas(self, nodes: MeshNodes, kept: NDArray[np.bool_], context: BuildContext) -> Areas:
        if self.method == "exact":
            return _known(nodes, context)[kept]
        methods: dict[Method, Callable[[MeshNodes], Areas]] = {
            "spherical-voronoi": cell_areas,
            "isolatitude": _bands,
            "cos-latitude": lambda some: np.maximum(np.cos(np.radians(some.nodes.latitudes)), 0.0),
            "equal": lambda some: np.ones(len(some)),
        }
        return methods[self.method](nodes.subset(kept))

    def _in_unit(self, areas: Areas, nodes: MeshNodes) -> Areas:
        if self.unit == "share":
            return np.asarray(areas / areas.sum())
        if self.method != "spherical-voronoi":
            if not _surround(nodes):
                raise DataError(
                    f"method `{self.method}` gives shares of the nodes' area, and the nodes do not surround the "
                    f"globe, so that nobody knows how much `{self.unit}` that is",
                    fix="write `unit: share`, or `method: spherical-voronoi`",
                )
            areas = np.asarray(areas / areas.sum() * 4 * np.pi)
        return areas if self.unit == "steradian" else np.asarray(areas * (EARTH_RADIUS_KM * 1000) ** 2)


def _surround(nodes: MeshNodes) -> bool:
    return spans_globe(nodes.nodes.latitudes, nodes.nodes.longitudes)


def _known(nodes: MeshNodes, context: BuildContext) -> Areas:
    """The area weights of the grid whose nodes these are."""
    for grid in (context.grid, *(context.grid.part(part.name) for part in context.grid.parts)):
        places = (nodes.nodes.latitudes, nodes.nodes.longitudes)
        if all(
            np.array_equal(one, other) for one, other in zip(places, (grid.latitudes, grid.longitudes), strict=True)
        ):
            return np.asarray(grid.area_weights)
    raise DataError(
        "method `exact` takes the areas that the grid of the data knows, got nodes that are not all of the grid's",
        fix="write `method: spherical-voronoi`",
    )


def _bands(nodes: MeshNodes) -> Areas:
    """The area from halfway to the next latitude on both sides, divided by the nodes on it; it ends at the poles."""
    rounded = np.round(nodes.nodes.latitudes, 6)
    latitudes, row, count = np.unique(rounded, return_inverse=True, return_counts=True)
    bounds = np.concatenate([[-90.0], (latitudes[1:] + latitudes[:-1]) / 2, [90.0]])
    share = np.diff(np.sin(np.radians(bounds))) / 2
    return np.asarray((share / count)[np.asarray(row).ravel()])
