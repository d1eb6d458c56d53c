"""The transform, against closed forms."""

import numpy as np
import pytest
import torch
from acme_sfno.harmonics import SphericalHarmonics
from acme_sfno.legendre import exact_degree, quadrature_weights
from numpy.polynomial import legendre
from numpy.typing import NDArray
from wxml import NodeSet, create
from wxml.testing import tiny_grid

Values = NDArray[np.float64]
GRIDS = ({"latitudes": 8}, {"latitudes": 8, "spacing": "equiangular"}, {"latitudes": 9, "longitudes": 11})


def nodes_of(options: dict[str, object]) -> NodeSet:
    nodes: NodeSet = create("graph-builder", "lat-lon", options).build(tiny_grid()).mesh().nodes
    return nodes


def axes(options: dict[str, object]) -> tuple[Values, Values]:
    found = nodes_of(options).axes
    assert found is not None
    return found


@pytest.mark.parametrize("options", GRIDS, ids=["gaussian", "equiangular", "odd"])
def test_the_coefficients_of_a_map_are_those_it_was_made_of(options: dict[str, object]) -> None:
    harmonics = SphericalHarmonics(*axes(options))
    degrees, orders = np.arange(harmonics.degree + 1)[:, None], np.abs(harmonics.orders)
    there = torch.tensor(orders <= degrees)[None, :, :, None]
    coefficients = torch.randn(2, *there.shape[1:3], 3) * there
    maps = harmonics.synthesis(coefficients)
    assert maps.shape == (2, *map(len, axes(options)), 3)
    torch.testing.assert_close(harmonics.analysis(maps), coefficients, atol=1e-5, rtol=0)


def test_the_degree_is_the_highest_that_is_exact() -> None:
    gaussian, equiangular, odd = (SphericalHarmonics(*axes(options)).degree for options in GRIDS)
    assert (gaussian, equiangular, odd) == (7, 3, 5)


def test_one_degree_more_is_not_exact() -> None:
    latitudes, longitudes = axes({"latitudes": 8, "longitudes": 32})
    harmonics = SphericalHarmonics(latitudes, longitudes, 8)
    coefficients = torch.zeros(1, 9, 17, 1)
    coefficients[0, 8, 0] = 1
    assert harmonics.synthesis(coefficients).abs().max() < 1e-5, "its zeros are the rows"
    assert not torch.allclose(harmonics.analysis(harmonics.synthesis(coefficients)), coefficients)


def closed_forms(nodes: NodeSet) -> dict[tuple[int, int], Values]:
    """Some harmonics of low degree as polynomials of the unit vector, by degree and order."""
    x, y, z = nodes.points.T
    return {
        (0, 0): np.ones_like(z),
        (1, 0): 3**0.5 * z,
        (1, 1): 3**0.5 * x,
        (1, -1): 3**0.5 * y,
        (2, 0): 5**0.5 / 2 * (3 * z**2 - 1),
        (2, 1): 15**0.5 * x * z,
        (2, -2): 15**0.5 * x * y,
        (3, 3): (35 / 8) ** 0.5 * (x**3 - 3 * x * y**2),
    }


@pytest.mark.parametrize("options", GRIDS, ids=["gaussian", "equiangular", "odd"])
def test_harmonics_of_low_degree_are_these_polynomials(options: dict[str, object]) -> None:
    harmonics = SphericalHarmonics(*axes(options))
    shape = tuple(map(len, axes(options)))
    for (degree, order), values in closed_forms(nodes_of(options)).items():
        maps = torch.tensor(values, dtype=torch.float32).reshape(1, *shape, 1)
        coefficients = harmonics.analysis(maps)[0, :, :, 0]
        expected = torch.zeros_like(coefficients)
        expected[degree, list(harmonics.orders).index(order)] = 1
        torch.testing.assert_close(coefficients, expected, atol=2e-6, rtol=0)


def test_the_harmonics_of_a_degree_add_up_to_a_legendre_polynomial() -> None:
    """Σ_m Y_lm(a) Y_lm(b) = (2l + 1) P_l(a · b), whatever the two points are: the addition theorem."""
    options = GRIDS[0]
    harmonics, points = SphericalHarmonics(*axes(options)), nodes_of(options).points
    count = (harmonics.degree + 1) * len(harmonics.orders)
    unit = torch.eye(count).reshape(count, harmonics.degree + 1, -1, 1)
    values = harmonics.synthesis(unit).reshape(harmonics.degree + 1, -1, len(points)).double().numpy()
    for degree in range(harmonics.degree + 1):
        found = values[degree].T @ values[degree]
        polynomial = legendre.Legendre.basis(degree)(np.clip(points @ points.T, -1, 1))
        np.testing.assert_allclose(found, (2 * degree + 1) * polynomial, atol=2e-5)


def test_gaussian_weights() -> None:
    nodes, weights = legendre.leggauss(12)
    np.testing.assert_allclose(quadrature_weights(nodes), weights / 2, atol=1e-14)
    assert exact_degree(nodes) == 11


def test_weights_of_equal_steps_are_those_of_fejer() -> None:
    """w_j = (1 − 2 Σ_{k ≤ n/2} cos 2kθ_j / (4k² − 1)) / n."""
    count = 12
    angles = np.pi * (np.arange(count) + 0.5) / count
    k = np.arange(1, count // 2 + 1)[:, None]
    expected = (1 - 2 * np.sum(np.cos(2 * k * angles) / (4 * k**2 - 1), axis=0)) / count
    np.testing.assert_allclose(quadrature_weights(np.cos(angles)), expected, atol=1e-14)
    assert exact_degree(np.cos(angles)) == 5
