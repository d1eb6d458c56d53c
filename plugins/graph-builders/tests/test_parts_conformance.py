"""What the interfaces of the parts of a graph promise, checked by the kit for every part of this package."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import Grid, GridPart, NodeSet
from wxml.errors import DataError
from wxml_graph_builders import BuildContext, MeshNodes
from wxml_graph_builders.attributes.area import Area
from wxml_graph_builders.attributes.masks import And, Boundary, Cutout, InArea, Near, Not, Or
from wxml_graph_builders.attributes.variables import NonMissing, NonZero, OfVariable
from wxml_graph_builders.edge_features.barycentric_weights import Barycentric
from wxml_graph_builders.edge_features.direction import Azimuth, Direction, Harmonics
from wxml_graph_builders.edge_features.distance_kernels import Gaussian, RadialBasis
from wxml_graph_builders.edge_features.height_difference import HeightDifference
from wxml_graph_builders.edge_features.length import Length
from wxml_graph_builders.edge_features.node_values import Difference, FromNode
from wxml_graph_builders.edge_features.relative_position import RelativePosition
from wxml_graph_builders.edge_rules.all_nodes import All
from wxml_graph_builders.edge_rules.containing_triangle import ContainingTriangle
from wxml_graph_builders.edge_rules.healpix_neighbours import HealpixNeighbours
from wxml_graph_builders.edge_rules.icon_topology import IconTopology
from wxml_graph_builders.edge_rules.multi_scale import MultiScale
from wxml_graph_builders.edge_rules.nearest import MutualNearest, Nearest, ReversedNearest
from wxml_graph_builders.edge_rules.radius import Radius, ReversedRadius
from wxml_graph_builders.meshes.grid_nodes import GridNodes
from wxml_graph_builders.meshes.healpix import Healpix
from wxml_graph_builders.meshes.hexagons import Hexagons
from wxml_graph_builders.meshes.icon import Icon
from wxml_graph_builders.meshes.latitude_longitude import LatitudeLongitude
from wxml_graph_builders.meshes.limited import Limited
from wxml_graph_builders.meshes.points import Points
from wxml_graph_builders.meshes.reduced_gaussian import ReducedGaussian
from wxml_graph_builders.meshes.stretched import Stretched
from wxml_graph_builders.meshes.triangles import Triangles
from wxml_graph_builders.testing import (
    EdgeBuilderContract,
    EdgeFeatureContract,
    MeshBuilderContract,
    NodeAttributeContract,
)

BOX = {"box": [60, -10, 30, 40]}
WAVES = {"variable": "z", "source": {"plugin": "simulated-atmosphere", "truncation": 5}}
GRID_FILE = {"path": "icon_1_0.nc"}


@pytest.fixture(autouse=True)
def files(icon_files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that options name lie in the working folder."""
    icon_files.icon(1)
    (tmp_path / "points.csv").write_text("lat,lon\n" + "".join(f"{n},{7 * n % 360}\n" for n in range(-80, 81)))
    monkeypatch.chdir(tmp_path)


class TestGridNodes(MeshBuilderContract):
    plugin = GridNodes


class TestHealpix(MeshBuilderContract):
    plugin = Healpix
    options = {"nside": 4}


class TestHealpixInRings(MeshBuilderContract):
    plugin = Healpix
    options = {"nside": 4, "order": "ring"}


class TestHexagons(MeshBuilderContract):
    plugin = Hexagons
    options = {"divisions": 5}


class TestIcon(MeshBuilderContract):
    plugin = Icon
    options = GRID_FILE


class TestIconCells(MeshBuilderContract):
    plugin = Icon
    options = {**GRID_FILE, "nodes": "cells"}


class TestLatitudeLongitude(MeshBuilderContract):
    plugin = LatitudeLongitude
    options = {"latitudes": 8}


class TestLimited(MeshBuilderContract):
    plugin = Limited
    options = {"base": {"plugin": "hexagons", "divisions": 8}, "area": {"box": [60, -10, 10, 40], "margin_km": 500}}


class TestLimitedToTheGrid(MeshBuilderContract):
    plugin = Limited


class TestLimitedToWholeTriangles(MeshBuilderContract):
    plugin = Limited
    options = {"area": {"box": [80, -10, 10, 60]}, "whole_triangles": True}


class TestPoints(MeshBuilderContract):
    plugin = Points
    options = {"path": "points.csv"}


class TestReducedGaussian(MeshBuilderContract):
    plugin = ReducedGaussian
    options = {"grid": "o8"}


class TestStretched(MeshBuilderContract):
    plugin = Stretched
    options = {"refinement": 2, "finer": [{"refinement": 4, "area": BOX}]}


class TestTriangles(MeshBuilderContract):
    plugin = Triangles


class TestAll(EdgeBuilderContract):
    plugin = All


class TestContainingTriangle(EdgeBuilderContract):
    plugin = ContainingTriangle


class TestHealpixNeighbours(EdgeBuilderContract):
    plugin = HealpixNeighbours

    def cases(self) -> Mapping[str, tuple[MeshNodes, MeshNodes]]:
        cells = MeshNodes(NodeSet.of_grid(Grid.healpix(4)))
        return {"cells": (cells, cells)}


class TestIconTopology(EdgeBuilderContract):
    plugin = IconTopology
    options = GRID_FILE

    def cases(self) -> Mapping[str, tuple[MeshNodes, MeshNodes]]:
        context = BuildContext(Grid.octahedral(4))
        cells, vertices = (Icon(**GRID_FILE, nodes=nodes).build(context).nodes for nodes in ("cells", "multi"))
        sets = MeshNodes(cells), MeshNodes(vertices)
        pairs = {"cells": (0, 0), "vertices": (1, 1), "cells to vertices": (0, 1), "vertices to cells": (1, 0)}
        return {name: (sets[one], sets[other]) for name, (one, other) in pairs.items()}


class TestMultiScale(EdgeBuilderContract):
    plugin = MultiScale


class TestMultiScaleOfTwoHops(EdgeBuilderContract):
    plugin = MultiScale
    options = {"coarsest": 1, "hops": 2, "self_edges": True}


class TestMutualNearest(EdgeBuilderContract):
    plugin = MutualNearest


class TestNearest(EdgeBuilderContract):
    plugin = Nearest


class TestReversedNearest(EdgeBuilderContract):
    plugin = ReversedNearest


class TestRadius(EdgeBuilderContract):
    plugin = Radius
    options = {"factor": 1.5}


class TestReversedRadius(EdgeBuilderContract):
    plugin = ReversedRadius
    options = {"km": 2500}


class TestArea(NodeAttributeContract):
    plugin = Area


class TestExactArea(NodeAttributeContract):
    plugin = Area
    options = {"method": "exact"}


class TestAreaOfAMask(NodeAttributeContract):
    plugin = Area
    options = {"mask": "north", "unit": "m2"}


class TestPlanarArea(NodeAttributeContract):
    plugin = Area
    options = {"method": "planar"}


class TestOfVariable(NodeAttributeContract):
    plugin = OfVariable
    options = WAVES


class TestNonMissing(NodeAttributeContract):
    plugin = NonMissing
    options = WAVES


class TestNonZero(NodeAttributeContract):
    plugin = NonZero
    options = WAVES


class TestAnd(NodeAttributeContract):
    plugin = And
    options = {"of": ["north", "east"]}


class TestOr(NodeAttributeContract):
    plugin = Or
    options = {"of": ["north", "east"]}


class TestNot(NodeAttributeContract):
    plugin = Not
    options = {"of": "north"}


class TestBoundary(NodeAttributeContract):
    plugin = Boundary


class TestBoundaryInKm(NodeAttributeContract):
    plugin = Boundary
    options = {"width_km": 300}


class TestCutout(NodeAttributeContract):
    plugin = Cutout
    options = {"part": "inner"}

    def cases(self) -> Mapping[str, tuple[MeshNodes, BuildContext]]:
        inner, outer = Grid.regular([50.0, 45.0], [0.0, 5.0, 10.0]), Grid.octahedral(4)
        places = (
            np.concatenate([getattr(one, name) for one in (inner, outer)]) for name in ("latitudes", "longitudes")
        )
        parts = (GridPart("inner", len(inner)), GridPart("outer", len(outer)))
        grid = replace(Grid.unstructured(*places), parts=parts)
        nodes = MeshNodes(NodeSet.of_grid(grid))
        return {"both": (nodes, BuildContext(grid, {"grid": nodes}))}

    def test_the_first_nodes_are_those_of_the_first_grid(self) -> None:
        ((nodes, context),) = self.cases().values()
        assert self.make().values(nodes, context).nonzero()[0].tolist() == [0, 1, 2, 3, 4, 5]
        for part, expected in ((0, True), (1, False), ("outer", False)):
            assert Cutout(part=part).values(nodes, context)[0] == expected

    @pytest.mark.carries_out("give a name or a number of these, or `names` to the source `cutout` or `grids`")
    def test_another_part_is_told(self) -> None:
        ((nodes, context),) = self.cases().values()
        for part in ("iner", 2, -1):
            with pytest.raises(DataError, match="one of the 2 grids of the data, inner, outer, got"):
                Cutout(part=part).values(nodes, context)
        with pytest.raises(DataError, match="which have no names"):
            Cutout().values(nodes, replace(context, grid=replace(context.grid, parts=())))
        assert Cutout(part=1).values(nodes, context).any()


class TestInArea(NodeAttributeContract):
    plugin = InArea
    options = {"area": BOX}


class TestNear(NodeAttributeContract):
    plugin = Near
    options = {"nodes": "grid", "km": 10}


class TestAzimuth(EdgeFeatureContract):
    plugin = Azimuth


class TestBarycentric(EdgeFeatureContract):
    plugin = Barycentric


class TestDifference(EdgeFeatureContract):
    plugin = Difference
    options = {"attribute": "height"}


class TestDirection(EdgeFeatureContract):
    plugin = Direction


class TestFromNode(EdgeFeatureContract):
    plugin = FromNode
    options = {"attribute": "height", "end": "target"}


class TestGaussian(EdgeFeatureContract):
    plugin = Gaussian
    options = {"sigma_km": 500}


class TestHarmonics(EdgeFeatureContract):
    plugin = Harmonics


class TestHeightDifference(EdgeFeatureContract):
    plugin = HeightDifference
    options = WAVES


class TestLength(EdgeFeatureContract):
    plugin = Length


class TestRelativeLength(EdgeFeatureContract):
    plugin = Length
    options = {"unit": "relative"}


class TestRadialBasis(EdgeFeatureContract):
    plugin = RadialBasis


class TestRelativePosition(EdgeFeatureContract):
    plugin = RelativePosition
