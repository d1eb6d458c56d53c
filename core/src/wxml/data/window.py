"""Window: the times that a forecast from an initial time needs."""

__all__ = ["Window"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_duration, format_offset


@dataclass(frozen=True, slots=True)
class Window:
    """The times around an initial time that a forecast of some steps needs."""

    input_steps: int
    """The number of states that the model reads; the last one is at the initial time."""
    steps: int
    """The number of states that the model forecasts."""
    timestep: np.timedelta64
    times: tuple[np.timedelta64, ...] | None = None
    """The times relative to the initial time if they are not one `timestep` apart: those of the input states, those of
    the forecast states, then others at which forcings are read alone; each of the three in order of time."""
    forcings: tuple[int, ...] | None = None
    """The positions of the times at which forcings are read; None: of all but the last."""

    @property
    def offsets(self) -> NDArray[np.timedelta64]:
        """The times relative to the initial time; if they are one `timestep` apart, number `input_steps − 1` is 0."""
        if self.times is not None:
            return np.array(self.times, "timedelta64[s]")
        return np.arange(1 - self.input_steps, self.steps + 1) * self.timestep

    @property
    def lead_times(self) -> NDArray[np.timedelta64]:
        """The lead times of the forecast states, shape `[steps]`."""
        return self.offsets[self.input_steps : self.input_steps + self.steps]

    @property
    def forcing_positions(self) -> NDArray[np.intp]:
        """The positions of the times at which forcings are read; without steps, of all."""
        if self.forcings is not None:
            return np.array(self.forcings, np.intp)
        return np.arange(len(self) - bool(self.steps))

    @property
    def description(self) -> str:
        """The times in words."""
        if self.times is None:
            return f"{len(self)} states, {format_duration(self.timestep)} apart"
        return f"states at {', '.join(map(format_offset, sorted(self.times)))} from its initial time"

    def __len__(self) -> int:
        """The number of times, without a list of them."""
        return self.input_steps + self.steps if self.times is None else len(self.times)

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
        if self.times is not None:
            initial_times = times - self.offsets.min()
            is_there = [np.isin(initial_times + offset, times) for offset in self.offsets]
            return np.asarray(initial_times[np.all(is_there, axis=0)])
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
