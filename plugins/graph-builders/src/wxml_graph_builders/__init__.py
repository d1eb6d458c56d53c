"""Graph builders: meshes and their edges, for global and for regional grids.

Key types:

- `Icosahedral`: a refined icosahedron around the whole globe (plugin `icosahedral`).
- `LatLon`: rows of latitudes around the whole globe, for processors that work on maps (plugin `lat-lon`).
- `LimitedArea`: the same mesh cut to a region, or a regular one (plugin `limited-area`).
- `RadiusEdges`, `NearestEdges`: the edges from the grid to the mesh and back; options of all three.
"""

from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.icosahedral import Icosahedral
from wxml_graph_builders.lat_lon import LatLon
from wxml_graph_builders.limited_area import LimitedArea

__all__ = ["Icosahedral", "LatLon", "LimitedArea", "NearestEdges", "RadiusEdges"]
