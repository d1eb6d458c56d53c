"""Between the rows of one latitude of reduced Gaussian grids and HEALPix."""

import numpy as np
import pytest
from scipy.sparse import eye_array
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml_dataset_sources.combining.latitude_rows import rows_of
from wxml_dataset_sources.combining.triangles import on_triangles
from wxml_dataset_sources.combining.weights import interpolation_weights


def shuffled(grid: Grid, seed: int = 0) -> tuple[Grid, np.ndarray]:
    order = np.random.default_rng(seed).permutation(len(grid))
    return Grid.unstructured(grid.latitudes[order], grid.longitudes[order], grid.area_weights[order]), order


def test_the_four_nodes_around_by_hand():
    grid = Grid.octahedral(40)
    rows = rows_of(grid)
    np.testing.assert_array_equal(rows.counts, [20 + 4 * min(row, 79 - row) for row in range(80)])
    south, north = rows.latitudes[50:52]  # 136 and 132 nodes; west of 0°E are those at 357.35 and 357.27°E
    place = Grid.unstructured([0.25 * south + 0.75 * north], [359.0])
    weights = interpolation_weights(grid, place, "bilinear").toarray()[0]
    there = np.flatnonzero(weights)
    below, above = 136 / 360, 132 / 360  # from 359°E to 0°E, in steps of each row
    expected = {
        (round(south, 6), round(135 * 360 / 136, 6)): 0.25 * below,
        (round(south, 6), 0.0): 0.25 * (1 - below),
        (round(north, 6), round(131 * 360 / 132, 6)): 0.75 * above,
        (round(north, 6), 0.0): 0.75 * (1 - above),
    }
    found = {(round(grid.latitudes[node], 6), round(grid.longitudes[node], 6)): weights[node] for node in there}
    assert found == pytest.approx(expected)


def test_the_order_of_the_nodes_does_not_matter():
    grid, target = Grid.octahedral(36), Grid.healpix(8)
    turned, order = shuffled(grid)
    straight = interpolation_weights(grid, target, "bilinear")
    difference = interpolation_weights(turned, target, "bilinear") - straight[:, order]
    assert abs(difference).max() < 1e-12


@pytest.mark.parametrize("make", [Grid.octahedral, Grid.healpix])
def test_half_the_spacing_has_about_a_quarter_of_the_error(make):
    random = np.random.default_rng(0)
    target = Grid.unstructured(np.degrees(np.arcsin(random.uniform(-1, 1, 4000))), random.uniform(0, 360, 4000))
    wanted = unit_vectors(target.latitudes, target.longitudes)

    def error(number: int) -> float:
        grid = make(number)
        brought = interpolation_weights(grid, target, "bilinear") @ unit_vectors(grid.latitudes, grid.longitudes)
        return float(np.abs(brought - wanted).mean())

    coarse, fine = error(32), error(64)
    assert 2.8 < coarse / fine < 4.8


def test_rows_are_nearly_what_triangles_are():
    grid, target = Grid.octahedral(48), Grid.healpix(16)
    places, wanted = (unit_vectors(each.latitudes, each.longitudes) for each in (grid, target))
    values = np.sin(3 * places[:, 0]) + np.cos(2 * places[:, 1]) * places[:, 2]
    nodes, shares, is_outside = on_triangles(places, wanted)
    assert not is_outside.any()
    rows = interpolation_weights(grid, target, "bilinear") @ values
    np.testing.assert_allclose(rows, (values[nodes] * shares).sum(axis=1), atol=1.5e-3)


def test_places_in_single_precision_are_the_same_nodes():
    grid = Grid.octahedral(40)
    rounded = Grid.unstructured(grid.latitudes.astype("f4"), (grid.longitudes - 1e-5) % 360)
    weights = interpolation_weights(rounded, rounded, "bilinear")
    assert abs(weights - eye_array(len(grid))).max() < 1e-12


@pytest.mark.parametrize(
    "grid",
    [
        Grid.unstructured([50.0, 50.0, 50.0, 40.0, 40.0, 40.0], [0.0, 10.0, 20.0, 0.0, 10.0, 20.0]),
        Grid.unstructured([50.0, 50.0, 50.0], [0.0, 120.0, 240.0]),
        Grid.unstructured(*np.random.default_rng(0).uniform(0, 80, (2, 30))),
    ],
)
def test_regions_and_scattered_nodes_are_no_rows(grid):
    assert rows_of(grid) is None
