"""Steps in time: third-order Adams–Bashforth, with the linear decay of every coefficient taken exactly."""

__all__ = ["AdamsBashforth"]

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]


class AdamsBashforth:
    """Advances dy/dt = N(y, t) − decay · y with one evaluation of N per step.

    In the variable exp(decay · t) y the decay drops out, and what is left is stepped by Adams–Bashforth (Durran 1999,
    section 2.3.3): with E = exp(−decay · Δt) and N₋₁, N₋₂ the tendencies one and two steps ago,
    y(t + Δt) = E [y + Δt/12 (23 N − 16 E N₋₁ + 5 E² N₋₂)]. The first step is Euler's, the second is of second order.
    """

    def __init__(self, tendency: Callable[[Complex, float], Complex], decay: NDArray[np.float64], step: float) -> None:
        """Set up the scheme.

        Args:
            tendency: N(state, time in seconds).
            decay: one rate (s⁻¹) per coefficient, broadcast against the state.
            step: Δt in seconds.
        """
        self._tendency = tendency
        self._step = step
        self._damping = np.exp(-decay * step)
        self._past: list[Complex] = []

    def advance(self, state: Complex, time: float) -> Complex:
        """The state one step after `time`."""
        recent = [self._tendency(state, time), *self._past]
        change = sum(weight * term for weight, term in zip(_WEIGHTS[len(recent)], recent, strict=True))
        self._past = [self._damping * term for term in recent[:2]]
        return np.asarray(self._damping * (state + self._step * change))


_WEIGHTS = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12)}
