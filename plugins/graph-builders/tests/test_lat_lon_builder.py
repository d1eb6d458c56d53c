"""The latitude–longitude mesh, by hand."""

import numpy as np
import pytest
from wxml import Grid
from wxml_graph_builders import LatLon

GRID = Grid.octahedral(4)


def mesh_of(**options):
    return LatLon(**options).build(GRID).mesh()


def test_gaussian_rows_are_the_zeros_of_a_legendre_polynomial() -> None:
    latitudes, longitudes = mesh_of(latitudes=3, longitudes=5).nodes.axes
    np.testing.assert_allclose(np.sin(np.radians(latitudes)), [0.6**0.5, 0, -(0.6**0.5)], atol=1e-15)
    assert longitudes.tolist() == [0, 72, 144, 216, 288]


def test_equiangular_rows_begin_half_a_step_off_the_pole() -> None:
    latitudes, longitudes = mesh_of(latitudes=4, spacing="equiangular").nodes.axes
    assert latitudes.tolist() == [67.5, 22.5, -22.5, -67.5]
    assert longitudes.tolist() == [0, 45, 90, 135, 180, 225, 270, 315]


def test_edges_of_one_level_by_hand() -> None:
    edges = mesh_of(latitudes=4).edges
    # 4 rows of 8 along the rows, 3 · 8 along the columns and twice as many across, both ways
    assert len(edges) == 2 * (32 + 24 + 48)
    assert np.diff(edges.pointers).tolist() == [5] * 8 + [8] * 16 + [5] * 8


def test_coarser_levels_join_every_second_row_and_column() -> None:
    fine, both = mesh_of(latitudes=8, coarsest=1).edges, mesh_of(latitudes=8).edges
    # 4 rows of 8 columns in addition, none of whose pairs the finer level joins
    assert len(both) - len(fine) == 2 * (32 + 24 + 48)
    added = set(zip(both.source, both.target, strict=True)) - set(zip(fine.source, fine.target, strict=True))
    assert all(node // 16 % 2 == 0 and node % 2 == 0 for pair in added for node in pair)


@pytest.mark.parametrize("spacing", ["gaussian", "equiangular"])
def test_the_mesh_turns_by_a_column(spacing: str) -> None:
    """The geometry that a node sees is that of its neighbour in the row."""
    mesh = mesh_of(latitudes=6, longitudes=9, spacing=spacing, coarsest=1)
    turned = np.arange(54).reshape(6, 9)[:, np.arange(1, 10) % 9].ravel()

    def seen(number: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
        pairs = zip(number[mesh.edges.source], number[mesh.edges.target], strict=True)
        return {(int(a), int(b)): row for (a, b), row in zip(pairs, mesh.edges.features, strict=True)}

    before, after = seen(np.arange(54)), seen(turned)
    assert before.keys() == after.keys()
    for pair, features in before.items():
        np.testing.assert_allclose(after[pair], features, atol=1e-6)
