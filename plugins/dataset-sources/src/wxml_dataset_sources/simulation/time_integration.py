"""Steps in time: third-order Adams–Bashforth, with the linear decay of every coefficient taken exactly."""

__all__ = ["AdamsBashforth"]

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]

WEIGHTS = {1: (1.0,), 2: (3 / 2, -1 / 2), 3: (23 / 12, -16 / 12, 5 / 12)}


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
        """The next state; call once per step, with N of the state."""
        recent = [tendency, *self._past]
        change = self.step * sum(weight * term for weight, term in zip(WEIGHTS[len(recent)], recent, strict=True))
        self._past = [self._damping * term for term in recent[:2]]
        return np.asarray(self._damping * (state + change))
