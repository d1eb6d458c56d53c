"""The atmosphere: flow, temperature and humidity, stepped together and written out every six hours."""

__all__ = ["FIELDS", "OUTPUT_INTERVAL", "AdamsBashforth", "Atmosphere"]

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.humidity import COLUMN_MASS, Humidity, saturation_humidity
from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.surface import Surface
from wxml_dataset_sources.simulation.temperature import LAPSE_RATE, Temperature
from wxml_dataset_sources.simulation.vorticity_equation import (
    FlowConstants,
    VorticityEquation,
    balanced_geopotential,
    diffusion_rate,
)

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

FIELDS = ("u", "v", "z", "t", "q", "tp")
OUTPUT_INTERVAL = 6 * 3600  # s
MEAN_GEOPOTENTIAL = 54000.0  # m² s⁻², about that of 500 hPa
TRACER_DIFFUSION_HOURS = 8.0
ADAMS_BASHFORTH = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12)}  # weights, by the known tendencies
STEPS_AT_T21 = 12  # per output, half an hour each: the scheme is stable up to winds of some 120 m/s


class Atmosphere:
    """The coupled equations; their state holds the coefficients `[3, order, degree]` of ζ, T and q."""

    def __init__(self, harmonics: SphericalHarmonics, surface: Surface) -> None:
        self._harmonics = harmonics
        self._flow = VorticityEquation(harmonics, surface.orography, FlowConstants())
        self._temperature = Temperature(harmonics, surface.land)
        self._humidity = Humidity(harmonics, surface.land)
        self._cooling = LAPSE_RATE * surface.orography
        tracer_decay = diffusion_rate(harmonics, TRACER_DIFFUSION_HOURS)
        self._decay = np.stack(np.broadcast_arrays(self._flow.decay, tracer_decay, tracer_decay))
        self._steps = max(STEPS_AT_T21, -(-STEPS_AT_T21 * harmonics.truncation // 21))

    def initial_state(self, seed: int, time: float) -> Complex:
        """Jets with small random eddies, the equilibrium temperature, and air at 70 % relative humidity."""
        temperature = self._temperature.equilibrium(time)
        humidity = 0.7 * saturation_humidity(temperature - self._cooling)
        eddies = np.random.default_rng([seed, 1]).normal(scale=1e-5, size=temperature.shape)
        state = self._harmonics.to_coefficients(np.stack([eddies, temperature, humidity]))
        state[0] += self._flow.jets
        state[0, 0, 0] = 0.0
        return state

    def integrate(self, state: Complex, time: float) -> Iterator[tuple[Complex, Real]]:
        """The state, and the `FIELDS` `[field, latitude, longitude]`, at `time` and every six hours after it, for ever.

        Args:
            state: coefficients, `[3, order, degree]`.
            time: seconds since 1970-01-01 UTC.
        """
        scheme = AdamsBashforth(self._decay, OUTPUT_INTERVAL / self._steps)
        rain = np.zeros_like(self._cooling)
        while True:
            yield state, self._fields(state, rain)
            rain = np.zeros_like(rain)
            for _ in range(self._steps):
                tendency, rain_rate = self._tendency(state, time)
                state = scheme.advance(state, tendency)
                rain += scheme.step * rain_rate
                time += scheme.step

    def _tendency(self, state: Complex, time: float) -> tuple[Complex, Real]:
        """The tendency of the state without its linear decay, and the rain rate (mm/s) on the grid."""
        wind = eastward, northward = self._harmonics.wind(state[0])
        vorticity, temperature, humidity = self._harmonics.to_grid(state)
        ground_temperature = temperature - self._cooling
        rain_rate = self._humidity.condensation(humidity, ground_temperature, vorticity)
        moistening = self._humidity.evaporation(humidity, ground_temperature) - rain_rate
        sources = np.stack([self._temperature.heating(temperature, time), moistening])
        tracers = np.stack([temperature, humidity])
        carried = self._harmonics.source_minus_divergence(sources, tracers * eastward, tracers * northward)
        flow = self._flow.tendency(state[0], wind, time)
        return np.concatenate([flow[None], carried]), COLUMN_MASS * rain_rate

    def _fields(self, state: Complex, rain: Real) -> Real:
        """The `FIELDS` of a state; humidity that the truncation made negative is set to zero."""
        wind = self._harmonics.wind(state[0])
        temperature, humidity = self._harmonics.to_grid(state[1:])
        geopotential = MEAN_GEOPOTENTIAL + balanced_geopotential(self._harmonics, state[0], wind)
        return np.stack([*wind, geopotential, temperature - self._cooling, np.maximum(humidity, 0.0), rain])


class AdamsBashforth:
    """Advances dy/dt = N(y, t) − decay · y with one evaluation of N per step.

    In the variable exp(decay · t) y the decay drops out, and the rest is stepped by Adams–Bashforth: with
    E = exp(−decay · Δt) and N₋₁, N₋₂ the tendencies one and two steps ago,
    y(t + Δt) = E [y + Δt/12 (23 N − 16 E N₋₁ + 5 E² N₋₂)] (Durran 1999, chapter 2). The first step is Euler's and the
    second is of second order.
    """

    def __init__(self, decay: NDArray[np.float64], step: float) -> None:
        """Set up the scheme.

        Args:
            decay: one rate (s⁻¹) per coefficient, broadcast against the state.
            step: Δt in seconds.
        """
        self.step = step
        self._damping = np.exp(-decay * step)
        self._past: list[Complex] = []

    def advance(self, state: Complex, tendency: Complex) -> Complex:
        """The next state; call it once per step, with `tendency` = N(state, t)."""
        recent = [tendency, *self._past]
        change = self.step * sum(
            weight * term for weight, term in zip(ADAMS_BASHFORTH[len(recent)], recent, strict=True)
        )
        self._past = [self._damping * term for term in recent[:2]]
        return np.asarray(self._damping * (state + change))
