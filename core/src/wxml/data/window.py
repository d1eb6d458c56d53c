"""Window: the times that a forecast from an initial time needs."""

__all__ = ["Window"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Window:
    """The times around an initial time that a forecast of some steps needs."""

    input_steps: int
    """The number of states that the model reads; the last one is at the initial time."""
    steps: int
    """The number of states that the model forecasts."""
    timestep: np.timedelta64

    @property
    def offsets(self) -> NDArray[np.timedelta64]:
        """The times relative to the initial time, shape `[input_steps + steps]`; number `input_steps − 1` is 0."""
        return np.arange(1 - self.input_steps, self.steps + 1) * self.timestep

    def __len__(self) -> int:
        """The number of times, without a list of them."""
        return self.input_steps + self.steps

    def initial_times(
        self, times: NDArray[np.datetime64], period: tuple[np.datetime64, np.datetime64] | None = None
    ) -> NDArray[np.datetime64]:
        """Return the initial times whose whole window is in `times` and within `period` (both ends included).

        Args:
            times: strictly rising.
            period: the first and the last time that a window may have; None: any.
        """
        if period is not None:
            times = times[(times >= period[0]) & (times <= period[1])]
        if len(self) > len(times):
            return times[:0]
        following = np.searchsorted(times, times + self.timestep)
        following[times[following % len(times)] != times + self.timestep] = len(times)
        initial = _after(following, self.input_steps - 1)
        last = _after(following, len(self) - 1)
        return times[initial[last < len(times)]]


def _after(following: NDArray[np.intp], steps: int) -> NDArray[np.intp]:
    """Where one comes from each place by so many steps, each to the place that follows; the number of places: nowhere.

    Squares of the map make it as quick for a long window as for a short one.
    """
    jump = np.append(following, len(following))
    place = np.arange(len(following))
    while steps:
        if steps % 2:
            place = jump[place]
        jump, steps = jump[jump], steps // 2
    return place
