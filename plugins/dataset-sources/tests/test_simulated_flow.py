"""The flow and its tracers against closed forms and conservation laws."""

import numpy as np
import pytest
from wxml_dataset_sources.simulation.atmosphere import AdamsBashforth
from wxml_dataset_sources.simulation.spherical_harmonics import EARTH_RADIUS, SphericalHarmonics
from wxml_dataset_sources.simulation.vorticity_equation import (
    ROTATION_RATE,
    FlowConstants,
    VorticityEquation,
    balanced_geopotential,
)

HARMONICS = SphericalHarmonics(10)
SINE = HARMONICS.sin_latitude[:, None]
FLAT = np.zeros((16, 32))
LONGITUDE = np.radians(HARMONICS.longitudes)
DAY = 86400.0
FREE = FlowConstants(np.inf, np.inf, 0.0, 0.0, 0.0)  # only advection on the rotating sphere is left


def evolve(vorticity, days, step=600.0, constants=None):
    """The vorticity after so many days over flat ground, without forcing or friction unless constants say otherwise."""
    equation = VorticityEquation(HARMONICS, FLAT, constants or FREE)
    scheme = AdamsBashforth(equation.decay, step)
    for count in range(round(days * DAY / step)):
        tendency = equation.tendency(vorticity, HARMONICS.wind(vorticity), count * step)
        vorticity = scheme.advance(vorticity, tendency)
    return vorticity


def eddies(seed=0, strength=3e-5):
    random = np.random.default_rng(seed)
    coefficients = random.normal(size=(11, 11)) + 1j * random.normal(size=(11, 11))
    coefficients[0] = coefficients[0].real
    coefficients *= (HARMONICS.degrees >= np.maximum(HARMONICS.orders, 1)) * np.exp(-((HARMONICS.degrees / 4) ** 2))
    return coefficients * strength / np.sqrt(HARMONICS.mean(HARMONICS.to_grid(coefficients) ** 2))


def invariants(vorticity):
    """Kinetic energy and enstrophy per unit mass, from the coefficients."""
    power = np.abs(vorticity) ** 2 * np.where(HARMONICS.orders == 0, 1, 2)
    return -0.5 * np.sum(power * HARMONICS.inverse_laplacian), 0.5 * np.sum(power)


@pytest.mark.parametrize(("order", "degree"), [(1, 1), (4, 5), (3, 7)])
@pytest.mark.parametrize("rotation", [0.0, 3e-6])
def test_a_rossby_haurwitz_wave_moves_at_its_closed_form_speed(order, degree, rotation) -> None:
    """In solid-body flow ω a wave of degree l moves at ω − 2(Ω + ω) / (l(l + 1)) (Haurwitz 1940)."""
    initial = np.zeros((11, 11), np.complex128)
    initial[0, 1] = 2 * rotation / np.sqrt(3)
    initial[order, degree] = 2e-5
    speed = rotation - 2 * (ROTATION_RATE + rotation) / (degree * (degree + 1))
    final = evolve(initial, days=2)
    expected = initial.copy()
    expected[order, degree] *= np.exp(-1j * order * speed * 2 * DAY)
    np.testing.assert_allclose(final, expected, atol=2e-5 * 1e-3)


def test_advection_changes_neither_energy_nor_enstrophy() -> None:
    """Exact up to rounding, since the quadrature of the triple products is: Σ ψ* ∂ζ/∂t = Σ ζ* ∂ζ/∂t = 0."""
    vorticity = eddies()
    tendency = VorticityEquation(HARMONICS, FLAT, FREE).tendency(vorticity, HARMONICS.wind(vorticity), 0)
    counted = np.where(HARMONICS.orders == 0, 1, 2)
    for weighting in (HARMONICS.inverse_laplacian, np.ones(11)):
        terms = counted * weighting * np.conj(vorticity) * tendency
        assert abs(np.sum(terms.real)) < 1e-12 * np.sum(np.abs(terms))


def test_energy_and_enstrophy_are_conserved_over_days_as_the_step_shrinks() -> None:
    initial = eddies()
    before = np.array(invariants(initial))
    coarse, fine = (evolve(initial, days=3, step=step) for step in (1200.0, 150.0))
    error = [np.abs(invariants(final) - before) / before for final in (coarse, fine)]
    assert np.all(error[1] < 1.5e-4)
    assert np.all(error[1] < error[0] / 10)
    assert np.abs(fine - initial).max() > 0.5 * np.abs(initial).max(), "the flow must have changed meanwhile"


def test_drag_takes_energy_and_growth_adds_it() -> None:
    initial = eddies()
    with_drag = evolve(initial, 1, constants=FlowConstants(np.inf, np.inf, 4e-7, 0.0, 0.0))
    with_growth = evolve(initial, 1, constants=FlowConstants(np.inf, np.inf, 0.0, 2.0, 0.0))
    assert invariants(with_drag)[0] < 0.9 * invariants(initial)[0]
    assert invariants(with_growth)[0] > 1.1 * invariants(initial)[0]


def test_the_flow_over_a_mountain_starts_a_wave_where_there_was_none() -> None:
    mountain = (
        2000 * np.exp(-(((LONGITUDE - np.pi) / 0.5) ** 2)) * np.exp(-(((HARMONICS.latitudes - 45) / 15) ** 2))[:, None]
    )
    equation = VorticityEquation(HARMONICS, mountain, FREE)
    westerly = HARMONICS.to_coefficients(2 * 3e-6 * SINE + 0 * LONGITUDE)
    tendency = HARMONICS.to_grid(equation.tendency(westerly, HARMONICS.wind(westerly), 0.0))
    row = tendency[np.argmin(np.abs(HARMONICS.latitudes - 45))]
    assert row[14] < 0 < row[18], "squeezed columns upstream turn anticyclonically, stretched ones behind cyclonically"


def test_the_geopotential_of_solid_body_rotation_has_its_closed_form() -> None:
    """Gradient-wind balance of u = U cos φ: Φ = −(a Ω U + U² / 2) sin² φ + constant."""
    speed = 25.0
    vorticity = HARMONICS.to_coefficients(2 * speed / EARTH_RADIUS * SINE + 0 * LONGITUDE)
    geopotential = balanced_geopotential(HARMONICS, vorticity, HARMONICS.wind(vorticity))
    expected = -(EARTH_RADIUS * ROTATION_RATE * speed + speed**2 / 2) * (SINE**2 - 1 / 3) + 0 * LONGITUDE
    np.testing.assert_allclose(geopotential, expected, atol=1e-6)


def advect(tracer, vorticity, days, step=900.0):
    eastward, northward = HARMONICS.wind(vorticity)
    scheme = AdamsBashforth(np.zeros(11), step)
    for _ in range(round(days * DAY / step)):
        values = HARMONICS.to_grid(tracer)
        tendency = HARMONICS.source_minus_divergence(0 * values, values * eastward, values * northward)
        tracer = scheme.advance(tracer, tendency)
    return tracer


def blob(longitude):
    """A smooth maximum at 30°N and the given longitude (degrees)."""
    towards = SINE * 0.5 + np.sqrt(1 - SINE**2) * np.sqrt(0.75) * np.cos(LONGITUDE - np.radians(longitude))
    return HARMONICS.to_coefficients(np.exp(3 * (towards - 1)))


def test_advection_keeps_the_mass_of_a_tracer() -> None:
    initial = blob(100)
    final = advect(initial, eddies(1), days=5)
    assert final[0, 0].real == pytest.approx(initial[0, 0].real, rel=1e-13)
    assert np.abs(final - initial).max() > 0.1 * np.abs(initial).max()


def test_solid_body_rotation_carries_a_blob_without_changing_it() -> None:
    rate = 2 * np.pi / (20 * DAY)
    rotation = HARMONICS.to_coefficients(2 * rate * SINE + 0 * LONGITUDE)
    final = advect(blob(100), rotation, days=5)
    np.testing.assert_allclose(final, blob(190), atol=1e-5)


def test_the_time_scheme_is_of_third_order_and_takes_decay_exactly() -> None:
    def error(count):
        scheme = AdamsBashforth(np.array(0.3), 2.0 / count)
        value = np.array(1.0 + 0j)
        for _ in range(count):
            value = scheme.advance(value, 1j * value)
        return abs(value - np.exp((1j - 0.3) * 2.0))

    first_step_dominates = error(400) / error(800)
    assert 3.5 < first_step_dominates < 9
    decaying = AdamsBashforth(np.array(0.7), 1.0)
    assert decaying.advance(np.array(1.0 + 0j), np.array(0j)) == pytest.approx(np.exp(-0.7), rel=1e-15)
