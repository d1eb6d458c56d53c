"""Grids: areas in closed form, coverage, identity."""

from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wxml import DataError, Grid


def row_weights(grid: Grid) -> np.ndarray:
    return grid.area_weights.reshape(grid.shape).sum(axis=1)


@given(st.integers(2, 40), st.integers(1, 50))
def test_equidistant_rows_weigh_as_exact_zones(rows: int, columns: int) -> None:
    step = 180 / rows
    grid = Grid.regular(90 - step / 2 - step * np.arange(rows), 360 / columns * np.arange(columns))
    edges = np.sin(np.radians(90 - step * np.arange(rows + 1)))
    np.testing.assert_allclose(row_weights(grid), -np.diff(edges) / 2, rtol=1e-12)


def test_poles_get_half_rows() -> None:
    grid = Grid.regular([90, 45, 0, -45, -90], [0, 90, 180, 270])
    cap = (1 - np.sin(np.radians(67.5))) / 2
    np.testing.assert_allclose(row_weights(grid)[[0, -1]], cap, rtol=1e-12)


def test_a_region_of_equal_steps_is_weighted_by_the_cosine_of_latitude() -> None:
    grid = Grid.regular(np.linspace(75, 15, 25), np.linspace(200, 330, 53))
    cosine = np.cos(np.radians(grid.latitudes))
    np.testing.assert_allclose(grid.area_weights, cosine / cosine.sum(), rtol=1e-12)


@given(st.integers(4, 64), st.integers(0, 7))
def test_gaussian_weights_integrate_polynomials_exactly(rows: int, degree: int) -> None:
    nodes, _ = np.polynomial.legendre.leggauss(rows)
    grid = Grid.regular(np.round(np.degrees(np.arcsin(nodes))[::-1], 4), [0.0])
    mean = np.sum(grid.area_weights * np.sin(np.radians(grid.latitudes)) ** degree)
    assert mean == pytest.approx(0 if degree % 2 else 1 / (degree + 1), abs=1e-4)


def test_octahedral_grid_has_the_published_number_of_points() -> None:
    assert [len(Grid.octahedral(n)) for n in (32, 96, 320)] == [5248, 40320, 421120]


def test_octahedral_rows_grow_by_four_points_towards_the_equator() -> None:
    grid = Grid.octahedral(3)
    rows, counts = np.unique(grid.latitudes, return_counts=True)
    assert list(counts) == [20, 24, 28, 28, 24, 20]
    assert list(grid.latitudes[:20]) == [rows[-1]] * 20  # from the north
    np.testing.assert_allclose(grid.longitudes[20:44], 15 * np.arange(24))
    assert grid.shape == (144,)


def test_reduced_gaussian_rows_share_their_weight_equally() -> None:
    grid = Grid.reduced_gaussian([4, 8, 8, 4])
    nodes, weights = np.polynomial.legendre.leggauss(4)
    np.testing.assert_allclose(grid.area_weights[:4], weights[-1] / 2 / 4)
    np.testing.assert_allclose(grid.latitudes[4:12], np.degrees(np.arcsin(nodes[2])))


@pytest.mark.parametrize("nside", [1, 2, 4, 8])
def test_healpix_centres_are_balanced(nside: int) -> None:
    grid = Grid.healpix(nside)
    z = np.sin(np.radians(grid.latitudes))
    assert len(grid) == 12 * nside**2
    assert np.sum(z) == pytest.approx(0, abs=1e-9)
    if nside > 1:  # second moment of the sphere, 1/3, up to the error of a cell
        assert np.mean(z**2) == pytest.approx(1 / 3, abs=0.2 / nside**2)


def test_healpix_ring_order_of_the_smallest_grid_by_hand() -> None:
    grid = Grid.healpix(1)
    np.testing.assert_allclose(np.sin(np.radians(grid.latitudes)), [2 / 3] * 4 + [0] * 4 + [-2 / 3] * 4, atol=1e-12)
    np.testing.assert_allclose(grid.longitudes, [45, 135, 225, 315, 0, 90, 180, 270, 45, 135, 225, 315])


def test_healpix_longitudes_of_the_second_smallest_grid_by_hand() -> None:
    """Rings of 4, 8, 8, 8, 8, 8 and 4 nodes; in the belt every second ring begins at 0°E."""
    longitudes = Grid.healpix(2).longitudes
    cap, shifted, unshifted = [45, 135, 225, 315], np.arange(8) * 45 + 22.5, np.arange(8) * 45
    rings = [cap, shifted, unshifted, shifted, unshifted, shifted, cap]
    np.testing.assert_allclose(longitudes, np.concatenate(rings), atol=1e-12)


@pytest.mark.parametrize("nside", [1, 2, 3, 4, 8])
def test_healpix_nodes_are_the_centres_of_a_square_lattice(nside: int) -> None:
    """Górski et al. (2005), section 4.4: the HEALPix projection makes squares on their corners of all cells.

    With X = φ / 45° and Y = 3 sin φ / 2 in the belt, the cells' centres are where (X ± Y + 1) · nside is odd. In the
    caps Y = ±(2 − σ) with σ = √(3 (1 − |sin φ|)), and X is drawn towards the middle of its quadrant by the factor σ.
    """
    grid = Grid.healpix(nside)
    z = np.sin(np.radians(grid.latitudes))
    sigma = np.minimum(np.sqrt(3 * (1 - np.abs(z))), 1.0)
    x = grid.longitudes / 45
    middle = 2 * np.floor(x / 2) + 1
    x, y = middle + sigma * (x - middle), np.where(sigma < 1, np.sign(z) * (2 - sigma), 1.5 * z)
    places = np.stack([x + y + 1, x - y + 1]) * nside
    odd = 2 * np.floor(places / 2) + 1
    np.testing.assert_allclose(places, odd, atol=1e-6)
    assert len(np.unique(odd, axis=1).T) == 12 * nside**2


def test_curvilinear_areas_equal_regular_ones() -> None:
    lat, lon = np.linspace(60, 40, 41), np.linspace(0, 20, 41)
    regular = Grid.regular(lat, lon)
    curved = Grid.curvilinear(*np.meshgrid(lat, lon, indexing="ij"))
    inside = np.pad(np.ones((39, 39), bool), 1).ravel()
    np.testing.assert_allclose(curved.area_weights[inside], regular.area_weights[inside], rtol=2e-3)


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (Grid.octahedral(8), True),
        (Grid.healpix(2), True),
        (Grid.regular(np.linspace(75, 15, 25), np.linspace(200, 330, 53)), False),
        (Grid.regular(np.linspace(90, 0, 19), np.arange(0, 360, 5)), False),
    ],
)
def test_coverage(grid: Grid, expected: bool) -> None:
    assert grid.is_global is expected


def test_identity_ignores_the_way_longitudes_are_counted() -> None:
    assert Grid.regular([10, 0], [-20, 0]).identity == Grid.regular([10, 0], [340, 360]).identity


def test_identity_tells_grids_apart() -> None:
    assert Grid.regular([10, 0], [0, 20]).identity != Grid.regular([10, 0], [0, 20.001]).identity


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Grid.regular([100, 0], [0, 1]), r"`latitudes` must lie within -90 and 90 degrees, got 100"),
        (lambda: Grid.regular([10, 10, 0], [0, 1]), "must rise or fall strictly"),
        (lambda: Grid.unstructured([], []), "needs 0 latitudes"),
        (lambda: Grid.curvilinear([[1, 2]], [[1, 2]]), "from 2 × 2 on"),
    ],
)
def test_bad_grids_are_refused(make: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()  # type: ignore[operator]


def test_a_region_may_cross_the_date_line() -> None:
    crossing = Grid.regular([10, 0], [178, 179, 180, -179, -178])
    np.testing.assert_array_equal(crossing.area_weights, Grid.regular([10, 0], [10, 11, 12, 13, 14]).area_weights)


def test_unstructured_nodes_weigh_the_same_unless_areas_are_given() -> None:
    places = [80, 0, -45, 10], [0, 90, -90, 725]
    plain, weighted = Grid.unstructured(*places), Grid.unstructured(*places, areas=[1, 2, 3, 2])
    np.testing.assert_array_equal(plain.latitudes, [80, 0, -45, 10])
    np.testing.assert_array_equal(plain.longitudes, [0, 90, 270, 5])
    np.testing.assert_array_equal(plain.area_weights, [0.25, 0.25, 0.25, 0.25])
    np.testing.assert_array_equal(weighted.area_weights, [0.125, 0.25, 0.375, 0.25])
    assert plain.shape == (4,)
    assert not plain.is_regular


@pytest.mark.parametrize("single", [(0,), (1,), (0, 1)])
def test_places_and_weights_are_doubles(single: tuple[int, ...]) -> None:
    def places(*lists: object) -> list[np.ndarray]:
        return [np.array(values, np.float32 if n in single else np.float64) for n, values in enumerate(lists)]

    for grid in (
        Grid.regular(*places([10, 0], [0, 1, 2])),
        Grid.curvilinear(*places([[10, 10], [0, 0]], [[0, 1], [0, 1]])),
        Grid.unstructured(*places([10, 0], [0, 1]), np.float32([1, 2])),
    ):
        assert {grid.latitudes.dtype, grid.longitudes.dtype, grid.area_weights.dtype} == {np.dtype(np.float64)}


def test_a_projected_grid_keeps_its_places_and_its_shape() -> None:
    grid = Grid.curvilinear([[10, 11, 12], [0, 1, 2]], [[-1, 0, 1], [-2, 0, 2]])
    np.testing.assert_array_equal(grid.latitudes, [10, 11, 12, 0, 1, 2])
    np.testing.assert_array_equal(grid.longitudes, [359, 0, 1, 358, 0, 2])
    assert grid.shape == (2, 3)
    assert not grid.is_regular
    assert grid.area_weights.sum() == pytest.approx(1)


@pytest.mark.parametrize(
    ("longitudes", "widths"),
    [
        ([0, 200, 300], [200, 150, 100]),  # rises by more than half a turn
        ([300, 200, 0], [100, 150, 200]),
        ([0, 200, 200.5], [200, 100.25, 0.5]),
        ([179, 179.5, -180], [0.5, 0.5, 0.5]),  # over the date line in steps below one degree
        ([1, 0, 359], [1, 1, 1]),
    ],
)
def test_columns_weigh_as_wide_as_they_are(longitudes: list[float], widths: list[float]) -> None:
    columns = Grid.regular([10, 0], longitudes).area_weights.reshape(2, 3).sum(axis=0)
    np.testing.assert_allclose(columns, np.array(widths) / sum(widths), rtol=1e-12)


@pytest.mark.parametrize("rows", [3, 4, 64])
@pytest.mark.parametrize("order", [1, -1])
def test_rounded_gaussian_latitudes_have_the_weights_of_the_quadrature(rows: int, order: int) -> None:
    nodes, weights = np.polynomial.legendre.leggauss(rows)
    grid = Grid.regular(np.round(np.degrees(np.arcsin(nodes)), 3)[::order], [0.0, 180.0])
    np.testing.assert_allclose(row_weights(grid), weights / 2, rtol=1e-12)


def test_rows_that_are_nearly_gaussian_are_zones() -> None:
    nodes, _ = np.polynomial.legendre.leggauss(3)
    latitudes = np.degrees(np.arcsin(nodes)) + np.array([0, 0.002, 0])
    south, middle, north = latitudes
    edges = [1.5 * south - middle / 2, (south + middle) / 2, (middle + north) / 2, 1.5 * north - middle / 2]
    bounds = np.sin(np.radians(edges))
    np.testing.assert_allclose(row_weights(Grid.regular(latitudes, [0.0])), np.diff(bounds) / (bounds[-1] - bounds[0]))


def test_a_regular_grid_is_every_pair_with_longitude_running_fastest() -> None:
    grid = Grid.regular([10, 0], [-1, 0, 1])
    np.testing.assert_array_equal(grid.latitudes, [10, 10, 10, 0, 0, 0])
    np.testing.assert_array_equal(grid.longitudes, [359, 0, 1, 359, 0, 1])
    assert grid.shape == (2, 3)
    assert grid.is_regular is True


@pytest.mark.parametrize("lengths", [(3, 2, 2), (2, 3, 2), (2, 2, 3), (0, 0, 0), (3, 3, 3)])
def test_a_grid_has_one_entry_per_node_in_every_array(lengths: tuple[int, int, int]) -> None:
    with pytest.raises(DataError) as error:
        Grid(*(np.zeros(length) for length in lengths), shape=(2,))
    got = ", ".join(f"({length},)" for length in lengths)
    assert error.value.message == (f"a grid of shape (2,) needs 2 latitudes, longitudes and area weights, got {got}")
    assert error.value.fix == "give one entry per node"


def test_latitudes_beyond_the_poles_are_refused() -> None:
    rounded = Grid.unstructured([90 + 5e-7, -90 - 5e-7], [0, 0])
    assert len(rounded) == 2
    for worst in (90.00001, -90.00001, np.nan):
        with pytest.raises(DataError) as error:
            Grid.unstructured([0, worst, 90], [0, 0, 0])
        assert error.value.message == f"`latitudes` must lie within -90 and 90 degrees, got {worst}"
        assert error.value.fix == "check the unit"


def test_identities_stay_the_same_from_version_to_version() -> None:
    """A forecast and a checkpoint hold them: the hash of the shape and of the places in millionths of a degree."""
    places = np.array([[10_000_000, 10_000_000, 0, 0], [0, 359_500_000, 0, 359_500_000]]).astype("<i8")
    assert Grid.regular([10, 0], [0, -0.5]).identity == sha256(b"(2, 2)" + places.tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("longitudes", [np.arange(0, 361, 30.0), np.arange(-180, 181, 45.0), np.arange(360, -1, -60.0)])
@pytest.mark.parametrize("latitudes", [[60.0, 0.0, -60.0], [0.0]])
def test_a_meridian_that_is_there_twice_is_refused(longitudes: np.ndarray, latitudes: list[float]) -> None:
    """Its area would count twice; without one of the two, every column has the same share."""
    with pytest.raises(DataError, match=r"hold the meridian .*°E twice") as caught:
        Grid.regular(latitudes, longitudes)
    assert "slice(None, -1)" in caught.value.fix
    columns = Grid.regular(latitudes, longitudes[:-1]).area_weights.reshape(len(latitudes), -1).sum(axis=0)
    np.testing.assert_allclose(columns, 1 / len(columns))


@given(st.floats(-720, 720))
def test_longitudes_are_at_least_0_and_less_than_360(longitude: float) -> None:
    found = Grid.unstructured([0.0], [longitude]).longitudes[0]
    assert 0 <= found < 360
    assert np.cos(np.radians(found)) == pytest.approx(np.cos(np.radians(longitude)), abs=1e-9)


@pytest.mark.parametrize("tiny", [-1e-16, -1e-9, 360.0, 360 - 1e-9, -360.0])
def test_longitudes_that_round_to_the_same_have_one_identity(tiny: float) -> None:
    assert Grid.unstructured([0.0, 1.0], [tiny, 5.0]).identity == Grid.unstructured([0.0, 1.0], [0.0, 5.0]).identity


@pytest.mark.parametrize("nside", range(1, 6))
def test_every_healpix_grid_is_global(nside: int) -> None:
    assert Grid.healpix(nside).is_global


@pytest.mark.parametrize("south", [-20.0, 0.0, 30.0])
def test_few_nodes_in_one_part_of_the_sphere_are_a_region(south: float) -> None:
    assert not Grid.regular([south + 40, south], [0, 90, 180, 270]).is_global
    assert not Grid.regular([60, 0, -60], [0, 30, 60]).is_global
