"""Spherical harmonics, Fourier and cosine series beside closed forms and scipy."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn
from scipy.special import sph_harm_y
from wxml import Grid
from wxml.data.plane import Plane, plane_of
from wxml_losses.spectral.planar import CosineSeries, FourierSeries
from wxml_losses.spectral.spherical import SphericalHarmonics

GAUSSIAN = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(16)[0]))
GRIDS = {
    "regular": (Grid.regular(85 - 10 * np.arange(18), 10 * np.arange(36)), 8),
    "with the poles": (Grid.regular(90 - 10 * np.arange(19), 5 + 10 * np.arange(36)), 9),
    "northward": (Grid.regular(-85 + 10 * np.arange(18), 180 - 10 * np.arange(36)), 8),
    "Gaussian": (Grid.regular(GAUSSIAN, 360 / 32 * np.arange(32)), 15),
    "octahedral": (Grid.octahedral(12), 16),
    "reduced": (Grid.reduced_gaussian([18, 25, 36, 40, 45, 48, 48, 45, 40, 36, 25, 18]), 11),
}


@contextmanager
def precision(kind: torch.dtype) -> Iterator[None]:
    """Make tables in this type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(kind)
    yield
    torch.set_default_dtype(before)


def spherical(grid: Grid, truncation: int | None = None, kind: torch.dtype = torch.float64) -> SphericalHarmonics:
    with precision(kind):
        return SphericalHarmonics.of(grid, truncation)


def harmonics(grid: Grid, truncation: int) -> np.ndarray:
    """The real harmonics with a mean square of 1, from scipy, shape `[coefficient, node]`."""
    colatitude, longitude = np.radians(90 - grid.latitudes), np.radians(grid.longitudes)
    rows = []
    for degree in range(truncation + 1):
        for order in range(degree + 1):
            value = sph_harm_y(degree, order, colatitude, longitude) * np.sqrt(4 * np.pi) * (-1) ** order
            rows += [value.real] if order == 0 else [np.sqrt(2) * value.real, -np.sqrt(2) * value.imag]
    return np.array(rows)


@pytest.mark.parametrize("name", GRIDS)
def test_the_harmonics_of_scipy_have_one_coefficient_each(name):
    """So ∫ Ȳ² / 4π = 1, and different harmonics are orthogonal."""
    grid, truncation = GRIDS[name]
    transform = spherical(grid)
    assert transform.truncation == truncation
    found = transform(torch.from_numpy(harmonics(grid, truncation))).numpy()
    off = np.abs(found - np.eye((truncation + 1) ** 2)).max()
    assert off < (1e-12 if len(grid.shape) == 2 else 1e-5)  # the rows of a reduced grid are short near the poles


@pytest.mark.parametrize("kind", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", GRIDS)
def test_coefficients_come_back(name, kind):
    grid, truncation = GRIDS[name]
    coefficients = np.random.default_rng(0).normal(size=(3, (truncation + 1) ** 2))
    fields = torch.from_numpy(coefficients @ harmonics(grid, truncation)).to(kind)
    found = spherical(grid, kind=kind)(fields)
    assert found.dtype == kind
    assert found.numpy() == pytest.approx(coefficients, abs=1e-5)


@pytest.mark.parametrize("name", GRIDS)
def test_the_power_of_harmonics_is_the_mean_of_the_squares(name):
    grid, truncation = GRIDS[name]
    transform = spherical(grid, truncation // 2)  # so that the quadrature of the grid knows the square
    fields = np.random.default_rng(0).normal(size=(2, (truncation // 2 + 1) ** 2)) @ harmonics(grid, truncation // 2)
    power = transform.by_wavenumber(transform(torch.from_numpy(fields)).square())
    assert power.sum(-1).numpy() == pytest.approx(fields**2 @ grid.area_weights, rel=3e-2)
    assert list(transform.wavenumbers) == list(range(truncation // 2 + 1))


def test_the_power_of_each_wavenumber_is_that_of_its_harmonics():
    grid, truncation = GRIDS["octahedral"]
    coefficients = np.random.default_rng(0).normal(size=(truncation + 1) ** 2)
    transform = spherical(grid)
    found = transform(torch.from_numpy(coefficients @ harmonics(grid, truncation))).square()
    degrees = np.repeat(np.arange(truncation + 1), 2 * np.arange(truncation + 1) + 1)
    assert transform.by_wavenumber(found).numpy() == pytest.approx(np.bincount(degrees, coefficients**2), rel=1e-4)
    assert len(transform.by_wave(found)) == (truncation + 1) * (truncation + 2) // 2


def test_a_closed_form_has_its_wavenumber():
    """T = cos φ cos λ is the harmonic l = m = 1 over √3; sin² φ = ⅓ + ⅔ P_2."""
    grid = Grid.octahedral(8)
    latitude, longitude = np.radians(grid.latitudes), np.radians(grid.longitudes)
    fields = np.stack([np.cos(latitude) * np.cos(longitude), np.sin(latitude) ** 2])
    transform = spherical(grid, 4)
    power = transform.by_wavenumber(transform(torch.from_numpy(fields)).square()).numpy()
    assert power == pytest.approx(np.array([[0, 1 / 3, 0, 0, 0], [1 / 9, 0, 4 / 45, 0, 0]]), abs=1e-12)


def test_turning_a_field_keeps_its_power():
    grid = Grid.octahedral(8)
    coefficients = np.random.default_rng(0).normal(size=16)
    fields = [coefficients @ harmonics(Grid.unstructured(grid.latitudes, grid.longitudes + d), 3) for d in (0, 77)]
    transform = spherical(grid, 3)
    power = transform.by_wavenumber(transform(torch.from_numpy(np.array(fields))).square())
    assert power[0].numpy() == pytest.approx(power[1].numpy())


def test_a_greater_truncation_than_the_exact_one_may_be_chosen():
    grid, exact = GRIDS["regular"]
    assert spherical(grid, exact + 4).truncation == exact + 4


def planes() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(2, 13), st.integers(2, 13))


def plane(rows: int, columns: int) -> Plane:
    return plane_of(Grid.regular(np.linspace(60, 60 - rows, rows), np.linspace(0, columns, columns)))


@settings(max_examples=40)
@given(planes(), st.integers(0, 1000))
def test_the_power_of_a_series_is_the_mean_of_the_squares(shape, seed):
    """Of each wavenumber it is that of NumPy's and scipy's transforms."""
    fields, flat = np.random.default_rng(seed).normal(size=shape), plane(*shape)
    tensor, count = torch.from_numpy(fields.ravel()), fields.size
    halves = np.arange(shape[0])[:, None], np.arange(shape[1])
    waves = [np.fft.fftfreq(n, 1 / n).round().astype(int) for n in shape]
    expected = {
        FourierSeries: (np.abs(np.fft.fft2(fields)) ** 2 / count**2, flat.wavenumber(waves[0][:, None], waves[1])),
        CosineSeries: (dctn(fields, norm="ortho") ** 2 / count, flat.wavenumber(*halves)),
    }
    for kind, (power, wavenumber) in expected.items():
        with precision(torch.float64):
            series = kind(flat)
        found = series(tensor)
        assert found.shape == (count,)
        by_wavenumber = [power[wavenumber == number].sum() for number in np.unique(wavenumber)]
        assert series.by_wavenumber(found.square()).numpy() == pytest.approx(np.array(by_wavenumber), abs=1e-12)
        assert found.square().sum().item() == pytest.approx((fields**2).mean())


def test_cosines_are_those_of_scipy():
    fields = np.random.default_rng(0).normal(size=(3, 6, 7))
    with precision(torch.float64):
        series = CosineSeries(plane(6, 7))
    expected = dctn(fields, axes=(1, 2), norm="ortho").reshape(3, -1) / np.sqrt(42)
    assert series(torch.from_numpy(fields.reshape(3, -1))).numpy() == pytest.approx(expected, abs=1e-14)


def test_wavenumbers_count_along_the_longer_side():
    """On 8 rows and 16 columns of squares, a wave along the short side is as long as two along the long one."""
    flat = Plane((8, 16), (2.0, 1.0))
    x, y = np.arange(16), np.arange(8)[:, None]
    fields = [np.cos(2 * np.pi * 3 * x / 16) + 0 * y, np.cos(2 * np.pi * y / 8) + 0 * x]
    fields.append(np.cos(2 * np.pi * (2 * x / 16 + y / 8)))  # √8 is nearest to 3
    series = FourierSeries(flat)
    power = series.by_wavenumber(series(torch.tensor(np.array(fields)).float().flatten(1)).square())
    assert [series.wavenumbers[row.argmax()] for row in power] == [3, 2, 3]
    assert power.max(-1).values.numpy() == pytest.approx(0.5, abs=1e-6)


def test_a_curvilinear_grid_is_a_plane_with_sides_in_the_ratio_of_their_lengths():
    y, x = np.meshgrid(np.linspace(-2, 2, 9), np.linspace(-6, 6, 25), indexing="ij")
    grid = Grid.curvilinear(y, x)
    found = plane_of(grid)
    assert found.shape == (9, 25)
    assert found.relative == pytest.approx((25 / 9, 1.0), rel=1e-2)


TRANSFORMS = {
    "regular": lambda: SphericalHarmonics.of(Grid.regular([75, 45, 15, -15, -45, -75], 45 * np.arange(8)), None),
    "northward": lambda: SphericalHarmonics.of(Grid.regular([-75, -45, -15, 15, 45, 75], 9 + 45 * np.arange(8)), None),
    "octahedral": lambda: SphericalHarmonics.of(Grid.octahedral(3), 2),
    "Fourier": lambda: FourierSeries(plane(4, 5)),
    "cosine": lambda: CosineSeries(plane(4, 5)),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_gradients_are_those_of_finite_differences(name):
    with precision(torch.float64):
        transform = TRANSFORMS[name]()
    nodes = {"octahedral": len(Grid.octahedral(3)), "Fourier": 20, "cosine": 20}.get(name, 48)
    fields = torch.randn(2, nodes, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(transform, (fields,))
