"""The latest initial time of the data."""

__all__ = ["LATEST", "latest_time"]

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError
from wxml.experiment.parts import Experiment
from wxml.forecasting.boundary import BoundaryForcing

LATEST: Final = "latest"
"""What stands for it where an initial time is named."""


def latest_time(experiment: Experiment, steps: int) -> np.datetime64:
    """The last time that has its input states, and of all steps the forcings and what is given at a boundary.

    If there is none with all of these, it is the last one with its input states.

    Raises:
        DataError: there is none.
    """
    window, known = experiment.window(steps), experiment.source.header.times
    states = _with_all(known, window.offsets[: window.input_steps], known)
    changing, reader = experiment.preprocessing.read_forcings[0], experiment.preprocessing.forcing_reader
    found = states
    if changing and reader.where_missing == "error":
        found = _with_all(found, window.offsets[window.forcing_positions], reader.changing.header.times)
    boundary = BoundaryForcing.of(experiment)
    if boundary:
        found = _with_all(found, window.lead_times, boundary.source.header.times)
    last: np.datetime64
    for last in (*found[-1:], *states[-1:]):
        return last
    raise DataError(
        f"the data have no time with its input states: {window.input_steps} are needed, in steps of "
        f"{experiment.config.data.timestep}",
        fix="give data with more times",
    )


def _with_all(
    times: NDArray[np.datetime64], offsets: NDArray[np.timedelta64], known: NDArray[np.datetime64]
) -> NDArray[np.datetime64]:
    """The initial times all of whose times are known."""
    there = np.ones(len(times), bool)
    for offset in offsets:
        there &= np.isin(times + offset, known)
    return times[there]
