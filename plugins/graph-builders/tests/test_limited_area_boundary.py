"""The option `boundary` of `limited-area`: which nodes are at the edge."""

from dataclasses import replace

import numpy as np
import pytest
from wxml import Grid, GridPart
from wxml.errors import DataError
from wxml_graph_builders import LimitedArea
from wxml_graph_builders.limited_area import BoundaryWidth

GRID = Grid.regular(np.linspace(60, 40, 11), 10 + np.arange(15) * 2.0)
ROWS, COLUMNS = np.divmod(np.arange(len(GRID)), 15)
FROM_EDGE = np.minimum.reduce([ROWS, 10 - ROWS, COLUMNS, 14 - COLUMNS])


@pytest.mark.parametrize("width", [1, 2, 3])
def test_rows_of_nodes(width: int) -> None:
    graph = LimitedArea(boundary=BoundaryWidth(nodes=width)).build(GRID)
    np.testing.assert_array_equal(graph.nodes["grid"].boundary, width > FROM_EDGE)
    plain = LimitedArea().build(GRID)
    assert plain.nodes["grid"].attributes == {}
    assert graph.identity != plain.identity


def test_kilometres_reach_as_far_everywhere() -> None:
    """230 km are two rows of 2°; eastwards a column is 222 km · cos φ, so that more of them count in the north."""
    mask = LimitedArea(boundary=BoundaryWidth(km=230)).build(GRID).nodes["grid"].boundary.reshape(11, 15)
    middle = mask[:, 7]
    assert middle.tolist() == [True, True, *[False] * 7, True, True]
    for row in (3, 5, 7):
        spacing = 222.4 * np.cos(np.radians(60 - 2 * row))
        assert mask[row, :7].sum() == 1 + int(230 / spacing)


def test_the_parts_of_a_grid_have_their_share() -> None:
    parts = GridPart("west", 60), GridPart("rest", len(GRID) - 60)
    graph = LimitedArea(boundary=BoundaryWidth()).build(replace(GRID, parts=parts))
    found = [graph.nodes[f"data:{part.name}"].boundary for part in parts]
    np.testing.assert_array_equal(np.concatenate(found), FROM_EDGE < 1)


@pytest.mark.carries_out("leave one of the two out")
def test_two_widths_are_refused() -> None:
    with pytest.raises(DataError, match="`boundary` is given by `km` or by `nodes`, got 100 and 2"):
        LimitedArea(boundary=BoundaryWidth(km=100, nodes=2)).build(GRID)
    assert LimitedArea(boundary=BoundaryWidth(km=100)).build(GRID).nodes["grid"].boundary.any()
    with pytest.raises(DataError, match="the boundary takes up all 165 nodes"):
        LimitedArea(boundary=BoundaryWidth(km=9000)).build(GRID)
