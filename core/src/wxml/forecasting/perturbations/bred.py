"""Bred: the differences that grow in the forecasts of the model itself."""

__all__ = ["Bred"]

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.times import format_duration, format_offset, parse_offset
from wxml.errors import ConfigError, DataError, Fault
from wxml.forecasting.perturbation import EarlierRun, InitialState, Perturbation, PerturbationSpace
from wxml.forecasting.perturbations.scaled import Amplitude, Chosen, amplitudes

NONE = np.timedelta64(0, "s")
Cycles = Annotated[int, Field(ge=1, le=1000, description="How many times differences grow and are scaled back")]
Every = Annotated[
    str | None, Field(description="How long they grow each time, such as 6h; null: a time step", examples=["12h"])
]


class Bred(Perturbation):
    """Adds a bred vector: a difference that has grown in forecasts of the model, cycle after cycle.

    The first cycle begins `cycles` · `every` before the initial time with independent normal numbers. In each cycle the
    model makes a forecast from the analysis and one from the analysis with the difference; what they differ by at the
    end of the cycle is scaled to `amplitude` and added to the analysis then (Toth and Kalnay 1993,
    doi:10.1175/1520-0477(1993)074<2317:EFANTG>2.0.CO;2). The size of a difference is the root mean square, over the
    area of the grid and over the variables, of its values at the last input time in typical changes over one time step.

    A member takes 2 · `cycles` forecasts of the length `every`, of which one half is the same for all members.
    """

    def __init__(
        self,
        space: PerturbationSpace,
        *,
        amplitude: Amplitude = 0.1,
        cycles: Cycles = 8,
        every: Every = None,
        variables: Chosen = None,
    ) -> None:
        super().__init__(space)
        self._amplitude, self._cycles = amplitude, cycles
        self._deviations = amplitudes(space, amplitude, variables)
        self._every = space.timestep if every is None else parse_offset(every)
        if self._every <= NONE or self._every % space.timestep != NONE:
            step = format_duration(space.timestep)
            problem = f"`every` must be a multiple of the time step of {step}, got {format_offset(self._every)}"
            raise ConfigError([Fault("forecast.perturbations", problem)], fix=f"write a multiple of {step}")

    def runs(self, member: int) -> Sequence[EarlierRun]:
        """A forecast of each cycle."""
        return [EarlierRun(cycle * self._every, self._every) for cycle in range(self._cycles, 0, -1)]

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        normal = state.generator().standard_normal((len(self._deviations), len(self.space.grid)))
        difference = self._scaled((self._deviations[:, None] * normal)[None])
        for run in self.runs(state.member):
            apart = state.run(run, difference).astype(np.float64) - state.run(run, None)
            difference = self._scaled(np.nan_to_num(apart))
        return np.broadcast_to(difference, state.values.shape)

    def _scaled(self, difference: NDArray[np.float64]) -> NDArray[np.float64]:
        """A difference `[input time or 1, variable, node]` of the size `amplitude`.

        Raises:
            DataError: there is none, or it is not finite.
        """
        size = self._size(difference[-1])
        if not (0 < size < np.inf):
            raise DataError(
                "the differences of `bred` do not grow: forecasts from the perturbed and from the unperturbed state "
                f"differ by {size:.3g} typical changes after {format_duration(self._every)}",
                fix="perturb the initial states in another way, such as by `spherical`",
            )
        return np.asarray(difference * (self._amplitude / size))

    def _size(self, difference: NDArray[np.float64]) -> float:
        """The size of a difference `[variable, node]`; variables that never change do not count."""
        changes = self.space.changes > 0
        scaled = difference[changes] / self.space.changes[changes, None]
        return float(np.sqrt((scaled**2 @ self.space.grid.area_weights).sum() / max(1, changes.sum())))
