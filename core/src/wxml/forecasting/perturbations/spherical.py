"""Spherical: random patterns of a given length on the sphere."""

__all__ = ["Spherical"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.sphere import unit_vectors
from wxml.forecasting.perturbation import InitialState, Perturbation, PerturbationSpace
from wxml.forecasting.perturbations.scaled import Amplitude, Chosen, amplitudes

EARTH_RADIUS = 6371.0
"""Kilometres."""
WAVES = 512
"""The number of plane waves of a pattern."""
AT_ONCE = 4096
"""The number of nodes whose waves are in memory at once."""
Length = Annotated[float, Field(gt=0, description="L: the correlation at the distance d is exp(−d² / 2L²); kilometres")]


class Spherical(Perturbation):
    """Adds a smooth random pattern to each variable, independent of those of the others, the same at every input time.

    It is the sum of 512 plane waves through the sphere, √(1/512) Σ (a cos(k·x) + b sin(k·x)), with a and b standard
    normal and each component of k normal with the standard deviation 1/L (random Fourier features: Rahimi and Recht
    2007, Random features for large-scale kernel machines). So each node has the same variance on any grid, the mean
    correlation of two nodes is exp(−d² / 2L²), where d is their distance along a straight line, and that of one pattern
    differs from it by about 0.04.
    """

    def __init__(
        self,
        space: PerturbationSpace,
        *,
        length: Length = 500.0,
        amplitude: Amplitude = 0.1,
        variables: Chosen = None,
    ) -> None:
        super().__init__(space)
        self._deviations = amplitudes(space, amplitude, variables)
        self._wave_number = EARTH_RADIUS / length

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        grid, random = self.space.grid, state.generator()
        waves = self._wave_number * random.standard_normal((3, WAVES))
        weights = random.standard_normal((2 * WAVES, len(self._deviations))) * self._deviations / np.sqrt(WAVES)
        places = unit_vectors(grid.latitudes, grid.longitudes)
        parts = [places[first : first + AT_ONCE] @ waves for first in range(0, len(places), AT_ONCE)]
        return np.concatenate([np.hstack([np.cos(part), np.sin(part)]) @ weights for part in parts]).T
