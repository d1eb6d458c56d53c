"""Vorticity and divergence of winds and back, and winds along the rows of projected grids."""

import numpy as np
import pytest
import xarray as xr
from wxml import Grid, PluginChoice
from wxml.errors import DataError
from wxml_dataset_sources.combining.derive import Derivation, Derive
from wxml_dataset_sources.combining.formulas import FORMULAS
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS

carries_out = pytest.mark.carries_out
GRIDS = {
    "with poles": Grid.regular(np.linspace(90, -90, 37), np.arange(0, 360, 5)),
    "south first, between the poles": Grid.regular(np.arange(-87.5, 90, 5), np.arange(-180, 180, 5)),
    "gaussian": Grid.regular(-np.degrees(np.arcsin(np.polynomial.legendre.leggauss(24)[0])), np.arange(0, 360, 7.5)),
    "octahedral": Grid.octahedral(16),
    "reduced": Grid.reduced_gaussian([18, 25, 36, 40, 45, 48, 54, 54, 48, 45, 40, 36, 25, 18]),
    "rows that begin anywhere": Grid.unstructured(
        np.repeat(np.arange(-87.5, 90, 5), 72), (np.arange(72) * 5.0 + np.arange(36)[:, None] * 1.7).ravel()
    ),
    "east to west": Grid.regular(np.linspace(90, -90, 37), np.arange(355, -1, -5)),
}


def compute(formula: str, grid: Grid, *operands: np.ndarray) -> np.ndarray:
    how = FORMULAS[formula]
    return how.compute(how.prepare(grid), *operands).reshape(operands[0].shape)


def flow(grid: Grid) -> tuple[np.ndarray, ...]:
    """Winds, vorticity and divergence of ψ = a² s (x z − y² / 2) and χ = a² s (y z + x), for unit vectors (x, y, z)."""
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    cos, sin, scale = np.cos(lat), np.sin(lat), 1e-5
    x, y, z = cos * np.cos(lon), cos * np.sin(lon), sin
    stream_east = -sin * np.sin(lon) - cos * np.sin(lon) * np.cos(lon)  # ∂ψ/∂λ / cos φ
    stream_north = np.cos(lon) * np.cos(2 * lat) + cos * sin * np.sin(lon) ** 2  # ∂ψ/∂φ
    potential_east = sin * np.cos(lon) - np.sin(lon)
    potential_north = np.sin(lon) * np.cos(2 * lat) - sin * np.cos(lon)
    factor = EARTH_RADIUS * scale
    u, v = factor * (potential_east - stream_north), factor * (stream_east + potential_north)
    vorticity = scale * (-6 * x * z + 3 * y**2 - 1)  # x z has l = 2; −y² / 2 is −1/6 and l = 2
    return u, v, vorticity, scale * (-6 * y * z - 2 * x)


@pytest.mark.parametrize("name", GRIDS)
def test_against_a_closed_form_there_and_back(name):
    grid = GRIDS[name]
    u, v, vorticity, divergence = flow(grid)
    assert np.abs(u).max() > 20
    np.testing.assert_allclose(compute("vorticity", grid, u, v), vorticity, atol=1e-9)
    np.testing.assert_allclose(compute("divergence", grid, u, v), divergence, atol=1e-9)
    np.testing.assert_allclose(compute("wind-u-of-vorticity", grid, vorticity, divergence), u, atol=2e-3)
    np.testing.assert_allclose(compute("wind-v-of-vorticity", grid, vorticity, divergence), v, atol=2e-3)


def test_a_random_flow_there_and_back():
    grid = GRIDS["gaussian"]
    random = np.random.default_rng(0)
    noise = random.normal(scale=1e-5, size=(2, 3, len(grid)))
    zero = np.zeros_like(noise[0])
    smooth = [
        compute(
            "vorticity",
            grid,
            compute("wind-u-of-vorticity", grid, one, zero),
            compute("wind-v-of-vorticity", grid, one, zero),
        )
        for one in noise
    ]
    u, v = (compute(f"wind-{axis}-of-vorticity", grid, *smooth) for axis in "uv")
    for formula, expected in (("vorticity", smooth[0]), ("divergence", smooth[1])):
        np.testing.assert_allclose(compute(formula, grid, u, v), expected, atol=1e-12)


def test_solid_rotation():
    grid = GRIDS["with poles"]
    u = 30 * np.cos(np.radians(grid.latitudes))
    expected = 2 * 30 / EARTH_RADIUS * np.sin(np.radians(grid.latitudes))
    np.testing.assert_allclose(compute("vorticity", grid, u, 0 * u), expected, atol=1e-10)
    np.testing.assert_allclose(compute("divergence", grid, u, 0 * u), 0, atol=1e-10)


def test_a_fine_grid_needs_little_memory_at_once():
    """Rows are taken in blocks; the waves of a row are those of the closed form, whatever the block."""
    grid = Grid.regular(np.linspace(90, -90, 401), np.arange(0, 360, 0.9))
    u = 30 * np.cos(np.radians(grid.latitudes)) * (1 + 0.1 * np.cos(3 * np.radians(grid.longitudes)))
    lat, lon = np.radians(grid.latitudes), np.radians(grid.longitudes)
    expected = 60 / EARTH_RADIUS * np.sin(lat) * (1 + 0.1 * np.cos(3 * lon))
    inner = np.abs(grid.latitudes) < 80  # at the poles this flow has a jump
    np.testing.assert_allclose(compute("vorticity", grid, u, 0 * u)[inner], expected[inner], atol=3e-8)
    spread = -9 / EARTH_RADIUS * np.sin(3 * lon)  # ∂u/∂λ / (a cos φ)
    np.testing.assert_allclose(compute("divergence", grid, u, 0 * u)[inner], spread[inner], atol=3e-8)


def test_every_wave_of_a_reduced_grid_there_and_back():
    """Each spherical harmonic up to the truncation, as vorticity and as divergence, comes back."""
    grid = GRIDS["octahedral"]
    of = FORMULAS["vorticity"].prepare(grid)
    assert of.truncation == 24
    random = np.random.default_rng(1)
    noise = random.normal(scale=1e-5, size=(2, len(grid)))
    zero = np.zeros(len(grid))
    once = [compute("wind-u-of-vorticity", grid, one, zero) for one in noise]
    again = [compute("wind-v-of-vorticity", grid, one, zero) for one in noise]
    smooth = [compute("vorticity", grid, u, v) for u, v in zip(once, again, strict=True)]
    u, v = (compute(f"wind-{axis}-of-vorticity", grid, *smooth) for axis in "uv")
    np.testing.assert_allclose(compute("vorticity", grid, u, v), smooth[0], atol=1e-10)
    np.testing.assert_allclose(compute("divergence", grid, u, v), smooth[1], atol=1e-10)


def lambert(rows: int = 31, columns: int = 41) -> tuple[Grid, np.ndarray]:
    """A Lambert grid, secant at 40 and 60°N, around 50°N 10°E, and the angle of its rows in radians."""
    first, second, middle = np.radians([40.0, 60.0, 50.0])
    cone = np.log(np.cos(first) / np.cos(second)) / np.log(
        np.tan(np.pi / 4 + second / 2) / np.tan(np.pi / 4 + first / 2)
    )
    scale = np.cos(first) * np.tan(np.pi / 4 + first / 2) ** cone / cone
    origin = scale / np.tan(np.pi / 4 + middle / 2) ** cone
    y, x = np.meshgrid(np.linspace(-0.15, 0.15, rows), np.linspace(-0.2, 0.2, columns), indexing="ij")
    away, turn = np.hypot(x, origin - y), np.arctan2(x, origin - y)
    latitudes = np.degrees(2 * np.arctan((scale / away) ** (1 / cone)) - np.pi / 2)
    return Grid.curvilinear(latitudes, 10 + np.degrees(turn / cone)), -turn.ravel()


def test_winds_on_a_lambert_grid_by_its_closed_form():
    grid, angle = lambert()
    u, v = np.random.default_rng(0).normal(scale=10, size=(2, len(grid)))
    inner = np.zeros(grid.shape, bool)
    inner[:, 1:-1] = True  # one-sided differences at the edge
    east, north = compute("wind-east", grid, u, v), compute("wind-north", grid, u, v)
    exact = u * np.cos(angle) - v * np.sin(angle), u * np.sin(angle) + v * np.cos(angle)
    for found, expected in zip((east, north), exact, strict=True):
        np.testing.assert_allclose(found[inner.ravel()], expected[inner.ravel()], atol=2e-3)
        np.testing.assert_allclose(found, expected, atol=0.15)
    np.testing.assert_allclose(compute("wind-along-rows", grid, east, north), u, atol=1e-9)
    np.testing.assert_allclose(compute("wind-along-columns", grid, east, north), v, atol=1e-9)


def of_winds(path, grid: Grid) -> PluginChoice:
    u, v, *_ = flow(grid)
    axes = {
        "time": [np.datetime64("2000-01-01", "ns")],
        "latitude": ("latitude", grid.latitudes[:: grid.shape[1]], {"units": "degrees_north"}),
        "longitude": ("longitude", grid.longitudes[: grid.shape[1]], {"units": "degrees_east"}),
    }
    shaped = {"u": 3.6 * u, "v": 3.6 * v}
    fields = {
        name: (tuple(axes), each.reshape(1, *grid.shape).astype("f4"), {"units": "km h-1"})
        for name, each in shaped.items()
    }
    xr.Dataset(fields, axes).to_netcdf(path)
    return PluginChoice(plugin="xarray", path=str(path))


@carries_out(
    "take the winds as they are, or a source on a projected grid",
)
def test_a_source_of_winds_and_grids_that_do_not_fit(tmp_path, world, monkeypatch):
    monkeypatch.setenv("WXML_CACHE", str(tmp_path / "cache"))
    grid = GRIDS["with poles"]
    choice = of_winds(tmp_path / "x.nc", grid)
    formulas = {name: Derivation(formula=name, of=["u", "v"]) for name in ("vorticity", "divergence")}
    source = Derive(source=choice, variables=formulas)
    assert [variable.units for variable in source.header.variables[2:]] == ["s-1", "s-1"]
    found = source.read(source.header.times, ["divergence", "vorticity"], nodes=[700, 3])[0, 0]
    expected = np.stack(flow(grid)[:1:-1])[:, [700, 3]]
    np.testing.assert_allclose(found, expected, atol=1e-8)
    with pytest.raises(DataError, match=r"winds are turned on a projected grid .* \(37, 72\) along meridians"):
        Derive(source=choice, variables={"e": Derivation(formula="wind-east", of=["u", "v"])})
    listed = PluginChoice(plugin="regrid", to={"octahedral": 8}, source=choice.model_dump())
    assert Derive(source=listed, variables=formulas).header.names[-1] == "divergence"
    cells = PluginChoice(plugin="regrid", to={"healpix": 4}, source=choice.model_dump())
    part = PluginChoice(plugin="subset", area={"south": -60}, source=choice.model_dump())
    for other, within in ((cells, 0.1), (part, 0.1)):
        made = Derive(source=other, variables=formulas)
        values = made.read(made.header.times, ["divergence", "vorticity"])[0, 0]
        expected = np.stack(flow(made.header.grid)[:1:-1])
        assert np.sqrt(np.mean((values - expected) ** 2)) < within * np.sqrt(np.mean(expected**2))
    back = PluginChoice(plugin="regrid", to={"degrees": 10.0}, source=listed.model_dump())
    assert Derive(source=back, variables=formulas).header.names[-1] == "divergence"


def test_a_missing_value_makes_its_field_missing():
    grid = GRIDS["gaussian"]
    u, v, *_ = (np.stack([each, each]) for each in flow(grid))
    u[1, 5] = np.nan
    found = compute("vorticity", grid, u, v)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
