"""The NodeAttribute `area`: the area that each node stands for."""

__all__ = ["Area"]

from collections.abc import Callable, Mapping
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Kind, PluginChoice
from wxml.data.sphere import spans_globe
from wxml.errors import DataError

from wxml_graph_builders.areas import EARTH_RADIUS_KM
from wxml_graph_builders.attributes.masks import mask_of
from wxml_graph_builders.given_areas import areas_of_file, areas_of_variable
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.node_attribute import NodeAttribute
from wxml_graph_builders.planar_voronoi import planar_areas
from wxml_graph_builders.voronoi import cell_areas

Areas = NDArray[np.float64]
Method = Literal[
    "exact", "spherical-voronoi", "planar", "isolatitude", "cos-latitude", "equal", "from-file", "from-variable"
]
CELL_AREA = "cell_area"
MEASURED = ("spherical-voronoi", "planar")
"""Methods whose areas are steradians, also of nodes in a region."""


class Area(NodeAttribute):
    """The area that each node stands for, as a share of all (they add up to 1), in steradians or in m².

    | method | |
    |---|---|
    | `exact` | of the nodes of the data: the areas that the grid knows, from its rows or its file |
    | `spherical-voronoi` | of what lies nearest to each node; nodes at one place share it |
    | `planar` | of what lies nearest to each node of a region on a map that keeps areas |
    | `from-file` | what the `variable` (`cell_area`) of a NetCDF file (`path`) says, such as a grid file of ICON |
    | `from-variable` | what a `variable` of a `source` says, at its first time |
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
                description="`cos-latitude`, `equal` and `exact`, and a variable in no unit of area, have shares "
                "alone, unless the nodes surround the globe"
            ),
        ] = "share",
        mask: Annotated[
            str | None, Field(description="nodes without this attribute have the area 0, and the others share theirs")
        ] = None,
        path: Annotated[str | None, Field(description="of `from-file`, the file")] = None,
        variable: Annotated[
            str | None, Field(description="of `from-file`, null: `cell_area`; of `from-variable`, its name")
        ] = None,
        source: Annotated[
            PluginChoice | None,
            Kind("data-source"),
            Field(description="of `from-variable`, the data, such as `${data.source}`"),
        ] = None,
    ) -> None:
        _refuse_others(method, {"path": path, "variable": variable, "source": source})
        self.path, self.variable, self.source = path, variable, source
        self.method: Method = method
        self.unit = unit
        self.mask = mask

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Areas:
        kept = np.ones(len(nodes), bool) if self.mask is None else mask_of(nodes, self.mask)
        if not kept.any():
            raise DataError(f"no node has the attribute `{self.mask}`", fix="choose another `mask`, or leave it out")
        areas = np.zeros(len(nodes))
        found, steradians = self._areas(nodes, kept, context)
        areas[kept] = self._in_unit(found, steradians, nodes.subset(kept))
        return areas

    def _areas(self, nodes: MeshNodes, kept: NDArray[np.bool_], context: BuildContext) -> tuple[Areas, float | None]:
        """The areas of the nodes that are kept, and what makes steradians of them; None: they are shares."""
        if self.method == "exact":
            return _known(nodes, context)[kept], None
        if self.method == "from-file":
            given = areas_of_file(nodes, str(self.path), self.variable or CELL_AREA)
            return given.values[kept], given.steradians
        if self.source is not None:
            given = areas_of_variable(nodes.subset(kept), self.source, str(self.variable))
            return given.values, given.steradians
        methods: dict[str, Callable[[MeshNodes], Areas]] = {
            "spherical-voronoi": cell_areas,
            "planar": planar_areas,
            "isolatitude": _bands,
            "cos-latitude": lambda some: np.maximum(np.cos(np.radians(some.nodes.latitudes)), 0.0),
            "equal": lambda some: np.ones(len(some)),
        }
        return methods[self.method](nodes.subset(kept)), 1.0 if self.method in MEASURED else None

    def _in_unit(self, areas: Areas, steradians: float | None, nodes: MeshNodes) -> Areas:
        if self.unit == "share":
            return np.asarray(areas / areas.sum())
        if steradians is None:
            if not _surround(nodes):
                raise DataError(
                    f"method `{self.method}` gives shares of the nodes' area, and the nodes do not surround the "
                    f"globe, so that nobody knows how much `{self.unit}` that is",
                    fix="write `unit: share`, or `method: spherical-voronoi`",
                )
            steradians = float(4 * np.pi / areas.sum())
        areas = np.asarray(areas * steradians)
        return areas if self.unit == "steradian" else np.asarray(areas * (EARTH_RADIUS_KM * 1000) ** 2)


def _refuse_others(method: Method, given: Mapping[str, object]) -> None:
    """Refuse options that belong to another method, or a method without its options."""
    belong = {"from-file": ("path", "variable"), "from-variable": ("variable", "source")}.get(method, ())
    needed = {"from-file": ("path",), "from-variable": ("variable", "source")}.get(method, ())
    for name, value in given.items():
        if value is not None and name not in belong:
            raise DataError(f"`{name}` does not belong to `method: {method}`, got {value!r}", fix=f"leave `{name}` out")
        if value is None and name in needed:
            raise DataError(f"`method: {method}` needs `{name}`, got none", fix=f"give `{name}`")


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
