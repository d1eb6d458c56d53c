"""Graph builders: meshes and their edges, for global and for regional grids.

Key types:

- `Icosahedral`: a refined icosahedron around the whole globe (plugin `icosahedral`).
- `LimitedArea`: the same mesh cut to a region, or a regular one (plugin `limited-area`).
- `RadiusEdges`, `NearestEdges`: the edges from the grid to the mesh and back; options of both.
"""

from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.icosahedral import Icosahedral
from wxml_graph_builders.limited_area import LimitedArea

__all__ = ["Icosahedral", "LimitedArea", "NearestEdges", "RadiusEdges"]
