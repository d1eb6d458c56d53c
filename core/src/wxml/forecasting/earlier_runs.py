"""Forecasts that perturbations ask for, from before the initial time: that they can be made."""

__all__ = ["check_earlier", "steps_back"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wxml.data.call_plan import steps_until
from wxml.data.task import Task
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError
from wxml.experiment.parts import Experiment
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.perturbation import EarlierRun

Times = NDArray[np.datetime64]


def check_earlier(
    experiment: Experiment, times: Times, runs: Sequence[EarlierRun], boundary: BoundaryForcing | None
) -> None:
    """Check that the inputs of earlier forecasts are there, for each of some initial times.

    Raises:
        DataError: one is lacking, which the error names; or the task feeds nothing back.
    """
    for run in runs:
        window = experiment.window(steps_back(experiment.task, run.duration))
        changing, _ = experiment.preprocessing.read_forcings
        for time in times:
            start = time - run.lag
            try:
                experiment.source.header.time_indices(start + window.offsets[: window.input_steps])
                if changing:
                    experiment.preprocessing.require_forcings(start + window.offsets[window.forcing_positions])
                if boundary:
                    boundary.check_times(np.array([start]), window.lead_times)
            except DataError as error:
                raise DataError(
                    f"a perturbation makes a forecast from {format_time(start)}, {format_duration(run.lag)} before the "
                    f"initial time {format_time(time)}: {error.message}",
                    fix="choose later initial times, data that begin earlier, or other `forecast.perturbations`",
                ) from error


def steps_back(task: Task, duration: np.timedelta64) -> int:
    """The number of steps of a forecast of some length that begins before the initial time.

    Raises:
        DataError: the task feeds nothing back, or has no output then.
    """
    if task.shift is None:
        raise DataError(
            "a perturbation makes a forecast from an earlier time, and the task of the model feeds nothing back",
            fix="take the perturbation, such as lagged, out of `forecast.perturbations`",
        )
    return steps_until(task, duration)
