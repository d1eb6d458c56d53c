"""Warns of values over periods that are not as long as a time step."""

__all__ = ["warn_of_periods"]

import logging
from collections.abc import Sequence

import numpy as np

from wxml.data.times import format_duration, parse_duration
from wxml.data.variables import Variable

logger = logging.getLogger("wxml")


def warn_of_periods(variables: Sequence[Variable], timestep: np.timedelta64) -> None:
    """Log a warning for each length of periods, such as those of sums of rain, that differs from the time step.

    Args:
        variables: what the model reads and forecasts; a `period` is like `6h` or `6h around the time`.
        timestep: the time step of the model.
    """
    names: dict[str, list[str]] = {}
    for variable in variables:
        if variable.period:
            names.setdefault(variable.period.split()[0], []).append(variable.name)
    for length, concerned in names.items():
        if parse_duration(length) != timestep:
            logger.warning(
                "the values of %s describe periods of %s, and a time step is %s: the periods of a forecast do not "
                "follow each other, so that sums over its steps are wrong; read data with periods of one time step",
                ", ".join(map(repr, concerned)),
                length,
                format_duration(timestep),
            )
