"""The regular mesh, by hand."""

import numpy as np
import pytest
from wxml import DataError, Grid
from wxml_graph_builders import LimitedArea
from wxml_graph_builders.regular_mesh import regular_mesh


def axes(mesh):
    return np.unique(mesh.nodes.latitudes).tolist(), np.unique(mesh.nodes.longitudes).tolist()


def degrees(mesh):
    return np.bincount(np.diff(mesh.edges.pointers)).tolist()


def test_every_second_line_and_one_more_all_around() -> None:
    grid = Grid.regular([50, 49, 48, 47], [10, 11, 12, 13, 14])
    mesh = regular_mesh(grid, 2, 1, 0)
    assert axes(mesh) == ([44, 46, 48, 50, 52], [8, 10, 12, 14, 16])


@pytest.mark.parametrize("stride", [1, 2, 3, 7, 50])
def test_mesh_reaches_a_spacing_beyond_the_grid(stride) -> None:
    grid = Grid.regular(np.linspace(60, 50, 11), np.linspace(-10, 10, 21))
    latitudes = regular_mesh(grid, stride, 1, 0).nodes.latitudes
    assert min(latitudes.max(), 90) >= min(60 + stride, 90 - stride)
    assert latitudes.min() <= max(50 - stride, stride - 90)


def test_edges_of_one_level_by_hand() -> None:
    grid = Grid.regular([50, 49, 48], [10, 11, 12, 13])
    mesh = regular_mesh(grid, 1, 1, 1)  # 5 rows and 6 columns, the finer of two levels
    # 5·5 + 4·6 along the lines and 2·4·5 across, both ways
    assert len(mesh.edges) == 2 * (25 + 24 + 40)
    assert degrees(mesh) == [0, 0, 0, 4, 0, 14, 0, 0, 12]  # corners, borders, the rest


def test_coarser_level_by_hand() -> None:
    grid = Grid.regular([50, 49, 48], [10, 11, 12, 13])
    both = regular_mesh(grid, 1, 1, 0)
    # every second line: 3 rows and 3 columns: 3·2 + 2·3 along the lines and 2·2·2 across, both ways
    assert len(both.edges) == 178 + 2 * (6 + 6 + 8)


def test_columns_close_around_the_globe_and_a_pole_is_one_node() -> None:
    grid = Grid.regular([90, 80, 70, 60], np.arange(0, 360, 30.0))
    mesh = regular_mesh(grid, 1, 1, 0)
    assert len(mesh.nodes) == 1 + 4 * 12  # rows 80 to 50
    assert mesh.edges.pointers[1] == 12 + 6  # the pole has every column around it, and every second one two rows on
    around = np.flatnonzero(mesh.nodes.latitudes == 70)
    assert np.all(np.diff(mesh.edges.pointers)[around] >= 8)


def test_a_belt_that_does_not_divide_by_the_stride_still_closes() -> None:
    grid = Grid.regular([10, 0, -10], np.arange(0, 360, 40.0))  # nine columns
    mesh = regular_mesh(grid, 2, 1, 0)
    assert axes(mesh)[1] == [0, 80, 160, 240, 320]
    last, first = (np.flatnonzero(mesh.nodes.longitudes == value)[0] for value in (320, 0))
    assert last in mesh.edges.source[mesh.edges.target == first]


def test_columns_run_on_across_the_date_line() -> None:
    grid = Grid.regular([10, 9, 8], [178, 179, 180, 181, 182])
    assert axes(regular_mesh(grid, 2, 1, 0))[1] == [176, 178, 180, 182, 184]


def test_columns_run_on_across_the_prime_meridian() -> None:
    grid = Grid.regular([10, 9, 8], [-2, -1, 0, 1, 2])
    assert axes(regular_mesh(grid, 2, 1, 0))[1] == [0, 2, 4, 356, 358]


def test_no_row_beyond_the_pole() -> None:
    grid = Grid.regular([89, 87, 85], [0, 10, 20])
    assert regular_mesh(grid, 1, 3, 0).nodes.latitudes.max() == 89


@pytest.mark.parametrize("grid", [Grid.unstructured([50, 51, 52], [5, 6, 7]), Grid.regular([50.0], [5.0, 6.0])])
def test_other_grids_are_refused(grid) -> None:
    with pytest.raises(DataError, match="needs a regular grid"):
        LimitedArea(mesh="regular").build(grid)


def test_coarsest_beyond_the_levels_is_refused() -> None:
    with pytest.raises(DataError, match="finest level of the mesh, 1, got 2"):
        regular_mesh(Grid.regular([50, 49, 48], [10, 11, 12, 13]), 1, 1, 2)
