"""The atmosphere: flow, temperature and humidity, stepped together and written out every six hours."""

__all__ = ["FIELDS", "OUTPUT_INTERVAL", "Atmosphere"]

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.humidity import COLUMN_MASS, Humidity, saturation_humidity
from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.surface import Surface
from wxml_dataset_sources.simulation.temperature import LAPSE_RATE, Temperature
from wxml_dataset_sources.simulation.time_integration import AdamsBashforth
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
STEPS_AT_T21 = 12  # per output, half an hour each: the fastest wind then crosses less than a wave's seventh in a step


class Atmosphere:
    """The coupled equations; the state is `[vorticity, temperature, humidity]` in coefficients, `[3, order, degree]`."""

    def __init__(self, harmonics: SphericalHarmonics, surface: Surface) -> None:
        constants = FlowConstants()
        self._harmonics = harmonics
        self._flow = VorticityEquation(harmonics, surface.orography, constants)
        self._temperature = Temperature(harmonics, surface.land)
        self._humidity = Humidity(harmonics, surface.land)
        self._cooling = LAPSE_RATE * surface.orography
        tracer_decay = diffusion_rate(harmonics, TRACER_DIFFUSION_HOURS)
        self._decay = np.stack([self._flow.decay, tracer_decay, tracer_decay])[:, None]
        self._steps = max(STEPS_AT_T21, -(-STEPS_AT_T21 * harmonics.truncation // 21))

    def initial_state(self, seed: int, time: float) -> Complex:
        """Jets with small random eddies, the equilibrium temperature, and air at 70 % relative humidity."""
        harmonics = self._harmonics
        temperature = self._temperature.equilibrium(time)
        humidity = 0.7 * saturation_humidity(temperature - self._cooling)
        random = np.random.default_rng([seed, 1])
        eddies = random.normal(scale=1e-5, size=temperature.shape)
        state = harmonics.to_coefficients(np.stack([eddies, temperature, humidity]))
        state[0] += self._flow.jets
        state[0, 0, 0] = 0.0
        return state

    def integrate(self, state: Complex, time: float) -> Iterator[tuple[Complex, Real]]:
        """The state and the `FIELDS` `[field, latitude, longitude]` at `time` and every six hours after it, for ever."""
        scheme = AdamsBashforth(self._tendency, self._decay, OUTPUT_INTERVAL / self._steps)
        rain = np.zeros((len(self._harmonics.latitudes), self._harmonics.num_longitudes))
        while True:
            yield state, self.fields(state, rain)
            ...
