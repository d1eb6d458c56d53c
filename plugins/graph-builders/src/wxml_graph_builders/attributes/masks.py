"""Node attributes that are true or false: where edges begin and end, and what is forecast."""

__all__ = ["And", "Boundary", "Cutout", "InArea", "Near", "Not", "Or", "boundary_mask", "mask_of"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml.data.sphere import spans_globe, unit_vectors
from wxml.errors import DataError, nearest

from wxml_graph_builders.areas import EARTH_RADIUS_KM, EUROPE, AreaOptions
from wxml_graph_builders.edges import nearest_nodes
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.node_attribute import NodeAttribute
from wxml_graph_builders.voronoi import edge_of_region

Mask = NDArray[np.bool_]
Of = Annotated[
    list[str], Field(min_length=2, description="the masks, attributes of the same nodes that stand further up")
]


class InArea(NodeAttribute):
    """Whether a node lies in an area, such as a box, or near the nodes of another set."""

    def __init__(
        self, *, area: Annotated[AreaOptions, Field(description="the part of the sphere", examples=[EUROPE])]
    ) -> None:
        self.area = area

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return self.area.area(context).holds(nodes.points)


class And(NodeAttribute):
    """Whether all of some masks are true."""

    def __init__(self, *, of: Of) -> None:
        self.of = of

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return np.asarray(np.logical_and.reduce([mask_of(nodes, name) for name in self.of]))


class Or(NodeAttribute):
    """Whether one of some masks is true."""

    def __init__(self, *, of: Of) -> None:
        self.of = of

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return np.asarray(np.logical_or.reduce([mask_of(nodes, name) for name in self.of]))


class Not(NodeAttribute):
    """Whether a mask is false."""

    def __init__(self, *, of: Annotated[str, Field(description="the mask, an attribute of the same nodes")]) -> None:
        self.of = of

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return ~mask_of(nodes, self.of)


class Boundary(NodeAttribute):
    """Whether a node of a region lies at its edge, within some km or some rows of nodes.

    Under the name `boundary` these nodes are given to a model and not forecast. At the edge are the nodes whose part of
    the sphere, all that is nearest to them, reaches beyond the region; the next row are their neighbours, and so on.
    """

    def __init__(
        self,
        *,
        width_km: Annotated[
            float | None, Field(gt=0, allow_inf_nan=False, description="distance from a node at the edge, in km")
        ] = None,
        width_nodes: Annotated[
            int | None, Field(gt=0, le=1000, description="rows of nodes, in place of `width_km`; null: 1")
        ] = None,
    ) -> None:
        if width_km is not None and width_nodes is not None:
            raise DataError(
                f"a boundary is given by `width_km` or by `width_nodes`, got {width_km:g} and {width_nodes}",
                fix="leave one of the two out",
            )
        self.width_km = width_km
        self.width_nodes = 1 if width_nodes is None else width_nodes

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return boundary_mask(nodes, self.width_km, self.width_nodes)


def boundary_mask(nodes: MeshNodes, width_km: float | None = None, width_nodes: int = 1) -> Mask:
    """Whether each node lies at the edge of the region that the nodes cover, shape `[node]`.

    Args:
        nodes: the nodes of a region.
        width_km: the distance from a node at the edge up to which nodes count; None: `width_nodes` counts.
        width_nodes: rows of nodes, of which those at the edge are the first.

    Raises:
        DataError: the nodes surround the globe.
    """
    if spans_globe(nodes.nodes.latitudes, nodes.nodes.longitudes):
        raise DataError("nodes around the globe have no boundary", fix="leave the attribute out on a global grid")
    edge = edge_of_region(nodes)
    if width_km is None:
        return _rows(edge.at_edge, edge.neighbours, width_nodes)
    from scipy.spatial import cKDTree  # takes a while to load

    reach = 2 * np.sin(min(width_km / EARTH_RADIUS_KM, np.pi) / 2)
    distance, _ = cKDTree(nodes.points[edge.at_edge]).query(nodes.points, distance_upper_bound=reach + 1e-12)
    return np.isfinite(distance)


class Near(NodeAttribute):
    """Whether another node set has a node within some km: the nodes that a cut-out replaces, say."""

    def __init__(
        self,
        *,
        nodes: Annotated[str, Field(description="the other node set, such as `data:inner`")],
        km: Annotated[float, Field(gt=0, le=20_000, allow_inf_nan=False, description="the distance in km")],
    ) -> None:
        self.nodes, self.km = nodes, km

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return AreaOptions(nodes=self.nodes, margin_km=self.km).area(context).holds(nodes.points)


class Cutout(NodeAttribute):
    """Whether a node belongs to one of several grids, such as the inner one of a source `cutout` with `names`.

    Nodes of a mesh belong to the grid of the nearest node of the data.
    """

    def __init__(
        self, *, part: Annotated[str | int, Field(description="its name, or its number from 0", examples=[0])] = 0
    ) -> None:
        self.part = part

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        ranges = context.grid.ranges
        names = list(ranges)
        if self.part not in (*names, *range(len(names))):
            known = ", ".join(names) or "which have no names"
            raise DataError(
                f"`part` must be one of the {len(names)} grids of the data, {known}, got {self.part!r}",
                fix="give a name or a number of these, or `names` to the source `cutout` or `grids`",
            )
        chosen = ranges[self.part if isinstance(self.part, str) else names[self.part]]
        places = unit_vectors(context.grid.latitudes, context.grid.longitudes)
        _, nearest_node = nearest_nodes(places, nodes.points, 1)
        return np.asarray((nearest_node >= chosen.start) & (nearest_node < chosen.stop))


def mask_of(nodes: MeshNodes, name: str) -> Mask:
    """The truth values of an attribute.

    Raises:
        DataError: there is none of that name, or it is not true or false.
    """
    attributes = nodes.nodes.attributes
    if name not in attributes or attributes[name].dtype != bool or attributes[name].ndim != 1:
        masks = [known for known, values in attributes.items() if values.dtype == bool]
        raise DataError(
            f"unknown mask {name!r} of these nodes: {nearest(name, masks)}",
            fix="give the nodes such an attribute, further up than it is used",
        )
    return np.asarray(attributes[name])


def _rows(at_edge: Mask, pairs: NDArray[np.int64], count: int) -> Mask:
    """The nodes at the edge, and those that fewer than `count` steps between neighbours lead to."""
    from scipy.sparse import coo_array

    joined = coo_array((np.ones(len(pairs), np.int32), (pairs[:, 0], pairs[:, 1])), (len(at_edge),) * 2).tocsr()
    reached = at_edge
    for _ in range(count - 1):
        # nodes at the edge are neighbours of each other across the outside, which adds none
        reached = reached | ((joined.T @ reached.astype(np.int32)) > 0)
    return reached
