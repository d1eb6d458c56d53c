"""Where cells end: of nodes, of rows and columns, of some of them, and of several grids."""

import pickle  # noqa: TID251  # as data-loader workers do
from dataclasses import replace

import numpy as np
import pytest
from wxml import Grid
from wxml.data.cell_bounds import CellBounds
from wxml.data.grid_part import GridPart
from wxml.errors import DataError

ROWS, COLUMNS = np.array([[0.0, 10], [10, 30]]), np.array([[-5.0, 5], [5, 7], [7, 20]])
BOXES = CellBounds.of(ROWS, COLUMNS, along_axes=True)


def test_the_vertices_of_rows_and_columns_go_around_each_cell() -> None:
    latitudes, longitudes = BOXES.vertices()
    np.testing.assert_array_equal(latitudes[1], [0, 0, 10, 10])
    np.testing.assert_array_equal(longitudes[1], [5, 7, 7, 5])
    np.testing.assert_array_equal(latitudes[5], [10, 10, 30, 30])
    np.testing.assert_array_equal(longitudes[3], [-5, 5, 5, -5])


@pytest.mark.carries_out("use `of_nodes`")
def test_some_rows_and_columns_are_those_of_their_nodes() -> None:
    turned = BOXES.of_axes(np.array([1, 0]), np.array([2, 0]))
    assert turned.along_axes
    listed = BOXES.of_nodes(np.array([5, 3, 2, 0]))
    for one, other in zip(turned.vertices(), listed.vertices(), strict=True):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(DataError, match="are those of nodes, not of rows and columns"):
        listed.of_axes(np.array([0]), np.array([0]))
    assert listed.of_nodes(np.array([0])).vertices()[0].shape == (1, 4)


def test_bounds_of_several_grids_are_padded() -> None:
    triangle = CellBounds.of([[0.0, 0, 1]], [[0.0, 1, 0]])
    both = CellBounds.joined([BOXES, triangle])
    assert both is not None
    assert both.vertices()[0].shape == (7, 4)
    assert np.isnan(both.vertices()[1][6]).tolist() == [False, False, False, True]
    assert CellBounds.joined([BOXES, None]) is None
    assert CellBounds.joined([]) is None


def test_equal_bounds_have_one_identity_also_when_they_are_pickled() -> None:
    assert BOXES.identity == CellBounds.of(ROWS + 1e-8, COLUMNS, along_axes=True).identity
    assert BOXES.identity == pickle.loads(pickle.dumps(BOXES)).identity  # noqa: S301
    assert BOXES.identity != CellBounds.of(ROWS + 1e-5, COLUMNS, along_axes=True).identity
    listed = BOXES.of_nodes(np.arange(6))
    assert listed.identity != BOXES.identity
    holed = CellBounds.of(*(np.where([[True] * 3 + [False]], each, np.nan) for each in listed.vertices()))
    assert holed.identity not in (listed.identity, CellBounds.of(*(each[:, :3] for each in listed.vertices())).identity)


def test_bounds_are_no_part_of_the_identity_of_a_grid_and_go_with_its_parts() -> None:
    plain = Grid.unstructured([5.0, 5, 5, 20, 20, 20], [0.0, 6, 10, 0, 6, 10])
    grid = replace(plain, bounds=BOXES.of_nodes(np.arange(6)), parts=(GridPart("a", 2), GridPart("b", 4)))
    assert replace(grid, parts=()).identity == plain.identity
    part = grid.part("b")
    assert part.bounds is not None
    np.testing.assert_array_equal(part.bounds.vertices()[0], BOXES.vertices()[0][2:])
    assert replace(grid, bounds=None).part("b").bounds is None
