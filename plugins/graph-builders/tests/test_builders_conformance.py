"""What the interface promises, checked by the kit."""

from wxml.testing import GraphBuilderContract
from wxml_graph_builders import Icosahedral, LatLon, LimitedArea


class TestIcosahedral(GraphBuilderContract):
    plugin = Icosahedral
    options = {"refinement": 2}
    rotation_invariant = True


class TestIcosahedralWithLevels(GraphBuilderContract):
    plugin = Icosahedral
    options = {"refinement": 2, "hierarchy": 2}
    rotation_invariant = True


class TestLimitedAreaOfTriangles(GraphBuilderContract):
    plugin = LimitedArea
    rotation_invariant = True


class TestLatLon(GraphBuilderContract):
    plugin = LatLon
    options = {"latitudes": 6}


class TestRegularLimitedArea(GraphBuilderContract):
    plugin = LimitedArea
    options = {"mesh": "regular"}
