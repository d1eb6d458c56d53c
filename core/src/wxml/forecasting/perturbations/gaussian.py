"""Gaussian: random numbers of each node for itself."""

__all__ = ["Gaussian"]

import numpy as np
from numpy.typing import NDArray

from wxml.forecasting.perturbation import InitialState, Perturbation, PerturbationSpace
from wxml.forecasting.perturbations.scaled import Amplitude, Chosen, amplitudes


class Gaussian(Perturbation):
    """Adds normal numbers, independent of each other, to each variable and node, the same at every input time."""

    def __init__(self, space: PerturbationSpace, *, amplitude: Amplitude = 0.1, variables: Chosen = None) -> None:
        super().__init__(space)
        self._deviations = amplitudes(space, amplitude, variables)

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        normal = state.generator().standard_normal((len(self._deviations), len(self.space.grid)))
        return self._deviations[:, None] * normal
