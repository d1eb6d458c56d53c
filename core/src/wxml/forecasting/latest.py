"""The latest initial time of the data."""

__all__ = ["LATEST", "latest_time"]

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError
from wxml.experiment import Experiment

LATEST: Final = "latest"
"""What stands for it where an initial time is named."""


def latest_time(experiment: Experiment, steps: int) -> np.datetime64:
    """The last time that has its input states and, where forcings are read from the data, these at all steps.

    If there is none with all forcings, it is the last one with its input states.

    Raises:
        DataError: there is none.
    """
    window, known = experiment.window(steps), experiment.source.header.times
    states = window.offsets[: window.input_steps]
    read, _ = experiment.preprocessing.origins(experiment.roles.forcing)
    changing = [name for name in read if name not in experiment.preprocessing.constants]
    forcings = window.offsets[window.forcing_positions] if changing else window.offsets[:0]
    for offsets in (np.union1d(states, forcings), states):
        found = _with_all(known, offsets)
        if len(found):
            last: np.datetime64 = found[-1]
            return last
    raise DataError(
        f"the data have no time with its input states: {window.input_steps} are needed, in steps of "
        f"{experiment.config.data.timestep}",
        fix="give data with more times",
    )


def _with_all(known: NDArray[np.datetime64], offsets: NDArray[np.timedelta64]) -> NDArray[np.datetime64]:
    """The initial times all of whose times are known."""
    there = np.ones(len(known), bool)
    for offset in offsets:
        there &= np.isin(known + offset, known)
    return known[there]
