"""Lagged: members that start from earlier initial times."""

__all__ = ["Lagged"]

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.times import format_duration, format_offset, parse_offset
from wxml.errors import ConfigError, Fault
from wxml.forecasting.perturbation import EarlierRun, InitialState, Perturbation, PerturbationSpace

NONE = np.timedelta64(0, "s")
Lags = Annotated[
    list[str],
    Field(
        min_length=1,
        description="How much earlier: member n takes the one at the place n mod their number; 0h: no earlier",
        examples=[["0h", "6h", "12h"]],
    ),
]


class Lagged(Perturbation):
    """Replaces the initial state by the model's own forecast for it from an earlier initial time.

    So the member goes on with that forecast, as in a lagged average forecast (Hoffman and Kalnay 1983,
    doi:10.3402/tellusa.v35i2.11425). The forecast up to the initial time is unperturbed and without noise.
    """

    def __init__(self, space: PerturbationSpace, *, lags: Lags) -> None:
        super().__init__(space)
        self._lags = [parse_offset(lag) for lag in lags]
        for lag in self._lags:
            if lag < NONE or lag % space.timestep != NONE:
                step = format_duration(space.timestep)
                problem = f"`lags` must be multiples of the time step of {step}, or 0h, got {format_offset(lag)}"
                raise ConfigError([Fault("forecast.perturbations", problem)], fix=f"write multiples of {step}")

    def runs(self, member: int) -> Sequence[EarlierRun]:
        """The forecast from the lag at the place of the member."""
        lag = self._lags[member % len(self._lags)]
        return () if lag == NONE else (EarlierRun(lag, lag),)

    def _difference(self, state: InitialState) -> NDArray[np.float64]:
        for run in self.runs(state.member):
            return np.nan_to_num(state.run(run, None).astype(np.float64) - state.values)
        return np.zeros(state.values.shape)
