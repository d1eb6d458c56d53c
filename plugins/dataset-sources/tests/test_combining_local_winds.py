"""Vorticity and divergence on nodes of any kind, and back: closed forms, orders of convergence, real winds."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from wxml import Grid
from wxml.data.sphere import from_unit_vectors, unit_vectors
from wxml.errors import DataError
from wxml_dataset_sources.combining import local_winds, spectral_winds
from wxml_dataset_sources.combining.local_fits import local_fits
from wxml_dataset_sources.combining.local_winds import LocalSlopes, ThroughRows
from wxml_dataset_sources.combining.winds import divergence, from_winds, to_winds, vorticity, wind_u, wind_v
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS
from wxml_dataset_sources.xarray_source import XarraySource

carries_out = pytest.mark.carries_out
Array = np.ndarray[Any, Any]
SHARED = Path(os.environ.get("WXML_SHARED_DATA") or Path(__file__).resolve().parents[4] / "shared" / "data")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def scattered(count: int, seed: int = 0) -> Grid:
    points = np.random.default_rng(seed).normal(size=(count, 3))
    return Grid.unstructured(*from_unit_vectors(points / np.linalg.norm(points, axis=1, keepdims=True)))


def aslant(size: int) -> Grid:
    """A region of 20° × 20° around 45°N 30°E, whose rows run aslant."""
    y, x = np.meshgrid(np.linspace(-10, 10, size), np.linspace(-10, 10, size), indexing="ij")
    points = unit_vectors(y, x)
    turn, tilt = np.radians(30.0), np.radians(45.0)
    first = np.array([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    second = np.array([[np.cos(tilt), 0, -np.sin(tilt)], [0, 1, 0], [np.sin(tilt), 0, np.cos(tilt)]])
    latitudes, longitudes = from_unit_vectors(points @ (second @ first).T)
    return Grid.curvilinear(latitudes, longitudes + 30)


def waves(grid: Grid, degree: int) -> tuple[Array, Array, Array]:
    """u, v and vorticity of ψ = s cos^m φ cos mλ sin φ with m = l − 1, a spherical harmonic of degree l."""
    order = degree - 1
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    cos, sin = np.cos(lat), np.sin(lat)
    scale = 1e-5 * EARTH_RADIUS / (degree * (degree + 1))
    u = -scale * np.cos(order * lon) * (cos ** (order + 1) - order * cos ** (order - 1) * sin**2)
    v = -scale * order * cos ** (order - 1) * np.sin(order * lon) * sin
    return u, v, -1e-5 * cos**order * np.cos(order * lon) * sin


def share(found: Array, expected: Array) -> float:
    """The root mean square error as a share of the values."""
    return float(np.sqrt(np.mean((found - expected) ** 2) / np.mean(expected**2)))


KINDS = {
    "healpix": (Grid.healpix(8), Grid.healpix(16), Grid.healpix(32)),
    "scattered": (scattered(768), scattered(3072), scattered(12288)),
    "projected": (aslant(15), aslant(30), aslant(60)),
}
ORDERS = {"healpix": 3.0, "scattered": 2.7, "projected": 2.0}
"""The least order of convergence: 3, and 2 at the edges of a region. Scattered nodes have holes."""


@pytest.mark.parametrize("kind", KINDS)
def test_vorticity_and_divergence_converge_with_their_order(kind: str) -> None:
    errors, spreads = [], []
    for grid in KINDS[kind]:
        of = from_winds(grid)
        assert isinstance(of, LocalSlopes)
        u, v, expected = waves(grid, 3)
        # the same flow turned by 90 degrees spreads where it turned
        errors.append(max(share(vorticity(of, u, v), expected), share(divergence(of, v, -u), expected)))
        spreads.append(np.abs(divergence(of, u, v)).max() / np.abs(expected).max())
    found = np.log2(errors[0] / errors[2]) / 2
    assert found > ORDERS[kind], errors
    assert errors[2] < 2e-4
    assert spreads[2] < 1e-3


@pytest.mark.parametrize("kind", ["healpix", pytest.param("scattered", marks=pytest.mark.long())])
def test_winds_converge_and_come_back(kind: str) -> None:
    errors = []
    for grid in KINDS[kind]:
        of = to_winds(grid)
        assert isinstance(of, ThroughRows)
        u, v, rotation = waves(grid, 3)
        both = np.stack([rotation, 0 * rotation]), np.stack([0 * rotation, rotation])
        east, north = wind_u(of, *both), wind_v(of, *both)
        errors.append(max(share(east[0], u), share(north[0], v)))
        errors[-1] = max(errors[-1], share(east[1], v), share(north[1], -u))  # χ in place of ψ
        again = vorticity(from_winds(grid), east[0], north[0])
        assert share(again, rotation) < 0.02
    assert np.log2(errors[0] / errors[2]) / 2 > 3.0, errors
    assert errors[2] < 1e-4


@pytest.mark.parametrize(
    "grid", [Grid.healpix(16), scattered(3000, 1), aslant(30)], ids=["healpix", "scattered", "projected"]
)
def test_solid_rotation_about_any_axis(grid: Grid) -> None:
    """V = ω × r: the vorticity is 2 ω · r / a, and nothing spreads."""
    axis = np.array([1.0, 2.0, 2.0]) / 3 * 40
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    east = np.stack([-np.sin(lon), np.cos(lon), 0 * lon], -1)
    north = np.stack([-np.sin(lat) * np.cos(lon), -np.sin(lat) * np.sin(lon), np.cos(lat)], -1)
    places = unit_vectors(grid.latitudes, grid.longitudes)
    wind = np.cross(axis, places)
    u, v = np.sum(wind * east, -1), np.sum(wind * north, -1)
    of, expected = from_winds(grid), 2 * places @ axis / EARTH_RADIUS
    np.testing.assert_allclose(vorticity(of, u, v), expected, atol=5e-4 * np.abs(expected).max())
    np.testing.assert_allclose(divergence(of, u, v), 0, atol=5e-4 * np.abs(expected).max())


def test_rows_with_transforms_go_that_way() -> None:
    assert isinstance(from_winds(Grid.octahedral(16)), spectral_winds.Transform)
    assert isinstance(to_winds(Grid.regular(np.linspace(90, -90, 37), np.arange(0, 360, 5))), spectral_winds.Transform)


def test_a_region_with_a_pole_whose_nodes_are_at_one_place() -> None:
    grid = Grid.regular(np.arange(90, 59, -1.0), np.arange(0, 360, 2.0))
    u, v, expected = waves(grid, 4)
    found = vorticity(from_winds(grid), u, v)
    assert share(found, expected) < 5e-3
    np.testing.assert_allclose(found[:180], found[0], atol=2e-3 * np.abs(expected).max())
    np.testing.assert_allclose(found[:180], expected[:180], atol=2e-3 * np.abs(expected).max())


def test_a_missing_value_is_missing_around_it_alone() -> None:
    grid = Grid.healpix(16)
    u, v, _ = waves(grid, 3)
    u[100] = np.nan
    found = vorticity(from_winds(grid), u, v)
    assert np.isnan(found[100])
    assert 10 < np.isnan(found).sum() < 60


def test_matrices_are_kept(cache: Path) -> None:
    grid = aslant(12)
    u, v, _ = waves(grid, 3)
    first = LocalSlopes.of(grid).vorticity(u, v)
    (path,) = cache.glob(f"winds-{grid.identity}-*.npz")
    before = path.stat().st_mtime_ns
    np.testing.assert_array_equal(LocalSlopes.of(grid).vorticity(u, v), first)
    assert path.stat().st_mtime_ns == before
    path.write_bytes(b"no matrix")
    np.testing.assert_array_equal(LocalSlopes.of(grid).vorticity(u, v), first)
    assert path.stat().st_size > 1000


def test_values_at_other_places_converge_with_the_fourth_power() -> None:
    target, errors = scattered(200, 3), []
    for nside in (8, 16, 32):
        source = Grid.healpix(nside)
        fit = local_fits(source, target, "it")
        np.testing.assert_allclose(fit.value.sum(axis=1), 1.0, rtol=1e-9)
        found = np.sum(fit.value * waves(source, 4)[2][fit.nodes], axis=1)
        errors.append(share(found, waves(target, 4)[2]))
    assert np.log2(errors[0] / errors[2]) / 2 > 3.6, errors


@carries_out(
    "bring the source to another grid first, with `regrid` and for example to: {degrees: 1.0}",
    "bring the source to a coarser grid first, with `regrid` and for example to: {degrees: 1.0}",
    "make the winds of a global source, and cut the region with `subset` around it",
)
def test_nodes_that_do_not_allow_it_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    line = Grid.unstructured(np.linspace(0, 10, 200), np.linspace(0, 5, 200))
    with pytest.raises(DataError, match=r"no slope can be found at 0°N 0°E, nor at 199 other places of 200"):
        from_winds(line)
    with pytest.raises(DataError, match="no slope can be found"):
        from_winds(Grid.unstructured([0.0, 1.0, 0.0], [0.0, 0.0, 1.0]))
    with pytest.raises(DataError, match="made of vorticity and divergence around the globe, and this grid is a region"):
        to_winds(aslant(20))
    monkeypatch.setattr(local_winds, "MOST_NODES", 100)
    for make in (from_winds, to_winds):
        with pytest.raises(DataError, match="are made of at most 100 nodes that are no even rows around the globe"):
            make(scattered(101))
        assert make(Grid.regular(np.linspace(90, -90, 19), np.arange(0, 360, 10))) is not None
    monkeypatch.setattr(local_winds, "MOST_NODES", 10**6)
    monkeypatch.setattr(spectral_winds, "MOST_ROWS", 20)
    with pytest.raises(DataError, match="rows of an octahedral grid, and this grid needs one of"):
        to_winds(scattered(1000))
    assert from_winds(scattered(1000)) is not None


@pytest.mark.parametrize(("truncation", "within"), [(30, 0.01), pytest.param(60, 0.06, marks=pytest.mark.long())])
def test_real_winds_on_nodes_of_a_region_against_the_spherical_harmonics_of_the_globe(
    truncation: int, within: float
) -> None:
    """Winds of the GFS at 10 m, 1°, of the waves up to a total wave number."""
    paths = sorted((SHARED / "gfs-1deg-wind").glob("gfs*"))
    if not paths:
        pytest.skip(f"real data are not here: {SHARED / 'gfs-1deg-wind'}")
    source = XarraySource(path=str(paths[0]))
    grid = source.header.grid
    u, v = source.read(source.header.times, ["u10", "v10"])[0, 0].astype("f8")
    of = from_winds(grid)
    assert isinstance(of, spectral_winds.Transform)
    of = of._replace(truncation=truncation)
    rotation, spreading = (each(of, u, v).ravel() for each in (spectral_winds.vorticity, spectral_winds.divergence))
    u, v = (each(of, rotation, spreading).ravel() for each in (spectral_winds.wind_u, spectral_winds.wind_v))
    kept = np.abs(grid.latitudes) < 60.5
    listed = Grid.unstructured(grid.latitudes[kept], grid.longitudes[kept])
    inner, local = np.abs(listed.latitudes) < 57, from_winds(listed)
    assert share(vorticity(local, u[kept], v[kept])[inner], rotation[kept][inner]) < within
    assert share(divergence(local, u[kept], v[kept])[inner], spreading[kept][inner]) < 2.5 * within
