"""Graph builders: meshes and their edges, for global and for regional grids.

Key types:

- `Icosahedral`: a refined icosahedron around the whole globe (plugin `icosahedral`).
- `LatLon`: rows of latitudes around the whole globe, for processors that work on maps (plugin `lat-lon`).
- `LimitedArea`: the same mesh cut to a region, or a regular one (plugin `limited-area`).
- `RadiusEdges`, `NearestEdges`: the edges from the grid to the mesh and back; options of all three.
- `Composed`: any graph, from parts (plugin `composed`).

The parts are plugins of four kinds, which any package may bring:

- `MeshBuilder` makes `MeshNodes`, told of a `BuildContext`.
- `EdgeBuilder` joins two of them.
- `NodeAttribute` and `EdgeFeature` say what is known of each node and of each edge.

`wxml_graph_builders.testing` has their contracts.
"""

from wxml_graph_builders.composed import Composed
from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.icosahedral import Icosahedral
from wxml_graph_builders.lat_lon import LatLon
from wxml_graph_builders.limited_area import LimitedArea
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.node_attribute import NodeAttribute

__all__ = [
    "BuildContext",
    "Composed",
    "EdgeBuilder",
    "EdgeFeature",
    "Icosahedral",
    "LatLon",
    "LimitedArea",
    "MeshBuilder",
    "MeshNodes",
    "NearestEdges",
    "NodeAttribute",
    "RadiusEdges",
]
