"""Means over cells: `method: conservative`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining.cells import cells
from wxml_dataset_sources.combining.regrid import Regrid
from wxml_dataset_sources.combining.target_grid import Target
from wxml_dataset_sources.combining.weights import interpolation_weights

GRIDS = {
    "poles": Grid.regular(np.arange(90, -91, -10), np.arange(0, 360, 10)),
    "south first": Grid.regular(np.arange(-87.5, 90, 5), np.arange(-180, 180, 5)),
    "gaussian": Grid.regular(-np.degrees(np.arcsin(np.polynomial.legendre.leggauss(24)[0])), np.arange(0, 360, 7.5)),
    "octahedral": Grid.octahedral(12),
    "reduced": Grid.reduced_gaussian([18, 24, 36, 40, 40, 36, 24, 18]),
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WXML_CACHE", str(tmp_path))


def boxes(grid: Grid) -> list[tuple[float, float, float, float, int]]:
    """South, north (sines), west, east and node of each cell."""
    of = cells(grid)
    return [
        (of.heights[row], of.heights[row + 1], edges[column], edges[column + 1], nodes[column])
        for row, (edges, nodes) in enumerate(zip(of.edges, of.nodes, strict=True))
        for column in range(len(nodes))
    ]


def by_brute_force(source: Grid, target: Grid) -> np.ndarray:
    """The share of each cell of the target in each of the source, pair by pair."""
    shares = np.zeros((len(target), len(source)))
    own = np.array(boxes(source))
    south, north, west, east, node = own.T
    for low, high, left, right, into in boxes(target):
        tall = np.clip(np.minimum(north, high) - np.maximum(south, low), 0, None)
        wide = sum(
            np.clip(np.minimum(east + turn, right) - np.maximum(west + turn, left), 0, None)
            for turn in (-720, -360, 0, 360, 720)
        )
        shares[into, node.astype(int)] += tall * wide / ((high - low) * (right - left))
    return shares


@pytest.mark.parametrize(("one", "other"), [("poles", "octahedral"), ("gaussian", "south first"), ("reduced", "poles")])
def test_against_brute_force_there_and_back(one, other):
    for source, target in ((GRIDS[one], GRIDS[other]), (GRIDS[other], GRIDS[one])):
        weights = interpolation_weights(source, target, "conservative").toarray()
        np.testing.assert_allclose(weights, by_brute_force(source, target), atol=1e-9)


def test_one_cell_in_four_by_hand():
    coarse, fine = (
        Grid.regular([45.0, -45.0], [0.0, 180.0]),
        Grid.regular([67.5, 22.5, -22.5, -67.5], np.arange(4) * 90.0),
    )
    weights = interpolation_weights(fine, coarse, "conservative").toarray()
    middle = np.sin(np.radians(45.0))  # the part of the coarse cell south of 45°N
    # the coarse cell goes from 270 to 90°E: half of the fine ones at 270 and 90°E, the whole of the one at 0°E
    np.testing.assert_allclose(weights[0, :4], (1 - middle) * np.array([0.5, 0.25, 0.0, 0.25]), atol=1e-12)
    np.testing.assert_allclose(weights[0, 4:8], middle * np.array([0.5, 0.25, 0.0, 0.25]), atol=1e-12)
    assert not weights[0, 8:].any()


@settings(max_examples=30, deadline=None)
@given(source=st.sampled_from(list(GRIDS)), target=st.sampled_from(list(GRIDS)), seed=st.integers(0, 1000))
def test_the_global_mean_is_kept_and_so_is_a_constant(source, target, seed):
    one, other = GRIDS[source], GRIDS[target]
    weights = interpolation_weights(one, other, "conservative")
    values = np.random.default_rng(seed).lognormal(sigma=2, size=len(one))
    mean = one.area_weights @ values
    assert other.area_weights @ (weights @ values) == pytest.approx(mean, rel=1e-9)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-9)
    assert (weights @ values).min() >= values.min() * (1 - 1e-9)


def test_the_cells_have_the_areas_that_the_grids_say():
    for grid in GRIDS.values():
        areas = np.zeros(len(grid))
        for south, north, west, east, node in boxes(grid):
            areas[node] = (north - south) * (east - west) / 720
        np.testing.assert_allclose(areas, grid.area_weights, rtol=1e-9)


def test_to_a_finer_grid_and_back_is_the_same():
    coarse = Grid.regular(np.arange(75, -90, -30), np.arange(0, 360, 30))
    fine = Grid.regular(np.arange(85, -90, -10), np.arange(-10, 350, 10))  # three by three cells in each coarse one
    values = np.random.default_rng(0).normal(size=len(coarse))
    there = interpolation_weights(coarse, fine, "conservative") @ values
    np.testing.assert_allclose(interpolation_weights(fine, coarse, "conservative") @ there, values, atol=1e-12)


def test_a_smooth_field_is_close_and_the_closer_the_finer():
    target, finest = Grid.octahedral(10), Grid.octahedral(80)
    exact = interpolation_weights(finest, target, "conservative") @ unit_vectors(finest.latitudes, finest.longitudes)
    assert np.abs(exact - unit_vectors(target.latitudes, target.longitudes)).max() < 0.02

    def error(number: int) -> float:
        source = Grid.octahedral(number)
        found = interpolation_weights(source, target, "conservative") @ unit_vectors(
            source.latitudes, source.longitudes
        )
        return float(np.abs(found - exact).max())

    assert error(40) < error(20) / 2.5 < 0.02


def test_a_region_inside_a_region():
    outer = Grid.regular(np.arange(60, 39, -2.0), np.arange(-20, 21, 2.0))
    inner = Grid.regular([52.0, 48.0], [-4.0, 0.0, 4.0])
    weights = interpolation_weights(outer, inner, "conservative").toarray()
    np.testing.assert_allclose(weights, by_brute_force(outer, inner), atol=1e-9)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)
    with pytest.raises(DataError, match=r"6 of 6 nodes of `to` are outside of the grid of `source`"):
        interpolation_weights(inner, Grid.regular([10.0, 5.0], [0.0, 5.0, 10.0]), "conservative")


def test_missing_values_are_left_out_up_to_half_of_a_cell(world, monkeypatch):
    one = world("t", latitudes=(67.5, 22.5, -22.5, -67.5), longitudes=(0.0, 90.0, 180.0, 270.0))
    source = Regrid(source=one.choice, to=Target(degrees=90), method="conservative")
    inner = source._sources[0]
    values = one.values["t"][0, 0].astype("f8")
    weights = interpolation_weights(inner.header.grid, source.header.grid, "conservative").toarray()
    np.testing.assert_allclose(source.read(one.times[:1], ["t"])[0, 0, 0], weights @ values, rtol=1e-6)
    is_missing = np.arange(16) % 4 == 1  # a quarter of each row
    holed = np.where(is_missing, np.nan, one.values["t"][:1, :, None])
    monkeypatch.setattr(type(inner), "_read_part", lambda self, request, out: np.copyto(out, holed))
    found = source.read(one.times[:1], ["t"])[0, 0, 0]
    covered = weights[:, ~is_missing].sum(axis=1)
    is_enough = covered > 0.499
    np.testing.assert_array_equal(np.isnan(found), ~is_enough)
    expected = weights[:, ~is_missing] @ values[~is_missing]
    np.testing.assert_allclose(found[is_enough], (expected / covered.clip(0.1))[is_enough], rtol=1e-6)
    assert 0 < np.isnan(found).sum() < len(found)


def test_a_constant_stays_exactly_that(tmp_path, world, monkeypatch):
    source = Regrid(source=world("t").choice, to=Target(octahedral=7), method="conservative")
    for value in (np.float32(273.15), np.float32(1e-7), np.float32(-3e5)):
        monkeypatch.setattr(
            type(source._sources[0]), "_read_part", lambda self, *rest, value=value: rest[-1].fill(value)
        )
        assert (source.read(source.header.times[:1], ["t"]) == value).all()


def test_uneven_columns_go_all_around_and_a_region_does_not():
    uneven = cells(Grid.regular([45.0, -45.0], [1.0, 13.5, 74.5, 163.0, 232.0, 313.0]))
    assert np.ptp(uneven.edges[0]) == pytest.approx(360.0)
    for longitudes in (np.arange(-170, 171, 10.0), np.arange(0, 301, 10.0), np.array([10.0, 20.0])):
        edges = cells(Grid.regular([45.0, -45.0], longitudes)).edges[0]
        assert np.ptp(edges) == pytest.approx(10.0 * len(longitudes))
    assert np.ptp(cells(Grid.regular([45.0, -45.0], [10.0])).edges[0]) == 1.0
