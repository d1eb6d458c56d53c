"""The spherical-harmonic transforms against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS, SphericalHarmonics, legendre_functions

HARMONICS = SphericalHarmonics(10)
SINE = HARMONICS.sin_latitude[:, None]
COSINE = np.sqrt(1 - SINE**2)
LONGITUDE = np.radians(HARMONICS.longitudes)


def random_coefficients(seed, harmonics=HARMONICS):
    random = np.random.default_rng(seed)
    shape = (2, harmonics.truncation + 1, harmonics.truncation + 1)
    coefficients = (random.normal(size=shape) + 1j * random.normal(size=shape)) * (
        harmonics.degrees >= harmonics.orders
    )
    coefficients[:, 0] = coefficients[:, 0].real
    return coefficients


def test_the_grid_of_t21_is_the_gaussian_one_of_32_by_64() -> None:
    harmonics = SphericalHarmonics(21)
    assert (len(harmonics.latitudes), harmonics.num_longitudes) == (32, 64)
    assert harmonics.latitudes[0] == pytest.approx(85.7606, abs=1e-4)


@pytest.mark.parametrize("truncation", [5, 10, 21, 42, 63])
def test_a_grid_has_enough_longitudes_for_products(truncation) -> None:
    number = SphericalHarmonics(truncation).num_longitudes
    assert 3 * truncation + 1 <= number <= 1.5 * (3 * truncation + 1)


def test_the_lowest_functions_have_their_closed_forms() -> None:
    mu = np.linspace(-0.9, 0.9, 7)
    functions, slopes = legendre_functions(3, mu)
    cosine = np.sqrt(1 - mu**2)
    np.testing.assert_allclose(functions[0, 0], 1.0)
    np.testing.assert_allclose(functions[0, 1], np.sqrt(3) * mu)
    np.testing.assert_allclose(functions[1, 1], np.sqrt(3 / 2) * cosine)
    np.testing.assert_allclose(functions[0, 2], np.sqrt(5) * (3 * mu**2 - 1) / 2, atol=1e-15)
    np.testing.assert_allclose(functions[1, 2], np.sqrt(15 / 2) * mu * cosine, atol=1e-15)
    np.testing.assert_allclose(slopes[0, 2], np.sqrt(5) * 3 * mu * (1 - mu**2), atol=1e-14)


@pytest.mark.parametrize("truncation", [10, 42])
def test_functions_of_one_order_are_orthonormal(truncation) -> None:
    mu, weights = np.polynomial.legendre.leggauss(truncation + 1)
    functions, _ = legendre_functions(truncation, mu)
    for order in range(truncation + 1):
        kept = functions[order, order:]
        np.testing.assert_allclose(0.5 * (kept * weights) @ kept.T, np.eye(len(kept)), atol=1e-12)


@pytest.mark.parametrize("power", [0, 2, 8, 30])
def test_the_mean_of_powers_of_the_sine_is_exact(power) -> None:
    field = np.repeat(SINE**power, HARMONICS.num_longitudes, axis=1)
    assert HARMONICS.mean(field) == pytest.approx(1 / (power + 1), rel=1e-13)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31))
def test_coefficients_survive_the_way_to_the_grid_and_back(seed) -> None:
    coefficients = random_coefficients(seed)
    np.testing.assert_allclose(HARMONICS.to_coefficients(HARMONICS.to_grid(coefficients)), coefficients, atol=1e-12)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_the_mean_square_is_the_sum_of_squares_of_the_coefficients(seed) -> None:
    coefficients = random_coefficients(seed)
    power = np.abs(coefficients) ** 2
    expected = power[:, 0].sum(axis=-1) + 2 * power[:, 1:].sum(axis=(-1, -2))
    np.testing.assert_allclose(HARMONICS.mean(HARMONICS.to_grid(coefficients) ** 2), expected, rtol=1e-12)


def test_the_divergence_of_the_gradient_is_the_laplacian() -> None:
    coefficients = random_coefficients(1)
    eastward, northward = HARMONICS.gradient(coefficients)
    divergence = HARMONICS.source_minus_divergence(0 * eastward, -eastward, -northward)
    eigenvalues = -np.arange(11) * np.arange(1, 12) / 6.371e6**2
    np.testing.assert_allclose(divergence, eigenvalues * coefficients, atol=1e-12 * np.abs(eigenvalues).max())


def test_the_gradient_of_a_tilted_plane_wave_has_its_closed_form() -> None:
    field = COSINE * np.cos(LONGITUDE) + SINE
    eastward, northward = HARMONICS.gradient(HARMONICS.to_coefficients(field))
    np.testing.assert_allclose(eastward * EARTH_RADIUS, -np.sin(LONGITUDE) + 0 * SINE, atol=1e-13)
    np.testing.assert_allclose(northward * EARTH_RADIUS, COSINE - SINE * np.cos(LONGITUDE), atol=1e-13)


def test_the_wind_of_twice_the_rotation_rate_is_solid_body_rotation() -> None:
    rate = 2e-6
    vorticity = HARMONICS.to_coefficients(2 * rate * SINE + 0 * LONGITUDE)
    eastward, northward = HARMONICS.wind(vorticity)
    np.testing.assert_allclose(eastward, rate * EARTH_RADIUS * COSINE + 0 * LONGITUDE, atol=1e-11)
    np.testing.assert_allclose(northward, 0, atol=1e-11)


def test_products_of_two_fields_are_free_of_aliasing() -> None:
    coefficients = random_coefficients(2)
    fine = SphericalHarmonics(32)
    padded = np.zeros((2, 33, 33), np.complex128)
    padded[:, :11, :11] = coefficients
    exact = fine.to_coefficients(np.prod(fine.to_grid(padded), axis=0))[:11, :11]
    product = HARMONICS.to_coefficients(np.prod(HARMONICS.to_grid(coefficients), axis=0))
    np.testing.assert_allclose(product, exact, atol=1e-12)
